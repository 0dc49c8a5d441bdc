"""The models inside the package, a folder each.

In it lie `NAME.tflite`, perhaps `NAME.onnx`, and a card `NAME.md`.

A card is Markdown for people. Before it, between two lines of `---`, stand facts for programs: a
line `key: value` each, the value in JSON, which YAML readers take too. `default: true` marks the
model that is used where none is named, `kind: "encoder"` one that knows no scenes and is taught
upon.
"""

import hashlib
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from edge_asc.files import atomic_write
from edge_asc.runtime.classifier import Classifier
from edge_asc.suggest import nearest, no_such

FOLDER = Path(__file__).parent
FENCE = "---"
SUFFIXES = (".tflite", ".onnx")
REQUIRED = ("summary", "data", "licence", "sha256")
ACCURACY = "accuracy_int8"  # which an encoder has not
ENCODER = "encoder"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ZooModel:
    """A model of the zoo.

    Args:
        name: as the commands take it.
        facts: what stands before the card's text.
        card: the text, Markdown.
        tflite: the file.
        onnx: the same network as ONNX; None where only the other one is shipped.
    """

    name: str
    facts: dict[str, Any]
    card: str
    tflite: Path
    onnx: Path | None

    @property
    def is_default(self) -> bool:
        """Whether it answers where no model is named."""
        return bool(self.facts.get("default"))

    @property
    def is_encoder(self) -> bool:
        """Whether it knows no scenes and is taught upon."""
        return self.facts.get("kind") == ENCODER

    def file(self, file_format: str) -> Path:
        """The file in a format.

        Raises:
            ValueError: it is not shipped in this one.
        """
        path = {"tflite": self.tflite, "onnx": self.onnx}[file_format]
        if path is None:
            raise ValueError(f"{self.name} comes as .tflite only")
        return path


def zoo_models(folder: Path | None = None) -> list[ZooModel]:
    """All that know scenes, the default first, then by name.

    Raises:
        ValueError: a model without a proper card, or a card of another file.
    """
    models = [model for model in _all(folder or FOLDER) if not model.is_encoder]
    return sorted(models, key=lambda model: (not model.is_default, model.name))


def zoo_encoders() -> list[ZooModel]:
    """All encoders, by name; raises as `zoo_models`."""
    return [model for model in _all(FOLDER) if model.is_encoder]


def _all(folder: Path) -> list[ZooModel]:
    return [_read(path) for path in sorted(folder.glob("*/*.tflite"))]


def _read(tflite: Path) -> ZooModel:
    path, onnx = tflite.with_suffix(".md"), tflite.with_suffix(".onnx")
    if not path.is_file():
        raise ValueError(f"{tflite}: a model without its card {path.name}")
    facts, text = parse_card(path.read_text("utf-8"), str(path))
    if ACCURACY not in facts and facts.get("kind") != ENCODER:
        raise ValueError(f"{path}: no {ACCURACY} among its facts")
    if facts["sha256"] != digest(tflite):
        raise ValueError(f"{path}: speaks of another file than {tflite.name} (sha256)")
    return ZooModel(tflite.stem, facts, text, tflite, onnx if onnx.is_file() else None)


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def parse_card(content: str, name: str = "card") -> tuple[dict[str, Any], str]:
    """Facts and text of a card.

    Raises:
        ValueError: no facts, a line that is none, or a fact that every card must have is missing.
    """
    first, *lines = content.splitlines()
    if first != FENCE or FENCE not in lines:
        raise ValueError(f"{name}: no facts between two lines of {FENCE}")
    end = lines.index(FENCE)
    facts = dict(_fact(line, f"{name} line {i}") for i, line in enumerate(lines[:end], 2))
    if absent := [key for key in REQUIRED if key not in facts]:
        raise ValueError(f"{name}: no {', '.join(absent)} among its facts")
    return facts, "\n".join(lines[end + 1 :]).strip()


def _fact(line: str, where: str) -> tuple[str, Any]:
    key, colon, value = line.partition(": ")
    try:
        return key, json.loads(value)
    except json.JSONDecodeError:
        what = f"the value of {key!r} is no JSON" if colon else "not 'key: value'"
        raise ValueError(f"{where}: {what}") from None


def card_text(facts: dict[str, Any], text: str) -> str:
    """A card as it lies in the zoo; `parse_card` reads it."""
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in facts.items()]
    return "\n".join([FENCE, *lines, FENCE, "", text.strip(), ""])


def find_model(name: str) -> ZooModel:
    """The model of a name.

    Raises:
        ValueError: there is none; says which there are. Or its card is not proper.
    """
    if name not in (names := zoo_names()):
        raise ValueError(no_such("model of the zoo", name, names))
    return _read(FOLDER / name / f"{name}.tflite")


def zoo_names() -> list[str]:
    """Names of models and encoders, in the order of the alphabet; no file is read."""
    return sorted(path.stem for path in FOLDER.glob("*/*.tflite"))


def model_path(model: str | PathLike[str]) -> Path:
    """The file of a path, or of a name of the zoo; what lies here under that name comes first.

    Raises:
        FileNotFoundError: neither; says which name may have been meant.
    """
    path = Path(model)
    if path.exists():
        return path
    name = str(model)
    if name in zoo_names():
        log.info("model %s of the zoo", name)
        return find_model(name).tflite
    near = nearest(path.stem if path.suffix in SUFFIXES else name, zoo_names())
    hint = f"; did you mean {near} (edge-asc models)?" if near else ""
    raise FileNotFoundError(f"no model at {name}: no such file or folder{hint}")


def is_shipped(path: Path) -> bool:
    """Whether a file is one of the zoo's own, which nothing may change."""
    return FOLDER.resolve() in path.resolve().parents


def default_model() -> ZooModel:
    """The model that answers where none is named.

    Raises:
        ValueError: the zoo has none.
    """
    models = zoo_models()
    if not models or not models[0].is_default:
        raise ValueError("which model? This edge-asc comes without one: --model FILE")
    return models[0]


def model_or_default(model: Path | None, say: Callable[[str], Any]) -> Path:
    """The file, the zoo's model of that name, or its default, of which a line is said."""
    if model is not None:
        return model_path(model)
    chosen = default_model()
    say(f"model {chosen.name}: {chosen.facts['summary']}")
    return chosen.tflite


def zoo() -> list[str]:
    """Names of the models inside the package that know scenes, the default first.

    Example:
        >>> "esc10-32k" in ea.zoo()
        True
    """
    return [model.name for model in zoo_models()]


def load(
    model: str | PathLike[str],
    runtime: str | None = None,
    *,
    threads: int = 1,
    views: int | None = None,
) -> Classifier:
    """Open a model that says what sounds are; needs no torch.

    Args:
        model: a name of the zoo (`ea.zoo()`), or the path of a `.tflite` or `.onnx` file that
            `edge-asc export` wrote; a `ModelFile` is one.
        runtime: "litert", "tflite" or "onnxruntime"; None: the first installed one that runs the
            file's format.
        threads: of the runtime's kernels.
        views: how often each window is heard, shifted in time; None: as the file says.

    Returns:
        A `Classifier`: call it on a sound. Of "encoder" one that has no labels, whose `embed` is
        all that it can do.

    Raises:
        ValueError: not a model file of ours, or no runtime for it.
        OSError: there is no such model or file, or it cannot be read.

    Example:
        >>> clf = ea.load("esc10-32k")
        >>> clf.labels[:3]
        ['dog', 'rain', 'sea_waves']
        >>> clf("dog.wav").label in clf.labels
        True
    """
    return Classifier.load(model_path(model), runtime, threads, views, scenes=False)


def copy_model(model: ZooModel, file_format: str, out: Path) -> Path:
    """Copy a model out of the package, into a folder or under a name; where it went.

    Raises:
        OSError: it cannot be written there.
    """
    source = model.file(file_format)
    target = out / source.name if out.is_dir() else out
    with atomic_write(target) as temporary:
        temporary.write_bytes(source.read_bytes())
    return target


def model_facts(model: ZooModel) -> dict[str, Any]:
    """A model as JSON has it."""
    return {
        "name": model.name,
        "default": model.is_default,
        "tflite": str(model.tflite),
        "tflite_bytes": model.tflite.stat().st_size,
        "onnx": str(model.onnx) if model.onnx else None,
        "onnx_bytes": model.onnx.stat().st_size if model.onnx else None,
        **{key: value for key, value in model.facts.items() if key != "default"},
    }


def models_text(models: list[ZooModel]) -> str:
    """The list for people."""
    if not models:
        return "no models: this edge-asc comes without any"
    width = max(len(model.name) for model in models)
    return "\n".join(
        f"{'*' if model.is_default else ' '} {model.name:{width}}"
        f"  {model.tflite.stat().st_size:>7,} bytes"
        f"  {_accuracy(model):>7}  {model.facts['summary']}"
        for model in models
    )


def _accuracy(model: ZooModel) -> str:
    return f"{100 * model.facts[ACCURACY]:.1f} %" if ACCURACY in model.facts else "-"
