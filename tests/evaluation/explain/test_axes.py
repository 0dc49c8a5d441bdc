"""Rows and columns of feature maps in hertz and seconds: against tones, filters and impulses."""

import numpy as np
import pytest
import torch
from torch import Tensor

from edge_asc.evaluation.explain.axes import (
    Axis,
    Geometry,
    mel_of_hz,
    seconds_of_frame,
    ticks_hz,
)
from edge_asc.evaluation.explain.block_maps import find_blocks
from edge_asc.frontend.front_end import FrontEnd
from networks import FLAT, TINY, Case

# The middle of an odd number of positions that an impulse reaches, max pooling having a say.
PLACE_TOLERANCE = 1.0  # rows or columns of the map
FRONT_ENDS = {
    "htk": FrontEnd(16000, 1024, 800, 320, 64),
    "slaney": FrontEnd(22050, 2048, 2048, 512, 128, mel_scale="slaney"),
    "band": FrontEnd(32000, 2048, 1024, 500, 80, f_min_hz=50.0, f_max_hz=12000.0),
}


@pytest.fixture(params=FRONT_ENDS)
def frontend(request: pytest.FixtureRequest) -> FrontEnd:
    return FRONT_ENDS[request.param]


@pytest.mark.parametrize("pitch_hz", [300.0, 1000.0, 2000.0, 5000.0])
def test_a_tone_lights_the_row_that_is_labelled_with_its_pitch(
    frontend: FrontEnd, pitch_hz: float
) -> None:
    time_s = np.arange(frontend.sample_rate_hz) / frontend.sample_rate_hz
    raw = frontend.raw(np.sin(2 * np.pi * pitch_hz * time_s).astype(np.float32))
    brightest = int(raw.mean(axis=1).argmax())
    assert abs(mel_of_hz(frontend, pitch_hz) - brightest) <= 1
    below, above = frontend.hz_of_mel([brightest - 1, brightest + 1])
    assert below < pitch_hz < above


def test_the_ticks_of_a_picture_stand_at_their_rows(frontend: FrontEnd) -> None:
    ticks = ticks_hz(frontend, Axis(), frontend.n_mels)
    assert len(ticks) >= 5
    for pitch_hz, row in ticks.items():
        assert frontend.hz_of_mel(row) == pytest.approx(pitch_hz, rel=1e-6)
        assert frontend.f_min_hz <= pitch_hz <= frontend.top_hz
    halved = ticks_hz(frontend, Axis(2, 0.5), frontend.n_mels // 2)
    for pitch_hz in set(ticks) & set(halved):
        assert halved[pitch_hz] == pytest.approx((ticks[pitch_hz] - 0.5) / 2)


def test_a_row_is_the_middle_of_its_filter(frontend: FrontEnd) -> None:
    bin_hz = frontend.sample_rate_hz / frontend.n_fft
    weights = frontend.mel_weights
    for mel in np.flatnonzero(weights.any(axis=1)):
        assert abs(weights[mel].argmax() * bin_hz - frontend.hz_of_mel(mel)) <= bin_hz


def test_a_click_lights_the_column_of_its_second(frontend: FrontEnd) -> None:
    audio = np.zeros(2 * frontend.sample_rate_hz, np.float32)
    audio[round(1.3 * frontend.sample_rate_hz)] = 1.0
    column = frontend.raw(audio).mean(axis=0).argmax()
    half_a_frame_s = 0.5 / frontend.frames_per_s
    assert abs(seconds_of_frame(frontend, column) - 1.3) <= half_a_frame_s + 1e-9


def test_axis_and_its_inverse_agree() -> None:
    axis = Axis().after(5, 2, 2).after(2, 2, 0).after(7, 1, 1)
    assert (axis.step, axis.first) == (4, 1 + 2 * 4)
    assert axis.index(axis.position([0, 3, 17])) == pytest.approx([0, 3, 17])


# Without attention, which looks everywhere, an impulse stays where it is.
PLAIN = {"attention": "none"}
LOCAL = [
    Case("compact", 64, 80, options=TINY | PLAIN),
    Case("single", 32, 40, options=FLAT | PLAIN),
    Case("sequential", 64, 63, 3, options={"n_mels": 64, "n_frames": 63} | PLAIN),
]


@pytest.mark.parametrize("case", LOCAL, ids=str)
@pytest.mark.parametrize(("mel", "frame"), [(13, 19), (16, 24), (20, 21)])
def test_an_impulse_is_found_where_the_geometry_says(case: Case, mel: int, frame: int) -> None:
    network = case.network()
    still = torch.randn(1, 1, case.n_mels, case.n_frames)
    struck = still.clone()
    struck[0, 0, mel, frame] += 100.0
    for found in find_blocks(network)[:2]:  # later ones see the impulse all over a small map
        before, after = (_input_of(network, found.block, x) for x in (still, struck))
        differs = (before != after).any(1)[0].numpy()
        rows, columns = np.nonzero(differs.any(1))[0], np.nonzero(differs.any(0))[0]
        for axis, hit, place in (
            (found.geometry.mels, rows, mel),
            (found.geometry.frames, columns, frame),
        ):
            middle = (hit[0] + hit[-1]) / 2
            assert abs(axis.index(place) - middle) <= PLACE_TOLERANCE


@torch.no_grad()
def _input_of(network: torch.nn.Module, block: torch.nn.Module, x: Tensor) -> Tensor:
    seen: list[Tensor] = []
    hook = block.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    network(x)
    hook.remove()
    return seen[0]


def test_the_papers_stem_shifts_its_map_by_its_padding() -> None:
    found = find_blocks(Case("full", 32, 63, 3, {"n_mels": 32, "n_frames": 63}).network())
    names = [block.name for block in found]
    assert names == ["trunk.2", "trunk.5", "trunk.7", "scene.block", "abstract.block"]
    # Kernel 7 x 3 with padding (1, 7): row 0 is about mel 2, column 0 about frame -6; then 2 x 2.
    assert found[0].geometry == Geometry(Axis(2, 2.5), Axis(2, -5.5))
    assert found[3].geometry == found[4].geometry == Geometry(Axis(16, 9.5), Axis(16, 1.5))


@pytest.mark.parametrize("name", ["resnet-light", "dcase2024-baseline"])
def test_a_network_of_others_has_no_blocks(name: str) -> None:
    assert find_blocks(Case(name, 64, 51).network()) == []
