"""Playing a clip: what the loudspeaker gets is the clip."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kept_clips import filled
from tiny_models import FRONTEND
from virtual_mic import MISSING, VirtualMic
from waiting import PATIENCE_S, until

needs_speaker = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))
PLAY = (
    "import sys; from pathlib import Path; from edge_asc.demo.outputs.keep.review.play import *\n"
)


@needs_speaker
def test_a_clip_is_played_as_it_is(tmp_path: Path) -> None:
    _, (clip, *_) = filled(tmp_path / "kept", 1)
    recorded = tmp_path / "recorded.wav"
    rate_hz = FRONTEND.sample_rate_hz
    listen = ["parec", "--device=microphone", "--format=s16le", "--channels=1", f"--rate={rate_hz}"]
    with VirtualMic(rate_hz=rate_hz) as speaker, recorded.open("wb") as file:
        recorder = subprocess.Popen([*listen, "--latency-msec=20"], env=speaker.env, stdout=file)
        try:
            until(lambda: recorded.stat().st_size)  # silence comes first
            code = PLAY + "play(Path(sys.argv[1]))"
            subprocess.run([sys.executable, "-c", code, clip.path], env=speaker.env, check=True)
            n_bytes = recorded.stat().st_size
            until(lambda: recorded.stat().st_size > n_bytes + rate_hz)  # what is on its way
        finally:
            recorder.terminate()
            recorder.wait()
    heard = np.frombuffer(recorded.read_bytes(), "<i2").astype(float)
    wanted = soundfile.read(clip.path, dtype="int16")[0].astype(float)
    n = len(heard) + len(wanted)
    lags = np.fft.irfft(np.fft.rfft(heard, n) * np.conj(np.fft.rfft(wanted, n)), n)
    at = int(lags.argmax())
    assert np.array_equal(heard[at : at + len(wanted)], wanted)


@needs_speaker
def test_without_a_loudspeaker_it_says_so(tmp_path: Path) -> None:
    _, (clip, *_) = filled(tmp_path / "kept", 1)
    code = PLAY + "try: play(Path(sys.argv[1]))\nexcept Unplayable as error: print(error)"
    with VirtualMic() as speaker:
        env = speaker.env
        speaker.kill()
        command = [sys.executable, "-c", code, str(clip.path)]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=PATIENCE_S)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("no loudspeaker plays it: ")
