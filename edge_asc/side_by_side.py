"""Train the networks of several folds and seeds at the same time, on one GPU.

One small network leaves most of a GPU idle. Each network's steps are one CUDA graph on a stream of
its own (`course.py`), so the GPU works on as many at once as it has room for, and the host only
starts them. Every network gets a run folder, as if it had been trained alone.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from edge_asc.config.schema import Config
from edge_asc.course import Course, Shelf, check
from edge_asc.data.dataset import SceneDataset
from edge_asc.training.callbacks.history import Diverged, write_rows
from edge_asc.training.fit import Fitted, lay_out
from edge_asc.training.inputs.load import Material
from edge_asc.training.run import begin, save_results

Split = tuple[int | None, int]

LINES = 25  # at most about so many lines, where there is no terminal


@dataclass(frozen=True)
class Member:
    """One network to be trained.

    Attributes:
        fold: the test fold; None: none is held out.
        seed: of everything random.
        folder: its run folder.
        teachers: finished runs that it learns from; none has seen the test fold.
    """

    fold: int | None
    seed: int
    folder: Path
    teachers: tuple[Path, ...] = ()


def train_side_by_side(
    config: Config,
    dataset: SceneDataset,
    members: Sequence[Member],
    *,
    data: str = "",
    resume: bool = False,
    progress: bool = True,
    cache: Path | None = None,
    device: str | None = None,
) -> list[Path]:
    """Train networks of one configuration, and write their run folders.

    Args:
        config: of all networks.
        dataset: an opened data set.
        members: which networks.
        data: path of the data set as the user gave it; "" means `dataset.root`.
        resume: pass over networks that are finished, begin the others anew.
        progress: show progress.
        cache: folder of the feature cache; None: the user's.
        device: torch's name of it; None: the GPU where there is one.

    Returns:
        The run folders, in the order of `members`.

    Raises:
        ValueError: as `train`; a setting that needs the host in every step; a loss that diverged.
        OSError: a file cannot be read or written.
    """
    place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    check(config)
    for member in members:  # before anything is written
        if member.fold is not None:
            dataset.split(member.fold)
    todo = [m for m in members if not (resume and (m.folder / "weights.pt").is_file())]
    materials: dict[Split, Material] = {}
    shelves: dict[Split, Shelf] = {}
    courses: list[Course] = []
    for member in todo:
        split = _split(member, config)
        network, material, teachers = begin(
            config,
            dataset,
            member.fold,
            member.folder,
            data=data,
            teachers=member.teachers,
            seed=member.seed,
            resume=resume,
            progress=progress,
            cache=cache,
            material=materials.get(split),
        )
        materials[split] = material
        if split not in shelves:
            shelves[split] = Shelf.of(material.train, place)
        if config.train.channels_last:
            lay_out(network, torch.channels_last)
        shelf = shelves[split]
        courses.append(Course(network, config, material, shelf, member.seed, teachers, place))
    seconds = run_courses(courses, progress)
    for member, course in zip(todo, courses, strict=True):
        _save(course, member.folder, materials[_split(member, config)], seconds)
    return [member.folder for member in members]


def _split(member: Member, config: Config) -> Split:
    """What decides which clips train: without validation every seed has the same ones."""
    return member.fold, member.seed if config.data.val_fraction else 0


def run_courses(courses: Sequence[Course], progress: bool = True) -> float:
    """Take all steps of all courses, one of each in turn; return the seconds that took.

    Raises:
        Diverged: a loss is no longer a number.
    """
    for course in courses:
        course.prepare()
    started = time.perf_counter()
    last = max(map(len, courses), default=0)
    pause = max((course.steps_per_epoch for course in courses), default=1)
    with _shown(last, progress) as show:
        for step in range(last):
            for course in courses:
                if step < len(course):
                    course.go(step)
            if (step + 1) % pause == 0 or step + 1 == last:
                show(step + 1, _mean_loss(courses, step, pause))
    return time.perf_counter() - started


def _mean_loss(courses: Sequence[Course], step: int, n_steps: int) -> float:
    """Mean over the last steps of all courses; it waits for them.

    Raises:
        Diverged: it is no longer a number.
    """
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    running = [c.losses[max(0, step + 1 - n_steps) : step + 1] for c in courses if step < len(c)]
    mean = float(torch.cat(running).mean())
    if mean != mean or abs(mean) == float("inf"):
        rate = courses[0].config.learning_rate
        raise Diverged(
            f"the loss became {mean} by step {step + 1}: lower the learning rate, {rate}"
        )
    return mean


@contextmanager
def _shown(n_steps: int, wanted: bool) -> Iterator[Callable[[int, float], None]]:
    """A bar on a terminal, now and then a line elsewhere."""
    console = Console(stderr=True, quiet=not wanted)
    started = time.perf_counter()
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    bar = Progress(*columns, TimeRemainingColumn(compact=True), console=console)
    task = bar.add_task("training", total=n_steps)
    lines = {round(n_steps * part / LINES) for part in range(1, LINES + 1)}
    shown = 0

    def show(step: int, loss: float) -> None:
        nonlocal shown
        line = f"step {step}/{n_steps}  loss {loss:.3f}"
        bar.update(task, description=line, completed=step)
        if not console.is_terminal and any(shown < due <= step for due in lines):
            seconds = time.perf_counter() - started
            console.print(f"{line}  {seconds:.0f} s", highlight=False, soft_wrap=True)
        shown = step

    if console.is_terminal and wanted:
        bar.start()
    try:
        yield show
    finally:
        bar.stop()


def _save(course: Course, folder: Path, material: Material, seconds: float) -> None:
    network = course.finish()
    lay_out(network, torch.contiguous_format)
    rows = course.rows_of_history(seconds)
    write_rows(rows, folder / "metrics.csv")
    save_results(folder, Fitted(network, rows, len(rows), seconds, True), material)
