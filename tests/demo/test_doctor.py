"""Doctor: what it finds on faked machines, in synthetic recordings, and through PortAudio."""

import json
import time
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from edge_asc.demo.doctor import doctor
from edge_asc.demo.doctor import python as doctor_python
from edge_asc.demo.doctor import recording as doctor_recording
from edge_asc.demo.doctor import system as doctor_system
from edge_asc.demo.doctor.findings import Finding, Verdict, run_python
from edge_asc.demo.doctor.recording import Recorded, judge, longest_zeros, record
from edge_asc.demo.doctor.sound import check_access, check_sound
from edge_asc.demo.hearing import machine
from edge_asc.demo.hearing.levels import dbfs
from edge_asc.demo.sources.source import Block, SourceCounts
from edge_asc.install import add_extra, add_package
from edge_asc.runtime.classifier import RUNTIMES
from edge_asc.shown import shown
from virtual_mic import MISSING, VirtualMic

RATE_HZ = 32000
MIC_TOLERANCE_DB = 1.0  # of noise over a second; what is played is recorded bit by bit
VERDICTS = get_args(Verdict)

findings_lists = st.lists(
    st.builds(
        Finding,
        check=st.text(max_size=10),
        verdict=st.sampled_from(VERDICTS),
        fact=st.text(max_size=30),
        advice=st.text(max_size=30),
    ),
    max_size=8,
)


def put(root: Path, name: str, content: str | bytes) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def by_check(findings: Any) -> dict[str, Finding]:
    return {finding.check: finding for finding in findings}


# Findings as text and JSON


def check_schema(found: dict[str, Any]) -> None:
    assert set(found) == {"edge_asc", "ok", "findings"}
    for finding in found["findings"]:
        assert set(finding) == {"check", "verdict", "fact", "advice"}
        assert finding["verdict"] in VERDICTS
    assert found["ok"] == all(finding["verdict"] != "fail" for finding in found["findings"])


@given(findings_lists)
def test_json_says_what_text_says(findings: list[Finding]) -> None:
    found = json.loads(json.dumps(doctor.as_dict(findings)))
    check_schema(found)
    assert found["ok"] != doctor.failed(findings)
    text = "\n".join(map(doctor.finding_text, findings))
    for finding in found["findings"]:
        assert all(shown(part) in text for part in finding.values())


def test_this_machine_is_examined_without_a_recording() -> None:
    seen: list[Finding] = []
    findings = doctor.examine(recording=False, on_finding=seen.append)
    assert findings == seen
    check_schema(doctor.as_dict(findings))
    assert all(finding.advice for finding in findings if finding.verdict != "ok")
    assert not any("could not be looked at" in finding.fact for finding in findings)
    found = by_check(findings)
    assert found["board"].fact.startswith(machine.board())
    for name in ("litert", "onnxruntime"):
        version = RUNTIMES[name].version
        assert found[f"runtime {name}"].fact.startswith(version or "not installed")
    assert all(len(finding.check) <= doctor.CHECK_WIDTH for finding in findings)


def test_a_check_that_crashes_is_a_finding_and_the_rest_is_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def half() -> Iterator[Finding]:
        yield Finding("first", "ok", "seen")
        raise RuntimeError("no\nsuch thing")

    checks = {"broken": half, "next": lambda: [Finding("next", "fail", "bad", "mend it")]}
    monkeypatch.setattr(doctor, "checks_of", lambda *_: checks)
    first, broken, following = doctor.examine(root=tmp_path)
    assert (first.check, following.check) == ("first", "next")
    assert (broken.check, broken.verdict) == ("broken", "warn")
    assert broken.fact == "could not be looked at: RuntimeError: no such thing"
    assert doctor.failed([following])
    assert not doctor.failed([first, broken])
    assert doctor.summary([first, broken, following]) == "3 checks: 1 fail, 1 to look at"


# Processes that go wrong


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("print('a'); print('b')", None),
        ("print('a'); print('b', flush=True); import os; os.abort()", "crashes: SIGABRT"),
        ("print('a'); print('b'); raise ValueError('x is wrong')", "ValueError: x is wrong"),
        ("print('a'); print('b'); raise SystemExit(3)", "ends with status 3"),
    ],
)
def test_how_a_process_ended_is_told(code: str, problem: str | None) -> None:
    ended = run_python(["-c", code], timeout_s=60.0)
    assert (ended.lines, ended.problem) == (["a", "b"], problem)


def test_a_process_that_hangs_is_ended() -> None:
    code = "import time; print('a', flush=True); time.sleep(60)"
    begin_s = time.monotonic()
    ended = run_python(["-c", code], timeout_s=2.0)
    assert time.monotonic() - begin_s < 30
    assert (ended.lines, ended.problem) == (["a"], "hangs: no end after 2 s")


# Python


def test_a_runtime_that_crashes_at_its_import_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    put(tmp_path, "onnxruntime/__init__.py", "import os; os.abort()")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    found = by_check(doctor_python.check_runtimes())
    assert found["runtime onnxruntime"].verdict == "fail"
    assert "crashes: SIGABRT" in found["runtime onnxruntime"].fact
    assert found["runtime litert"].verdict == "ok"
    assert "runtimes" not in found


def test_no_runtime_at_all_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(RUNTIMES["litert"]), "installed", property(lambda runtime: False))
    found = by_check(doctor_python.check_runtimes())
    assert found.pop("runtimes").verdict == "fail"
    assert {finding.verdict for finding in found.values()} == {"ok"}


def test_tflite_runtime_with_numpy_2_has_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(RUNTIMES["tflite"]), "installed", property(lambda runtime: True))
    monkeypatch.setattr(np, "__version__", "2.4.6")
    finding = doctor_python._runtime("tflite", RUNTIMES["tflite"])
    assert (finding.verdict, finding.advice) == ("fail", add_package("numpy<2"))


def test_missing_packages_of_the_extra_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "sounddevice" in doctor_python.live_packages()
    monkeypatch.setattr(doctor_python, "live_packages", lambda: ["msgspec", "no-such-package"])
    (finding,) = doctor_python.check_packages()
    assert finding.verdict == "warn"
    assert finding.fact.startswith("no-such-package not installed")
    assert finding.advice == add_extra("live")


# The machine


@pytest.mark.parametrize(
    ("bits", "verdict", "fact"),
    [
        ("0", "ok", "none since the start"),
        ("50000", "warn", "since the start: under-voltage, throttled"),
        ("10000", "warn", "since the start: under-voltage"),
        ("80008", "fail", "now: soft temperature limit"),
        ("c0004", "fail", "now: throttled"),
        ("50005", "fail", "now: under-voltage, throttled"),
    ],
)
def test_throttling_is_judged(bits: str, verdict: str, fact: str, tmp_path: Path) -> None:
    put(tmp_path, "sys/devices/platform/soc/soc:firmware/get_throttled", f"{bits}\n")
    finding = by_check(doctor_system.check_heat(tmp_path))["throttling"]
    assert (finding.verdict, finding.fact) == (verdict, fact)
    assert ("supply" in finding.advice) == ("under-voltage" in fact)


@pytest.mark.parametrize(("millidegrees", "verdict"), [(48312, "ok"), (79000, "warn")])
def test_heat_is_judged(millidegrees: int, verdict: str, tmp_path: Path) -> None:
    put(tmp_path, "sys/class/thermal/thermal_zone0/type", "cpu-thermal")
    put(tmp_path, "sys/class/thermal/thermal_zone0/temp", f"{millidegrees}\n")
    finding = by_check(doctor_system.check_heat(tmp_path))["temperature"]
    assert (finding.verdict, finding.fact) == (verdict, f"{millidegrees / 1000:.0f} °C")


@pytest.mark.parametrize(("promised_ma", "verdict"), [(5000, "ok"), (3000, "warn")])
def test_a_weak_supply_is_noticed(promised_ma: int, verdict: str, tmp_path: Path) -> None:
    assert list(doctor_system.check_power(tmp_path)) == []
    promise = promised_ma.to_bytes(4, "big")
    put(tmp_path, "proc/device-tree/chosen/power/max_current", promise)
    (finding,) = doctor_system.check_power(tmp_path)
    assert finding.verdict == verdict
    assert f"{promised_ma // 1000} A" in finding.fact


@given(st.floats(0, 1e12), st.floats(0, 1e12))
def test_more_room_is_never_judged_worse(a: float, b: float) -> None:
    verdicts = [doctor_system.disk_finding(free, 2e12).verdict for free in sorted((a, b))]
    assert VERDICTS.index(verdicts[0]) >= VERDICTS.index(verdicts[1])


@pytest.mark.parametrize(
    ("total_mb", "free_mb", "swap_mb", "verdict", "said"),
    [
        (4000, 3000, 0, "ok", "swap none"),
        (427, 300, 0, "warn", "swap none"),
        (427, 300, 100, "ok", "100 MB on /dev/zram0"),
        (4000, 200, 0, "warn", "200 of 4000 MB free"),
        (427, 50, 100, "fail", "50 of 427 MB free"),
    ],
)
def test_memory_is_judged(
    total_mb: int, free_mb: int, swap_mb: int, verdict: str, said: str, tmp_path: Path
) -> None:
    sizes = {"MemTotal": total_mb, "MemAvailable": free_mb, "SwapTotal": swap_mb}
    lines = [f"{name}: {round(1e6 * mb / 1024)} kB" for name, mb in sizes.items()]
    put(tmp_path, "proc/meminfo", "\n".join([*lines, "HugePages_Total: 0"]))
    swap = f"/dev/zram0 partition {round(1e6 * swap_mb / 1024)} 0 100\n" if swap_mb else ""
    put(tmp_path, "proc/swaps", f"Filename Type Size Used Priority\n{swap}")
    (finding,) = doctor_system.check_memory(tmp_path)
    assert finding.verdict == verdict
    assert said in finding.fact


def test_a_clock_in_the_past_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (finding,) = doctor_system.check_clock(tmp_path)
    assert finding.verdict == "ok"
    timesync = put(tmp_path, "run/systemd/timesync/clock", "").parent
    (finding,) = doctor_system.check_clock(tmp_path)
    assert finding.verdict == "warn"
    (timesync / "synchronized").touch()
    (finding,) = doctor_system.check_clock(tmp_path)
    assert finding.verdict == "ok"
    monkeypatch.setattr(time, "time", lambda: 86400.0)  # as a Pi that never had a network
    (finding,) = doctor_system.check_clock(tmp_path)
    assert finding.verdict == "fail"
    assert "1970" in finding.fact


def test_a_board_without_runtimes_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(doctor_system.platform, "machine", lambda: "armv6l")
    assert by_check(doctor_system.check_board(tmp_path))["board"].verdict == "fail"


def test_cards_that_may_not_be_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (finding,) = check_access(tmp_path)
    assert finding.fact.startswith("none that records")
    put(tmp_path, "dev/snd/pcmC0D0p", "")  # a loudspeaker
    (finding,) = check_access(tmp_path)
    assert finding.fact.startswith("none that records")
    put(tmp_path, "dev/snd/pcmC1D0c", "")
    (finding,) = check_access(tmp_path)
    assert (finding.verdict, finding.fact[:16]) == ("ok", "1 to record from")
    monkeypatch.setattr("os.access", lambda path, mode: False)
    (finding,) = check_access(tmp_path)
    assert finding.verdict == "fail"
    assert "usermod -aG audio" in finding.advice


# Recordings


def recorded(samples: np.ndarray, **fields: Any) -> Recorded:
    taken_s = len(samples) / RATE_HZ
    given = {"rate_hz": RATE_HZ, "taken_s": taken_s, **fields}
    return Recorded(name="mic", samples=samples.astype(np.float32), **given)


def hiss(amplitude: float) -> np.ndarray:
    return amplitude * np.random.default_rng(0).standard_normal(RATE_HZ)


@given(st.floats(0.001, 0.2))
def test_the_level_is_the_root_mean_square(amplitude: float) -> None:
    level = by_check(judge(recorded(hiss(amplitude))))["level"]
    assert level.verdict == "ok"
    told_dbfs = float(level.fact.split(" dBFS")[0])
    assert told_dbfs == pytest.approx(dbfs(amplitude), abs=0.5 + 0.1)


@pytest.mark.parametrize(
    ("samples", "check", "said"),
    [
        (hiss(1e-5), "level", "very quiet"),
        (hiss(0.5).clip(-1, 1), "level", "clipped"),
        (hiss(0.05) + 0.1, "DC offset", "+10.0"),
        (np.where(np.arange(RATE_HZ) // 320 == 50, 0, hiss(0.05)), "dropouts", "10 ms of zeros"),
    ],
)
def test_what_is_wrong_is_noticed_and_nothing_else(
    samples: np.ndarray, check: str, said: str
) -> None:
    found = by_check(judge(recorded(samples)))
    assert [name for name, finding in found.items() if finding.verdict == "warn"] == [check]
    assert said in found[check].fact
    assert found[check].advice


@pytest.mark.parametrize(
    ("fields", "said"),
    [({"losses": 2}, "audio was lost 2 times"), ({"taken_s": 1.25}, "25600 samples a second came")],
)
def test_lost_audio_is_noticed(fields: dict[str, Any], said: str) -> None:
    dropouts = by_check(judge(recorded(hiss(0.05), **fields)))["dropouts"]
    assert dropouts.verdict == "warn"
    assert said in dropouts.fact


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (recorded(np.zeros(RATE_HZ)), "nothing but zeros"),
        (recorded(np.empty(0), rate_hz=0), "no audio came from mic"),
        (recorded(np.empty(0), rate_hz=0, notices=("mic is in use",)), "mic is in use"),
    ],
)
def test_silence_fails(found: Recorded, said: str) -> None:
    (finding,) = judge(found)
    assert finding.verdict == "fail"
    assert said in finding.fact


@given(st.lists(st.sampled_from([0.0, 0.5, -0.5]), max_size=60))
def test_longest_zeros(values: list[float]) -> None:
    runs = [len(list(run)) for zero, run in groupby(values, lambda v: v == 0) if zero]
    assert longest_zeros(np.array(values, np.float32)) == max(runs, default=0)


class Fake:
    """A source of numbered blocks, 10 ms each, the first ones loud."""

    name = "mic"
    state = "listening"

    def __init__(self, n_blocks: int, breaks: tuple[int, ...] = ()) -> None:
        self.counts = SourceCounts(overruns=7)
        self._n_blocks, self._breaks = n_blocks, breaks
        self._next = 0

    def read(self, timeout_s: float) -> Block | None:
        time.sleep(0.01)
        self._next += 1
        if self._next > self._n_blocks:
            return None
        value = 1.0 if self._next <= 3 else 0.25
        samples = np.full(RATE_HZ // 100, value, np.float32)
        return Block(samples, RATE_HZ, joins=self._next not in self._breaks)

    def notices(self) -> list[str]:
        return ["said"]

    def close(self) -> None:
        pass


def test_a_recording_begins_when_the_microphone_has_settled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(doctor_recording, "SETTLE_S", 0.1)
    found = record(Fake(10_000, breaks=(1, 2)), 0.3)
    assert set(found.samples) == {0.25}  # no click, no overrun or break of the time before
    assert (found.name, found.rate_hz, found.losses) == ("mic", RATE_HZ, 0)
    assert 0.2 < found.taken_s < 5
    assert 1 <= len(found.samples) / (RATE_HZ // 100) <= 31


def test_breaks_are_losses_and_no_audio_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_recording, "SETTLE_S", 0.0)
    monkeypatch.setattr(doctor_recording, "FIRST_S", 0.1)
    assert record(Fake(10_000, breaks=(5, 7)), 0.5).losses == 2
    nothing = record(Fake(0), 0.1)
    assert (len(nothing.samples), nothing.notices) == (0, ("said",))


# PortAudio


def test_portaudio_may_die_without_taking_doctor_with_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    put(tmp_path, "sounddevice.py", "import os; os.abort()")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (finding,) = check_sound(None, 0.0)
    assert (finding.check, finding.verdict) == ("sound", "fail")
    assert "SIGABRT" in finding.fact


@pytest.mark.parametrize(
    ("error", "cure"),
    [
        ("OSError('PortAudio library not found')", "sudo apt install libportaudio2"),
        ("ImportError('no cffi')", add_extra("live", "--force-reinstall")),
    ],
)
def test_a_missing_library_has_its_cure(
    error: str, cure: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    put(tmp_path, "sounddevice.py", f"raise {error}")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (finding,) = check_sound(None, 0.0)
    assert (finding.verdict, finding.advice) == ("fail", cure)


@pytest.mark.skipif(MISSING is not None, reason=str(MISSING))
def test_a_microphone_is_listed_and_its_level_measured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    amplitude, rate_hz = 0.05, 44100
    noise = amplitude * np.random.default_rng(0).standard_normal(20 * rate_hz)
    soundfile.write(tmp_path / "noise.wav", noise, rate_hz)
    with VirtualMic(rate_hz) as microphone:
        for name, value in microphone.env.items():
            monkeypatch.setenv(name, value)
        player = microphone.play(tmp_path / "noise.wav")
        findings = list(check_sound(None, 1.0))
        player.terminate()
        player.wait(10)
    found = by_check(findings)
    assert {finding.verdict for finding in findings if finding.check != "dropouts"} == {"ok"}
    assert f"{rate_hz} 48000" in found["microphone"].fact
    assert found["default"].fact == "default"
    assert found["recording"].fact.endswith(f"from default at {rate_hz} Hz")
    told_dbfs = float(found["level"].fact.split(" dBFS")[0])
    assert told_dbfs == pytest.approx(dbfs(amplitude), abs=MIC_TOLERANCE_DB)


@pytest.mark.parametrize(("rate_hz", "verdict"), [(8000, "warn"), (16000, "warn"), (44100, "ok")])
def test_a_microphone_of_a_telephone_is_told(rate_hz: int, verdict: str) -> None:
    heard = Recorded("headset", hiss(0.1), rate_hz, len(hiss(0.1)) / rate_hz)
    band = by_check(judge(heard))["band"]
    assert (band.verdict, band.fact) == (verdict, f"sound up to {rate_hz / 2:g} Hz")
