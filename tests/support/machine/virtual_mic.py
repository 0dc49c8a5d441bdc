"""A microphone without a sound card: a private PulseAudio whose loudspeaker is the microphone.

What is played with `play` is recorded bit by bit when the rates are the same. The daemon needs no
rights, has its socket in a folder of its own, and ends with the process that started it.
"""

import ctypes
import ctypes.util
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType

_PROGRAMS = ("pulseaudio", "pactl", "paplay")
_PLUGIN = "alsa-lib/libasound_module_pcm_pulse.so"
_PACKAGES = "libportaudio2 pulseaudio pulseaudio-utils libasound2-plugins"
_START_S = 20.0
_PR_SET_PDEATHSIG = 1

# Replaces the whole configuration of ALSA: no other device is seen. PortAudio aborts the process
# when there is no pcm.default.
_ALSA = "".join(
    f"{kind}.{name} {{ type pulse }}\n" for name in ("pulse", "default") for kind in ("pcm", "ctl")
)
# Without norewinds the sink sleeps for two seconds at a time, and the first two are not recorded.
_PULSE = """.fail
load-module module-native-protocol-unix auth-anonymous=1 socket={socket}
load-module module-null-sink sink_name=speaker rate={rate_hz} channels=2 format=float32le \
norewinds=1
load-module module-remap-source master=speaker.monitor source_name=microphone channels=1 \
master_channel_map=front-left channel_map=mono remix=no
set-default-sink speaker
set-default-source microphone
"""


def _missing() -> str | None:
    """What to say where it cannot run; None where it can."""
    lacking = [name for name in _PROGRAMS if shutil.which(name) is None]
    if ctypes.util.find_library("portaudio") is None:
        lacking.append("libportaudio")
    if not any(Path("/usr/lib").glob(f"*/{_PLUGIN}")):
        lacking.append(_PLUGIN)
    return f"no {', '.join(lacking)}: apt install {_PACKAGES}" if lacking else None


MISSING = _missing()


class VirtualMic:
    """Starts with `with` and ends with it; `kill`, `freeze` and `suspend` break it in between.

    Start it from the main thread: the daemon dies with the thread that started it.

    Args:
        rate_hz: of loudspeaker and microphone; another rate than the recording's is resampled.
    """

    def __init__(self, rate_hz: int = 44100) -> None:
        self._rate_hz = rate_hz
        # Short, because the path of a socket has 107 bytes at most.
        self.folder = Path(tempfile.mkdtemp(prefix="mic-", dir="/tmp"))
        self._daemon: subprocess.Popen[bytes] | None = None
        (self.folder / "asound.conf").write_text(_ALSA)

    @property
    def env(self) -> dict[str, str]:
        """The whole environment for a process that is to hear this microphone alone."""
        return {
            **os.environ,
            "PULSE_SERVER": f"unix:{self.folder / 'native'}",
            "PULSE_SINK": "speaker",
            "PULSE_SOURCE": "microphone",
            "ALSA_CONFIG_PATH": str(self.folder / "asound.conf"),
        }

    def start(self) -> "VirtualMic":
        """Start the daemon, for the first time or again."""
        socket = self.folder / "native"
        socket.unlink(missing_ok=True)
        script = self.folder / "default.pa"
        script.write_text(_PULSE.format(socket=socket, rate_hz=self._rate_hz))
        # No autospawn, no shared memory, no real-time rights, nothing outside the folder.
        options = "--daemonize=no --exit-idle-time=-1 --use-pid-file=no --disable-shm=yes"
        more = f"--realtime=no --high-priority=no --log-target=file:{self.folder}/pulse.log"
        self._daemon = subprocess.Popen(
            ["pulseaudio", "-n", "-F", str(script), *options.split(), *more.split()],
            env=self._daemon_env(),
            preexec_fn=_die_with_parent,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._wait_until_ready()
        return self

    def _daemon_env(self) -> dict[str, str]:
        folders = ("HOME", "XDG_RUNTIME_DIR", "PULSE_RUNTIME_PATH", "PULSE_STATE_PATH")
        env = {**os.environ, **dict.fromkeys(folders, str(self.folder))}
        for name in ("PULSE_SERVER", "DBUS_SESSION_BUS_ADDRESS", "DISPLAY"):
            env.pop(name, None)
        return env

    def _wait_until_ready(self) -> None:
        deadline_s = time.monotonic() + _START_S
        while time.monotonic() < deadline_s:
            if self._daemon is None or self._daemon.poll() is not None:
                raise RuntimeError((self.folder / "pulse.log").read_text())
            if "microphone" in self.pactl("list", "short", "sources"):
                return
            time.sleep(0.02)
        self.stop()
        raise TimeoutError("PulseAudio did not start")

    def pactl(self, *arguments: str) -> str:
        """What `pactl` prints."""
        command = ["pactl", *arguments]
        done = subprocess.run(command, env=self.env, capture_output=True, text=True, timeout=20)
        return done.stdout

    def play(self, wav: Path) -> "subprocess.Popen[bytes]":
        """Play a file; the player ends when all of it was played.

        It sends a second ahead: with less, a busy machine inserts zeros.
        """
        command = ["paplay", "--device=speaker", "--latency-msec=1000", str(wav)]
        return subprocess.Popen(command, env=self.env, preexec_fn=_die_with_parent)

    def add_device_before(self, name: str) -> None:
        """Let ALSA have another device, which gives zeros; the index of all others grows."""
        config = self.folder / "asound.conf"
        config.write_text(f"pcm.{name} {{ type null }}\n" + config.read_text())

    def suspend(self, on: bool) -> None:
        """Let the microphone stall: it is there but delivers nothing, not even zeros."""
        self.pactl("suspend-source", "microphone", "1" if on else "0")

    def freeze(self) -> None:
        """Stop the daemon in its tracks; PortAudio's calls then wait for ever."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen daemon go on."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """End the daemon at once, as when a sound server crashes."""
        self._signal(signal.SIGKILL)
        if self._daemon is not None:
            self._daemon.wait(10)

    def stop(self) -> None:
        """End the daemon and remove what it left."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _signal(self, number: int) -> None:
        if self._daemon is not None and self._daemon.poll() is None:
            self._daemon.send_signal(number)

    def __enter__(self) -> "VirtualMic":
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


def _die_with_parent() -> None:
    """In the child: be killed when the thread that started it ends."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
