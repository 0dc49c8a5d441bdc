"""A microphone that is lost, stalls, or is silent: found in time, and had again under its name.

The microphone is a PulseAudio of our own, which some recorders hear at once; each loss is a try of
each of them. While the sound server is away another device may come before it, so that numbers
change.
"""

import random
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from found import Found
from listener import write_noise

sys.path.append(str(Path(__file__).resolve().parents[2] / "tests/support/machine"))
from recorder import Recorder
from virtual_mic import MISSING, VirtualMic

NOTICED_S = 5.0
HEARERS = 5  # recorders at once
LOSSES = ("sound server killed", "stalled", "silent")
NAMED = {"sound server killed": "lost", "stalled": "lost", "silent": "silent"}


def lost_microphones(tries: int, seed: int) -> Found:
    """Lose it in one of the ways, give it back, and see what the recorders say."""
    found = Found("microphone lost", tries, seed)
    if MISSING is not None:
        raise SystemExit(MISSING)
    rng = random.Random(f"unplugged {seed}")
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        noise = write_noise(folder / "noise.wav", 600.0)
        mic = stack.enter_context(VirtualMic())
        player = mic.play(noise)
        hearers = []
        for number in range(min(HEARERS, tries)):
            (folder / str(number)).mkdir()
            hearers.append(Recorder(mic.env, folder / str(number)))
            stack.callback(hearers[-1].kill)
        names = [hearer.wait_for(state="listening")["name"] for hearer in hearers]
        for first in range(0, tries, len(hearers)):
            way = LOSSES[first // len(hearers) % len(LOSSES)]
            begun_s = time.monotonic()
            _lose(mic, player, way)
            losses = [hearer.wait_for(state=NAMED[way]) for hearer in hearers]
            player = _give_back(mic, player, way, noise, rng)
            backs = [hearer.wait_for(state="listening") for hearer in hearers]
            for i, (loss, back) in enumerate(zip(losses, backs, strict=True)):
                took_s = loss["time_s"] - begun_s
                found.most("noticed_s", took_s)
                wrong = "" if took_s <= NOTICED_S else f"noticed after {took_s:.1f} s"
                if back["name"] != names[i]:
                    wrong = f"{names[i]!r} comes back as {back['name']!r}"
                found.count(way, first + i, wrong)
        player.kill()
        player.wait()
    return found


def _lose(mic: VirtualMic, player: Any, way: str) -> None:
    if way == "sound server killed":
        mic.kill()
    elif way == "stalled":
        mic.suspend(True)
    else:
        player.kill()
        player.wait()


def _give_back(mic: VirtualMic, player: Any, way: str, noise: Path, rng: random.Random) -> Any:
    """The player that is heard from then on."""
    if way == "stalled":
        mic.suspend(False)
        return player
    if way == "sound server killed":
        player.wait()
        if rng.random() < 0.3:
            mic.add_device_before(f"other{rng.randrange(10**6)}")
        mic.start()
    return mic.play(noise)


def summary(found: dict[str, Any]) -> str:
    """What the table says of it."""
    counts = Counter(found["counts"])
    ways = ", ".join(f"{way} {counts[way]}" for way in LOSSES if counts[way])
    return (
        f"found within {found['figures']['noticed_s']:.1f} s; {found['wrong']} late or under"
        f" another name; {ways}"
    )
