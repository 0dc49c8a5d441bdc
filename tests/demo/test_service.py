"""The unit: read back by systemd's own parser, verified and judged by its own tools."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_asc.demo.options import Options, arguments
from edge_asc.demo.service import service
from edge_asc.demo.service.systemd_unit import quoted
from edge_asc.runtime.zoo.models import default_model
from tiny_models import write_model

MANAGER = Path("/lib/systemd/systemd")
needs_systemd = pytest.mark.skipif(
    not (MANAGER.exists() and shutil.which("systemd-analyze")), reason="systemd is not installed"
)
PLAIN = Options(model=Path("model.tflite"), install_service=True)
EVERYTHING = Options(
    model=Path("m 100 % $HOME.tflite"),
    microphone='The "good" mic',
    log=Path("scenes.jsonl"),
    keep=Path("kept"),
    web="0.0.0.0:80",
    mqtt="mqtt://broker/a b",
    metrics="9100",
    install_service=True,
)
MOST_EXPOSED = {"offline": 1.2, "online": 1.9}  # of 10; systemd calls up to 4 ok
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


def system_of(text: str) -> str:
    """What systemd makes of a unit: its dump. It refuses to do so for root.

    Not in pytest's folders, which other users may not enter.
    """
    with TemporaryDirectory(dir="/tmp") as folder:
        return _dump(text, Path(folder))


def _dump(text: str, folder: Path) -> str:
    units, runtime = folder / "units", folder / "run"
    for part in (units, runtime):
        part.mkdir()
    (units / "edge-asc.service").write_text(text, "utf-8")
    (units / "default.target").write_text("[Unit]\nWants=edge-asc.service\n")
    user = None
    if os.geteuid() == 0:
        user = 65534
        os.chown(runtime, user, user)
        for part in (folder, units, *units.iterdir()):
            part.chmod(0o755)  # whatever the umask is
    runtime.chmod(0o700)
    done = subprocess.run(
        [MANAGER, "--user", "--test", "--log-target=console", "--log-level=err"],
        env={"SYSTEMD_UNIT_PATH": str(units), "XDG_RUNTIME_DIR": str(runtime), "HOME": "/"},
        capture_output=True,
        text=True,
        user=user,
        timeout=20,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def words_of(dump: str) -> list[str]:
    """The command in a dump, as its program gets it: unquoted, and `$$` made `$`."""
    (line,) = re.findall(r"^\s+Command Line: (.*)$", dump, re.M)
    found = re.findall(r'"((?:\\.|[^"\\])*)"|([^ ]+)', line)
    return [_without_dollars(_unescaped(a or b)) for a, b in found]


def _without_dollars(word: str) -> str:
    assert re.fullmatch(r"([^$]|\$\$)*", word), f"a variable in {word!r}"
    return word.replace("$$", "$")


def _unescaped(word: str) -> str:
    def one(match: re.Match[str]) -> str:
        escape = match[1]
        return chr(int(escape, 8)) if escape.isdigit() else ESCAPES.get(escape, escape)

    return re.sub(r"\\([0-7]{3}|.)", one, word)


@needs_systemd
@settings(max_examples=25)
@given(words=st.lists(text | st.sampled_from(["%n", "$HOME", "${A}", ";", "\\", "'", '"', "~"])))
def test_systemd_reads_the_words_that_were_quoted(words: list[str]) -> None:
    command = " ".join(map(quoted, ["/bin/true", *words]))
    unit = f"[Service]\nType=oneshot\nExecStart={command}\n"
    assert words_of(system_of(unit)) == ["/bin/true", *words]


def test_a_nul_is_refused() -> None:
    with pytest.raises(ValueError, match="NUL"):
        quoted("a\0b")


@needs_systemd
@pytest.mark.parametrize("options", [PLAIN, EVERYTHING], ids=["offline", "online"])
def test_systemd_analyze_finds_nothing_wrong(options: Options, tmp_path: Path) -> None:
    path = tmp_path / "edge-asc.service"
    path.write_text(service.unit(options, [sys.executable, "-m", "edge_asc"]))
    done = subprocess.run(
        ["systemd-analyze", "verify", path], capture_output=True, text=True, timeout=30
    )
    assert (done.returncode, done.stderr) == (0, "")


@needs_systemd
@pytest.mark.parametrize(
    ("options", "kind"), [(PLAIN, "offline"), (EVERYTHING, "online")], ids=["offline", "online"]
)
def test_exposure(options: Options, kind: str, tmp_path: Path) -> None:
    path = tmp_path / "edge-asc.service"
    path.write_text(service.unit(options, [sys.executable]))
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", path],
        capture_output=True,
        text=True,
        timeout=30,
    )
    found = re.search(r"exposure level for edge-asc.service: (\S+)", done.stdout)
    assert found and float(found[1]) <= MOST_EXPOSED[kind]


def test_the_command_line_of_the_service() -> None:
    assert list(arguments(service.for_service(EVERYTHING))) == [
        "--model=/usr/local/share/edge-asc/m 100 % $HOME.tflite",
        *('--microphone=The "good" mic', "--quiet", "--web=0.0.0.0:80"),
        *("--log=/var/lib/edge-asc/scenes.jsonl", "--keep=/var/lib/edge-asc/kept"),
        *("--mqtt=mqtt://broker/a b", "--metrics=9100"),
    ]


def test_decisions_reach_the_journal_when_they_are_asked_for() -> None:
    assert service.for_service(PLAIN).quiet
    assert not service.for_service(replace(PLAIN, as_json=True)).quiet


@pytest.mark.parametrize("log", ["/var/lib/edge-asc/a.csv", "b/../a.csv", "a.csv"])
def test_a_log_lies_in_the_services_state(log: str) -> None:
    found = service.for_service(replace(PLAIN, log=Path(log)))
    assert found.log == Path("/var/lib/edge-asc/a.csv")


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        ({"log": Path("/home/pi/a.csv")}, "writes to /var/lib/edge-asc alone"),
        ({"log": Path("../a.csv")}, "writes to /var/lib/edge-asc alone"),
        ({"log": Path(".")}, "writes to /var/lib/edge-asc alone"),
        ({"source": "-"}, "no standard input"),
        ({"source": "/home/pi/street.wav"}, "hidden"),
        ({"source": "/tmp/street.wav"}, "hidden"),
    ],
)
def test_what_a_service_cannot_use_is_refused(asked: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        service.unit(replace(PLAIN, **asked), ["/bin/true"])


def test_a_link_into_a_home_folder_is_hidden_too(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(service, "HIDDEN", (tmp_path / "home",))
    (tmp_path / "home").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "home")
    assert service.hidden(tmp_path / "link" / "a.wav")
    assert not service.hidden(tmp_path / "homely.wav")


def test_no_network_unless_it_is_asked_for() -> None:
    assert "PrivateNetwork=yes" in service.unit(PLAIN, ["/bin/true"])
    for asked in ({"web": "8765"}, {"mqtt": "mqtt://a"}, {"metrics": "9100"}):
        text = service.unit(replace(PLAIN, **asked), ["/bin/true"])
        assert "PrivateNetwork" not in text and "network-online.target" in text


def test_a_password_file_is_handed_over_to_mqtt_alone(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(service, "PASSWORD", tmp_path / "mqtt-password")
    with_mqtt = replace(PLAIN, mqtt="mqtt://broker")
    assert "LoadCredential" not in service.unit(with_mqtt, ["/bin/true"])
    service.PASSWORD.write_text("s3cret")
    line = f"LoadCredential=mqtt-password:{tmp_path / 'mqtt-password'}\n"
    text = service.unit(with_mqtt, ["/bin/true"])
    assert line in text and "s3cret" not in text
    assert "LoadCredential" not in service.unit(PLAIN, ["/bin/true"])


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch) -> Path:
    """Folders of the system under a temporary one, and a root who sees them."""
    monkeypatch.setattr(service, "UNIT", tmp_path / "etc/edge-asc.service")
    monkeypatch.setattr(service, "MODELS", tmp_path / "share")
    monkeypatch.setattr(service, "HIDDEN", (tmp_path / "home",))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return tmp_path


def test_install_copies_the_model_and_writes_the_unit(elsewhere: Path) -> None:
    (elsewhere / "home").mkdir()
    model = write_model(elsewhere / "home" / "my model.tflite")
    if Path("/run/systemd/system").is_dir():
        pytest.skip("would start a service of this machine")
    for _ in range(2):  # again, after the model has changed
        said = service.install(Options(model=model))
        assert (elsewhere / "share/my model.tflite").read_bytes() == model.read_bytes()
        text = (elsewhere / "etc/edge-asc.service").read_text()
        assert f'"--model={elsewhere}/share/my model.tflite"' in text
        assert "edge-asc.service" in said and "my model.tflite" in said
        write_model(model, name="other")


@pytest.mark.parametrize("name", [None, Path(default_model().name)], ids=["default", "name"])
def test_a_model_of_the_zoo_is_copied_too(elsewhere: Path, name: Path | None) -> None:
    text = service.install(Options(model=name, print_service=True))
    assert f"--model={elsewhere}/share/{default_model().tflite.name} " in text


def test_print_changes_nothing(elsewhere: Path, monkeypatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    model = write_model(elsewhere / "model.tflite")
    text = service.install(Options(model=model, print_service=True))
    assert text.startswith("[Unit]\n") and "--print" not in text
    assert sorted(path.name for path in elsewhere.iterdir()) == ["model.tflite"]


def test_what_an_install_needs(elsewhere: Path, monkeypatch) -> None:
    model = write_model(elsewhere / "model.tflite")
    (elsewhere / "text.tflite").write_text("no model")
    with pytest.raises(ValueError, match="neither a TFLite nor an ONNX"):
        service.install(Options(model=elsewhere / "text.tflite"))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ValueError, match="run it with sudo"):
        service.install(Options(model=model))
    monkeypatch.setattr(service, "HIDDEN", (Path(sys.prefix),))
    with pytest.raises(ValueError, match="python3 -m venv /opt/edge-asc"):
        service.install(Options(model=model))
