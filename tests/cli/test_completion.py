"""What TAB offers, asked as a shell asks."""

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

import edge_asc as ea
from edge_asc.cli.complete import _beginning

BASH = """
import sys
sys.argv[0] = "edge-asc"
from edge_asc.cli.app import main
try:
    main()
finally:
    heavy = {"torch", "lightning", "nncf", "onnx", "matplotlib", "onnxruntime"} & set(sys.modules)
    print(sorted(heavy), file=sys.stderr)
"""


def completed(line: str) -> list[str]:
    """What bash is told to offer for the last word of a command line."""
    words = line.split(" ")
    environment = os.environ | {
        "_EDGE_ASC_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    done = subprocess.run(
        [sys.executable, "-c", BASH], env=environment, capture_output=True, text=True
    )
    assert done.stderr == "[]\n"  # nothing is printed into the line, and torch is not loaded
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("edge-asc qu", {"quantize"}),
        ("edge-asc data ", {"check", "synth"}),
        ("edge-asc export --ove", {"--overwrite"}),
        ("edge-asc train compact-", {"compact-int8", "compact-fp16"}),
        ("edge-asc train esc10/3", {"esc10/32k"}),
        ("edge-asc train nano --set train.epo", {"train.epochs="}),
        ("edge-asc info esc", set(ea.zoo())),
        ("edge-asc live --model esc10-3", {"esc10-32k"}),
        ("edge-asc models show esc10-3", {"esc10-32k"}),
        ("edge-asc budget esc10", {*ea.zoo(), *(f"esc10/{n}" for n in
            ("16k", "32k", "64k", "128k", "128k-relative", "128k-ram256k", "encoder"))}),
        ("edge-asc budget nano --rule edge", {"edge-128k", "edge-128k-ram256k"}),
        ("edge-asc budget nano --rule a", {"all"}),
        ("edge-asc classify a.wav --runtime li", {"litert"}),
        ("edge-asc evaluate model.tfl", set()),  # then bash offers files
    ],
)  # fmt: skip
def test_bash_is_offered_names(line: str, expected: set[str]) -> None:
    assert set(completed(line)) == expected


def test_every_verb_is_offered() -> None:
    from edge_asc.cli.app import SECTIONS

    verbs = {words.split()[0] for section in SECTIONS.values() for words in section}
    assert set(completed("edge-asc ")) == verbs


def test_a_shell_is_told_how_to_ask() -> None:
    environment = os.environ | {"_EDGE_ASC_COMPLETE": "source_bash"}
    done = subprocess.run(
        [sys.executable, "-c", BASH], env=environment, capture_output=True, text=True
    )
    assert "_EDGE_ASC_COMPLETE=complete_bash" in done.stdout
    assert "complete -o default -F" in done.stdout  # `default`: files where no name fits


@pytest.mark.parametrize("error", [ImportError("tomllib"), ValueError(), OSError()])
def test_what_cannot_be_looked_up_is_not_offered(error: Exception) -> None:
    def names() -> list[str]:
        raise error

    look_up: Callable[[], list[str]] = names
    assert _beginning("x", look_up) == []
