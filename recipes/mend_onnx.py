"""Write .onnx files anew that hold int8 weights as int8 (see `runtime/formats`).

    python recipes/mend_onnx.py FILE...

The network stays what it is, to the last bit; so does the length of the file.
"""

import sys
from pathlib import Path

from edge_asc.files import atomic_write
from edge_asc.runtime.formats.unsigned_weights import unsigned_weights


def main(paths: list[Path]) -> None:
    """Mend those that need it."""
    for path in paths:
        data = path.read_bytes()
        mended = unsigned_weights(data)
        if mended != data:
            with atomic_write(path) as temporary:
                temporary.write_bytes(mended)
        print(f"{path}: {'mended' if mended != data else 'left as it is'}")


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]])
