"""ESC-10 and ESC-50: a comma-separated table, official folds, recordings by Freesound number."""

from pathlib import Path

from edge_asc.data.dataset import Clip, SceneDataset
from edge_asc.data.labels import ESC10_SCENES, ESC50_SCENES, ESC_ABSTRACT, ESC_GROUPS
from edge_asc.data.layouts.table import Row, read_table

ESC_COLUMNS = ("filename", "fold", "target", "category", "src_file")
CLIP_S = 5.0
LICENSES = {
    "ESC-10": "ESC-10 (K. J. Piczak), CC BY 3.0; each clip's author in meta.csv",
    "ESC-50": "ESC-50 (K. J. Piczak), CC BY-NC 3.0: no commercial use",
}


def open_esc(table: Path) -> SceneDataset:
    """Open ESC-10 or ESC-50 by its table (`meta.csv`, or `meta/esc50.csv` as published).

    Raises:
        ValueError: a row with an unknown class, a target of another class or an illegal fold.
    """
    rows = read_table(table, ESC_COLUMNS)
    root = table.parent.parent if table.parent.name == "meta" else table.parent
    is_esc10 = all(_fits(row, ESC10_SCENES) for row in rows)
    name, scenes = ("ESC-10", ESC10_SCENES) if is_esc10 else ("ESC-50", ESC50_SCENES)
    return SceneDataset(
        name=name,
        root=root,
        clips=tuple(_clip(row, root, scenes) for row in rows),
        labels=scenes,
        abstract_labels=tuple(ESC_GROUPS),
        clip_s=CLIP_S,
        license_note=LICENSES[name],
        abstract_map={scene: ESC_ABSTRACT[scene] for scene in scenes},
        test_folds=(1, 2, 3, 4, 5),
        is_uniform=True,
    )


def _fits(row: Row, scenes: tuple[str, ...]) -> bool:
    return row["category"] in scenes and row["target"] == str(scenes.index(row["category"]))


def _clip(row: Row, root: Path, scenes: tuple[str, ...]) -> Clip:
    if row["category"] not in scenes:
        raise row.error(f"unknown class {row['category']!r}; ESC-50 names dog, rooster, …")
    if not _fits(row, scenes):
        target = scenes.index(row["category"])
        raise row.error(f"target of {row['category']} is {target}, not {row['target']!r}")
    if row["fold"] not in ("1", "2", "3", "4", "5"):
        raise row.error(f"fold must be 1 to 5, not {row['fold']!r}")
    return Clip(
        path=root / "audio" / row["filename"],
        label=row["category"],
        fold=int(row["fold"]),
        group=row["src_file"],
        abstract=ESC_ABSTRACT[row["category"]],
        listed=row.place,
    )
