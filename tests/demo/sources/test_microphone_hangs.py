"""PortAudio hangs when the sound server does; the process must be able to end nevertheless."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from recorder import Recorder
from virtual_mic import MISSING, VirtualMic
from waiting import SOON_S

pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))

NOTICED_S = 5.0  # what is promised; test_recovery proves it with a clock of its own


@pytest.fixture
def mic() -> Iterator[VirtualMic]:
    with VirtualMic() as mic:
        yield mic


@pytest.fixture
def recorder(mic: VirtualMic, tmp_path: Path) -> Iterator[Recorder]:
    recorder = Recorder(mic.env, tmp_path)
    yield recorder
    recorder.kill()


def test_a_frozen_sound_server_is_told_from_a_lost_one(mic: VirtualMic, recorder: Recorder) -> None:
    recorder.wait_for(state="listening")
    mic.freeze()
    frozen_s = time.monotonic()
    lost = recorder.wait_for(state="lost")
    assert lost["time_s"] - frozen_s < NOTICED_S + SOON_S
    last = recorder.finish(tell=False)
    assert last["hung"].startswith("the sound system hangs: closing pulse")
    assert (last["exit"], last["took_s"] < SOON_S) == (0, True)


def test_closing_takes_no_longer_than_it_may(mic: VirtualMic, recorder: Recorder) -> None:
    recorder.wait_for(state="listening")
    mic.freeze()
    last = recorder.finish()
    said, limit_s = last["hung"].removesuffix(" s").rsplit(" ", 1)
    assert said == "the sound system hangs: closing pulse takes longer than"
    assert 0.7 < float(limit_s) < SOON_S
    assert (last["exit"], last["took_s"] < SOON_S) == (0, True)


OPEN = """
import edge_asc.demo.sources.microphone as module, sys
module.OPEN_LIMIT_S = 1.0
try:
    module.Microphone("pulse")
except OSError as error:
    print(error, file=sys.stderr)
"""


def test_one_that_hangs_from_the_start_is_an_error(mic: VirtualMic) -> None:
    mic.freeze()
    command = [sys.executable, "-c", OPEN]
    done = subprocess.run(command, env=mic.env, capture_output=True, text=True, timeout=30)
    expected = r"the sound system hangs: opening pulse takes longer than 1\.\d s\n"
    assert done.returncode == 0
    assert re.fullmatch(expected, done.stderr)  # which PortAudio was about to point elsewhere
