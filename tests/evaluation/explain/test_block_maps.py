"""Figure 2: the maps of a block are those of its forward pass, and obey its maximum."""

import numpy as np
import pytest
import torch

from edge_asc.evaluation.explain.block_maps import (
    BlockMaps,
    FoundBlock,
    block_maps,
    choose_block,
    find_blocks,
)
from networks import CASES, Case

WITH_ATTENTION = [
    case
    for case in CASES
    if case.name not in ("slim", "resnet-light", "dcase2024-baseline")
    and case.options.get("attention") != "none"
]


def maps_of(case: Case) -> list[tuple[FoundBlock, BlockMaps]]:
    network = case.network()
    features = case.inputs(1)[0, 0].numpy()
    return [(b, block_maps(network, b.block, features)) for b in find_blocks(network)]


@pytest.mark.parametrize("case", WITH_ATTENTION, ids=str)
def test_what_comes_out_is_the_larger_of_both(case: Case) -> None:
    for found, maps in maps_of(case):
        larger = np.maximum(maps.before, maps.attended)
        assert maps.keeps_larger == (case.options.get("combine", "max") == "max")
        assert np.array_equal(maps.after, larger if maps.keeps_larger else maps.attended)
        with torch.no_grad():
            assert found.block.attention is not None
            attended = found.block.attention(torch.from_numpy(maps.before)[None])[0]
        assert np.allclose(maps.attended, attended, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("case", WITH_ATTENTION, ids=str)
def test_the_share_is_that_of_values_that_are_not_negative(case: Case) -> None:
    """A gate in (0, 1) brings every value nearer to 0: the larger one is told by the sign."""
    for _, maps in maps_of(case):
        if not maps.keeps_larger:
            assert not maps.kept.any()
            continue
        counted = [
            sum(value >= 0 for value in channel.ravel().tolist()) / channel.size
            for channel in maps.before
        ]
        assert maps.share_by_channel == pytest.approx(counted)
        assert maps.kept.mean() == pytest.approx(np.mean(counted))
        assert np.array_equal(maps.kept, maps.after == maps.before)


def test_looking_changes_nothing() -> None:
    case = WITH_ATTENTION[1]
    network, x = case.network(), case.inputs(1)
    with torch.no_grad():
        scene = network(x)[0][0].double().softmax(0).numpy()
    found = choose_block(network, 2)
    maps = block_maps(network, found.block, x[0, 0].numpy())
    assert np.array_equal(maps.probabilities, scene)
    assert not any(m._forward_hooks for m in network.modules())


def test_the_default_channel_is_the_one_that_varies_most() -> None:
    before = np.zeros((3, 4, 5), np.float32)
    before[1, 0, 0], before[2] = 1.0, 7.0  # a constant is no variation, however large
    maps = BlockMaps(before, before, before, True, np.ones(1))
    assert maps.most_varied == 1


def test_a_block_that_is_not_there_is_said() -> None:
    network = CASES[0].network()
    with pytest.raises(ValueError, match=r"no block 9; the network has 3: 1 trunk\.1, 2 trunk\.3"):
        choose_block(network, 9)
    with pytest.raises(ValueError, match="no block 0"):
        choose_block(network, 0)


def test_networks_without_attention_are_sent_to_occlusion() -> None:
    for case in CASES:
        if case not in WITH_ATTENTION:
            with pytest.raises(ValueError, match="--occlusion works on all"):
                choose_block(case.network())
