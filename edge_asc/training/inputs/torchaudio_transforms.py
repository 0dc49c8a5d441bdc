"""torchaudio's mel transform, also where torchaudio's compiled half cannot be loaded.

Wheels of torchaudio for x86-64 are linked against CUDA, so that `import torchaudio` fails beside a
CPU build of torch. The transforms are plain Python: with an empty stand-in for the compiled half
they import and work. Reading files does not; `edge_asc.audio.decode` does that.

No release ends this yet: 2.11.1, the newest on 2026-11-28, loads its compiled half on import.
"""

import importlib
import sys
import warnings
from types import ModuleType
from typing import Any, NoReturn

from edge_asc.install import add_extra


def _no_alignment(*_: object, **__: object) -> NoReturn:
    raise RuntimeError("forced alignment needs torchaudio's compiled half, which cannot be loaded")


def _stand_in() -> ModuleType:
    extension = ModuleType("torchaudio._extension")
    nothing = {"_IS_TORCHAUDIO_EXT_AVAILABLE": False, "_IS_ALIGN_AVAILABLE": False}
    vars(extension).update(nothing)
    vars(extension).update(fail_if_no_align=lambda _: _no_alignment)
    vars(extension).update(_check_cuda_version=lambda: None)
    return extension


try:
    importlib.import_module("torchaudio")
except ModuleNotFoundError as error:
    raise ImportError(f"this needs torchaudio: {add_extra('train')}") from error
except (ImportError, OSError, RuntimeError):  # a library is missing, or of another CUDA version
    sys.modules["torchaudio._extension"] = _stand_in()
    importlib.import_module("torchaudio")

from torchaudio.transforms import MelSpectrogram  # noqa: E402


def mel_spectrogram(**settings: Any) -> MelSpectrogram:
    """The `MelSpectrogram` of torchaudio, silent about empty filters.

    They are as they should be, see `edge_asc.frontend.mel.filter_bank`.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="At least one mel filterbank has all zero")
        return MelSpectrogram(**settings)
