"""Teaches the encoder what YAMNet hears, window by window, for as long as one likes.

    train.py OUT --data DATA --models MODELS [--windows N] [--decay N] [--set key=value …]

OUT/student.ckpt goes on where it was. The rate is constant and falls to zero over the last `decay`
windows before `windows`: stop at any time, start again with a nearer end, or write
`{"windows": N, "decay": N}` into OUT/end.json. As many processes as
`--processes` learn at the same time, one thread and one ring of windows each; their gradients are
averaged. OUT/log.csv has a line a minute or so, OUT/table.csv the few-shot figures.
"""

import argparse
import csv
import json
import os
import signal
import time
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
import torch.multiprocessing
from embeddings import raw_log_mels
from sounds import Mixing, read_pool
from spectra import packed, unpacked
from student import Average, Checkpoint, Student, embeddings
from table import Clips, few_shot
from teachers import yamnet_256, yamnet_1024
from torch import Tensor, nn
from windows import Answer, Lesson, Ring

from edge_asc.files import atomic_write
from edge_asc.models.maximum import CheapMaximum
from edge_asc.training.placement import cpu_has_bfloat16


@dataclass
class Settings:
    """What a run is; the same settings and the same machine give the same student."""

    seed: int = 0
    batch: int = 32  # windows of one process's step
    rate: float = 2e-3
    warmup: int = 20_000  # windows
    weight_decay: float = 1e-2
    average: float = 0.999
    capacity: int = 150_000  # windows in a ring
    first: int = 4_096  # windows in a ring before the first step
    looks: float = 6.0  # steps a window is drawn for, on average
    answers: tuple[int, int] = (64, 128)  # principal components of YAMNet-256 and YAMNet
    whitening: int = 160  # batches to find the components from
    shares: tuple[float, ...] = Mixing.shares
    crops: tuple[float, ...] = Mixing.crops
    # Options of `SlimEncoder`. Few different numbers of channels: for each a file has a vector of
    # zero points. What the block two before the last knows is worth two points with many clips.
    model: dict[str, Any] = field(
        default_factory=lambda: {"channels": [16, 24, 48, 96, 96, 96, 96], "earlier": 2}
    )


class Run:
    """One process's part of a run."""

    def __init__(self, args: argparse.Namespace, settings: Settings, rank: int) -> None:
        self.args, self.settings, self.rank = args, settings, rank
        self.out: Path = args.out
        teachers = [yamnet_256(args.models), yamnet_1024(args.models)]
        if rank:
            dist.barrier()  # the first process keeps the pool for all
        pool = read_pool(args.data, self.out.parent / "pool.pt")
        self.lesson = Lesson(pool, teachers, Mixing(settings.shares, settings.crops))
        if not rank:
            dist.barrier()
        self.answers = load_answers(self.out, self.lesson, settings)
        self.ring = Ring(self.out / f"ring{rank}", settings.capacity, sum(settings.answers))
        self.skipped = self.wanted(seen_of(self.out)) - max(self.ring.written, settings.first)
        self.fill(settings.first)
        self.student, self.average, self.seen = self.begin()
        self.network: nn.Module = self.student if args.eager else torch.compile(self.student)  # type: ignore[assignment]
        self.rng = np.random.default_rng((settings.seed, 2, rank, self.seen))

    def begin(self) -> tuple[Student, Average, int]:
        """The student of the checkpoint, or a new one."""
        settings, path = self.settings, self.out / "student.ckpt"
        torch.manual_seed(settings.seed)
        mean, std = self.statistics()
        student = Student(settings.model, sum(settings.answers), mean, std)
        student = student.to(memory_format=torch.channels_last)
        self.optimizer = torch.optim.AdamW(
            student.parameters(), settings.rate, weight_decay=settings.weight_decay, fused=True
        )
        average = Average(student, settings.average)
        if not path.is_file():
            for tensor in student.state_dict().values():
                dist.broadcast(tensor, 0)  # the statistics differ from ring to ring
            average = Average(student, settings.average)
            return student, average, 0
        seen = Checkpoint.load(path).restore(student, self.optimizer, average)
        return student, average, seen

    def statistics(self) -> tuple[Tensor, Tensor]:
        """Mean and deviation of each mel over the ring's first windows."""
        raw, _ = self.ring.draw(2048, np.random.default_rng(0))
        return raw.mean((0, 1, 3)), raw.std((0, 1, 3))

    def wanted(self, seen: int) -> int:
        """How many windows a ring has got after so many were learned from."""
        return self.settings.first + int(seen / self.args.processes / self.settings.looks)

    def fill(self, wanted: int) -> None:
        """Make windows until the ring has got so many in all.

        A ring that was lost is not made again: those windows are skipped.
        """
        while self.ring.written < wanted:
            seed = (self.settings.seed, 0, self.rank, self.ring.written + self.skipped)
            features, found = self.lesson.embeddings(np.random.default_rng(seed))
            answers = [ask(e) for ask, e in zip(self.answers, found, strict=True)]
            self.ring.add(features, torch.cat(answers, 1))

    def step(self) -> Tensor:
        """Learn from one batch; returns the loss."""
        settings = self.settings
        self.fill(self.wanted(self.seen) - self.skipped)
        raw, answers = self.ring.draw(settings.batch, self.rng)
        for group in self.optimizer.param_groups:
            group["lr"] = settings.rate * self.share()
        with CheapMaximum() if self.args.eager else nullcontext():
            with torch.autocast("cpu", torch.bfloat16, enabled=cpu_has_bfloat16()):
                told = self.network(raw)
            loss = (told.float() - answers).square().mean()
        self.optimizer.zero_grad()
        loss.backward()
        average_gradients(self.student, self.args.processes)
        self.optimizer.step()
        self.average.update(self.student)
        self.seen += settings.batch * self.args.processes
        return loss.detach()

    def share(self) -> float:
        """Part of the peak rate: warm-up, plateau, decline."""
        left = (self.args.windows - self.seen) / max(self.args.decay, 1)
        return max(0.0, min(1.0, (self.seen + 1) / self.settings.warmup, left))

    def save(self) -> None:
        """Keep everything; the ring keeps itself."""
        self.ring.save()
        if self.rank:
            return
        training = {
            "student": self.student.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "steps": self.average.steps,
            "seen": self.seen,
        }
        Checkpoint(asdict(self.settings), self.average.state, training).save(
            self.out / "student.ckpt"
        )


def seen_of(out: Path) -> int:
    """Windows that the checkpoint of a folder has learned from; 0 without one."""
    path = out / "student.ckpt"
    return int(Checkpoint.load(path).training["seen"]) if path.is_file() else 0


def load_answers(out: Path, lesson: Lesson, settings: Settings) -> list[Answer]:
    """What the teachers are asked; found once a run, by the first process."""
    path = out / "answers.pt"
    if dist.get_rank() == 0 and not path.is_file():
        found = lesson.fit_answers(list(settings.answers), settings.whitening, settings.seed)
        with atomic_write(path) as temporary:
            torch.save([answer.__dict__ for answer in found], temporary)
    dist.barrier()
    return [Answer(**parts) for parts in torch.load(path, weights_only=True)]


def average_gradients(student: nn.Module, processes: int) -> None:
    """Every process gets the mean of all gradients."""
    if processes == 1:
        return
    gradients = [p.grad for p in student.parameters() if p.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    dist.all_reduce(flat)
    for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient) / processes)


def log(path: Path, row: dict[str, Any]) -> None:
    """Add a line to a CSV file."""
    is_new = not path.is_file()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, row, lineterminator="\n")
        if is_new:
            writer.writeheader()
        writer.writerow(row)


def end_of(args: argparse.Namespace) -> tuple[float, float]:
    """Last window and length of the decline; OUT/end.json overrides them while a run goes on."""
    path: Path = args.out / "end.json"
    chosen = json.loads(path.read_text()) if path.is_file() else {}
    return chosen.get("windows", args.windows), chosen.get("decay", args.decay)


class Judge:
    """Looks at the few-shot table now and then, without its test clips."""

    def __init__(self, run: Run) -> None:
        self.run = run

    @cached_property
    def clips(self) -> tuple[Clips, Tensor]:
        """The table's clips and their raw features, decoded once for all runs."""
        kept = self.run.out.parent / "clips.pt"
        if not kept.is_file():
            clips = Clips.read(self.run.args.data / "esc50")
            raw = packed(raw_log_mels(clips.sounds))
            with atomic_write(kept) as temporary:
                torch.save([raw, *map(torch.from_numpy, (clips.labels, clips.folds))], temporary)
        raw, labels, folds = torch.load(kept, weights_only=True)
        return Clips(np.empty(0), labels.numpy(), folds.numpy()), unpacked(raw)

    def __call__(self, started: float) -> None:
        """Add a line to table.csv."""
        run, (clips, raw) = self.run, self.clips
        student = Checkpoint({"model": run.settings.model}, run.average.state, {}).student()
        table = few_shot(embeddings(student, raw), clips, quick=True)
        row = {"windows": run.seen, "seconds": round(time.time() - started)}
        log(run.out / "table.csv", row | {k: v["choice"] for k, v in table.items()})


def work(rank: int, args: argparse.Namespace, settings: Settings) -> None:
    """What one process does."""
    torch.set_num_threads(1)
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(args.port)}
    dist.init_process_group("gloo", rank=rank, world_size=args.processes)
    run = Run(args, settings, rank)
    judge = Judge(run) if rank == 0 else None
    stop = [False]
    signal.signal(signal.SIGTERM, lambda *_: stop.__setitem__(0, True))
    started = saved = judged = time.time()
    losses: list[Tensor] = []
    while run.seen < args.windows:
        losses.append(run.step())
        if len(losses) < args.every and run.seen < args.windows:
            continue
        ages = [time.time() - saved, time.time() - judged]
        flags = torch.tensor([float(stop[0]), *ages, *end_of(args)], dtype=torch.float64)
        dist.broadcast(flags, 0)
        stopped, since_save, since_judge, args.windows, args.decay = flags.tolist()
        if rank == 0:
            seconds = round(time.time() - started)
            loss = float(torch.stack(losses).mean())
            log(args.out / "log.csv", {"windows": run.seen, "seconds": seconds,
                "loss": round(loss, 4), "rate": round(run.share(), 3),
                "made": run.ring.written})  # fmt: skip
        losses.clear()
        ended = stopped or run.seen >= args.windows
        if since_save > args.save_s or ended:
            run.save()
            saved = time.time()
        if judge and (since_judge > args.judge_s or ended):
            judge(started)
        judged = time.time() if since_judge > args.judge_s else judged
        if stopped:
            break
    dist.barrier()
    dist.destroy_process_group()


def settings_of(pairs: list[str]) -> Settings:
    """Settings with `key=value` changes; `model.key=value` is an option of the encoder.

    `model.name=…` before them takes another encoder, which has none of the usual one's options.
    """
    settings = Settings()
    for pair in pairs:
        key, text = pair.split("=", 1)
        parts = tuple(map(_number_or_word, text.split(",")))
        value = parts if "," in text else parts[0]
        if key == "model.name":
            settings.model = {"name": text}
        elif key.startswith("model."):
            settings.model[key.removeprefix("model.")] = list(parts) if "," in text else value
        elif not hasattr(settings, key):
            raise SystemExit(f"train.py: no setting {key!r}")
        else:
            setattr(settings, key, value)
    return settings


def _number_or_word(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def main() -> None:
    """Read the command line, start the processes."""
    parser = argparse.ArgumentParser(description="teach the encoder")
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="ambience/, esc10/, esc50/")
    parser.add_argument("--models", type=Path, required=True, help="the teachers' files")
    parser.add_argument("--windows", type=int, default=2_000_000)
    parser.add_argument("--decay", type=int, default=400_000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--port", type=int, default=29511)
    parser.add_argument("--every", type=int, default=200, help="steps between lines of log.csv")
    parser.add_argument("--save-s", type=float, default=120)
    parser.add_argument("--judge-s", type=float, default=600)
    parser.add_argument("--eager", action="store_true", help="without torch.compile")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.multiprocessing.spawn(work, (args, settings_of(args.set)), args.processes)


if __name__ == "__main__":
    main()
