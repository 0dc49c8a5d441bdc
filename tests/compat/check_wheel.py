"""Does the wheel hold what the checkout holds, and the one made from the source archive too?

python check_wheel.py SOURCE WHEEL...
"""

import sys
import zipfile
from pathlib import Path

MAPPED = ("quantize", "export", "demo")  # folders beside edge_asc that install inside it

DATA = {"static", "zoo", "report"}  # folders whose every file ships


def expected(source: Path) -> set[str]:
    """Names inside a wheel: our modules and data under the names they are imported by."""
    package = source / "edge_asc"
    own = [p for p in package.rglob("*") if p.relative_to(package).parts[0] not in MAPPED]
    files = {p: p.relative_to(source) for p in own}
    for part in MAPPED:
        paths = (source / part).rglob("*")
        files |= {p: Path("edge_asc") / p.relative_to(source) for p in paths}
    kept = (".py", ".toml", "py.typed")
    return {
        name.as_posix()
        for path, name in files.items()
        if path.is_file()
        and (name.name.endswith(kept) or (DATA & {*name.parts} and name.suffix != ".pyc"))
    }


def contents(wheel: Path) -> set[str]:
    """Names inside a wheel, its own records aside."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    return {name for name in names if ".dist-info/" not in name}


def main(source: Path, wheels: list[Path]) -> int:
    """Name what is missing and what is too much; 1 when anything is."""
    wanted, failed = expected(source), False
    for wheel in wheels:
        found = contents(wheel)
        for what, names in (("missing", wanted - found), ("too much", found - wanted)):
            failed |= bool(names)
            for name in sorted(names):
                print(f"FAIL {wheel}: {what}: {name}")
        print(f"{'FAIL' if failed else 'ok  '} {wheel.name}: {len(found)} files")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]]))
