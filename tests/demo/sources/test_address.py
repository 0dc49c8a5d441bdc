"""Addresses are no files."""

import pytest

from command import Cli
from edge_asc.demo.sources.address import check_source


@pytest.mark.parametrize("source", ["mic", "-", "a.wav", "/x/y:1//z.wav", "C:\\a.wav"])
def test_files_are_none(source: str) -> None:
    check_source(source)


@pytest.mark.parametrize("verb", [["live"], ["record", "cat"]])
@pytest.mark.parametrize("source", ["rtsp://10.0.0.2:554/a?b=c", "HTTPS://x/y.mp3", "udp://@:1234"])
def test_an_address_is_told_as_it_was_typed(verb: list[str], source: str, cli: Cli) -> None:
    code, _, err = cli(*verb, "--source", source)
    assert code == 2
    assert err.count("\n") == 1
    assert source in err
    assert "ffmpeg" in err
