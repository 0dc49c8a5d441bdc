"""Networks that want, or hang on, one number of frames: read as they are there, or refused."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from edge_asc.export.onnx.to_onnx import to_onnx
from edge_asc.export.tflite.to_tflite import to_tflite
from edge_asc.export.write import write_tflite
from edge_asc.graph.fold import fold
from edge_asc.graph.from_tflite import from_tflite
from edge_asc.graph.graph import Graph
from edge_asc.graph.network import GraphNetwork
from edge_asc.graph.trace import check_length, trace
from edge_asc.quantize.qat import dummy_quantised

N_MELS = 32
FLOAT = 1e-5  # float32 sums in another order, of logits of about 1


class Network(nn.Module):
    """Stem, something with maps, mean, head."""

    def __init__(self, function: Callable[[Tensor], Tensor], *layers: nn.Module) -> None:
        super().__init__()
        self.stem, self.head = nn.Conv2d(1, 4, 3, 1, 1), nn.Linear(4, 3)
        self.layers, self.function = nn.ModuleList(layers), function

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = sum((layer(x) for layer in self.layers), start=self.function(x))
        return self.head(x.mean((2, 3)))


def assert_same(graph: Graph, network: nn.Module, n_frames: int) -> None:
    x = torch.randn(2, 1, N_MELS, n_frames)
    with torch.no_grad():
        ours, theirs = GraphNetwork(fold(graph)).eval()(x)[0], network(x)
    torch.testing.assert_close(ours, theirs, rtol=FLOAT, atol=FLOAT)


CONDITIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "filled up to 8": lambda x: F.pad(x, (0, -x.shape[3] % 8)),
    "odd": lambda x: 2 * x if x.shape[3] % 2 else x,
    "long": lambda x: 2 * x if x.shape[3] > 200 else x,
    "threes": lambda x: x if x.shape[3] % 3 else -x,
}


@pytest.mark.parametrize("name", CONDITIONS)
def test_what_hangs_on_a_length_is_read_at_it_alone(name: str, tmp_path: Path) -> None:
    network = Network(CONDITIONS[name]).eval()
    with pytest.raises(ValueError, match=r"Network computes something else at .* frames"):
        trace(network, N_MELS)
    for n_frames in (132, 201):
        graph = trace(network, N_MELS, n_frames)
        assert graph.one_length and graph.has_fixed_length()
        assert_same(graph, network, n_frames)
        file = to_tflite(fold(graph), n_frames)
        again, length = from_tflite(file)
        assert again.one_length and to_tflite(again, length) == file
        for write in (to_tflite, to_onnx):
            with pytest.raises(ValueError, match=f"traced for {n_frames} frames alone, not for 99"):
                write(fold(graph), 99)
        written = write_tflite(graph, tmp_path / "m.tflite")
        assert from_tflite(written.path.read_bytes())[1] == n_frames


def of_tokens(x: Tensor) -> Tensor:
    """A place of each frame's own is added to all channels, as transformers have it."""
    tokens = x.mean(2).transpose(1, 2)
    places = torch.linspace(-1, 1, tokens[0].numel()).view(tokens.shape[1:])
    return (tokens + places).relu().transpose(1, 2)[:, :, None]


def of_columns(x: Tensor) -> Tensor:
    """The same of each frame's channels and mels, a number for every one of them."""
    tokens = x.flatten(1, 2).transpose(1, 2)
    places = torch.linspace(-1, 1, tokens[0].numel()).view(tokens.shape[1:]).sin()
    return (tokens + places).transpose(1, 2).unflatten(1, (4, N_MELS))


def of_channels(x: Tensor) -> Tensor:
    """And of each channel and frame, the same at all mels."""
    return x * torch.linspace(-1, 1, 4 * x.shape[3]).view(4, 1, x.shape[3])


AT_ONE: dict[str, Callable[[Tensor], Tensor]] = {
    "a place of each frame": lambda x: x + torch.linspace(-1, 1, x.shape[3]),
    "places of tokens": of_tokens,
    "places of columns": of_columns,
    "places of channels": of_channels,
    "halves": lambda x: torch.maximum(*x.chunk(2, 3)),
    "rolled": lambda x: x + x.roll(3, 3),
    "flipped": lambda x: torch.maximum(x, 2 * x.flip(3)),
    "every second": lambda x: x[..., ::2] * x[..., 1::2],
    "norm of mels and frames": lambda x: F.layer_norm(x, x.shape[2:]),
    "deviation": lambda x: x.std(3, keepdim=True),
    "sum": lambda x: x.sum(3, keepdim=True),
}


@pytest.mark.parametrize("name", AT_ONE)
def test_what_is_done_to_single_frames_is_read_at_one_length(name: str) -> None:
    network = Network(lambda x: F.max_pool2d(AT_ONE[name](x), 1)).eval()
    with pytest.raises(ValueError, match="n_frames"):
        trace(network, N_MELS)
    graph = trace(network, N_MELS, 66)
    assert graph.one_length
    assert_same(graph, network, 66)
    for precise in (fold(graph), dummy_quantised(fold(graph))):
        file = to_tflite(precise, 66)
        again, length = from_tflite(file)
        assert length == 66 and again.one_length | again.has_fixed_length()
        assert to_tflite(again, length) == file
        assert to_onnx(precise, 66)


PIECES: dict[str, Callable[[Tensor], Tensor]] = {
    "most of them": lambda x: x[..., :90],
    "all but many": lambda x: x[..., 40:-40],
    "last of them": lambda x: x[..., -90:],
    "one from the end": lambda x: x[..., -2:-1],
    "narrowed": lambda x: x.narrow(3, 5, 40),
    "uneven parts": lambda x: torch.cat(
        [part.amax(3, True) for part in x.split([20, 20, x.shape[3] - 40], 3)], 3
    ),
}


@pytest.mark.parametrize("n_frames", [None, 97, 300])
@pytest.mark.parametrize("name", PIECES)
def test_pieces_are_told_by_their_number_or_by_what_is_left_out(
    name: str, n_frames: int | None
) -> None:
    network = Network(lambda x: F.max_pool2d(PIECES[name](x), 1)).eval()
    graph = trace(network, N_MELS, n_frames)
    assert not graph.has_fixed_length()
    for length in (97, 131, 500):
        assert_same(graph, network, length)


LIMITS: dict[str, Callable[[Tensor], Tensor]] = {
    "first of them": lambda x: x[..., :500],
    "last of them": lambda x: x[:, :, :, -300:],
    "all but the first, up to one": lambda x: x[..., 1:500],
    "two and two channels": lambda x: torch.cat([x[:, 2:, :, :500], x[:, :2, :, :500]], 1),
    "frames before mels": lambda x: x.transpose(2, 3)[:, :, :500].transpose(2, 3),
    "of a list": lambda x: x.mean(2)[..., -300:][:, :, None],
}


@pytest.mark.parametrize("name", LIMITS)
def test_limits_beyond_the_traced_length_stay(name: str) -> None:
    network = Network(lambda x: F.max_pool2d(LIMITS[name](x), 1))
    network.eval()
    graph = trace(network, N_MELS)
    for n_frames in (100, 299, 501, 2000):
        x = torch.randn(2, 1, N_MELS, n_frames) + torch.linspace(0, 3, n_frames)
        with torch.no_grad():
            ours, theirs = GraphNetwork(fold(graph)).eval()(x)[0], network(x)
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


FAR: dict[str, Callable[[Tensor], Tensor]] = {
    "cut where long": lambda x: x[..., :400] if x.shape[3] > 400 else x,
    "pooled where long": lambda x: F.max_pool2d(x, (1, 2)) if x.shape[3] > 300 else x,
}


@pytest.mark.parametrize("name", FAR)
def test_conditions_on_lengths_far_from_the_traced_one_are_seen(name: str) -> None:
    network = Network(FAR[name]).eval()
    with pytest.raises(ValueError, match="something else at 1501 frames than at 131"):
        trace(network, N_MELS)
    graph = trace(network, N_MELS, 450)
    assert graph.one_length == ("pooled" in name)
    assert_same(graph, network, 450)


def test_a_window_is_compared_that_lies_beyond_all_lengths_tried() -> None:
    network = Network(lambda x: 2 * x if x.shape[3] > 8000 else x).eval()
    graph = trace(network, N_MELS)
    check_length(network, graph, 8000)
    with pytest.raises(ValueError, match="something else at 8001 frames than at 131"):
        check_length(network, graph, 8001)


@pytest.mark.parametrize("n_frames", [None, 131, 150])
def test_a_window_as_large_as_a_map_by_chance_stays_one(n_frames: int | None) -> None:
    """Of 131 frames the pools leave 4 x 17."""
    network = Network(lambda x: F.avg_pool2d(F.max_pool2d(x, (8, 7), (8, 7)), (4, 17), 1).relu())
    graph = trace(network.eval(), N_MELS, n_frames)
    assert not graph.has_fixed_length()
    for length in (131, 150, 203):
        assert_same(graph, network, length)


def test_a_window_of_the_whole_map_is_its_mean() -> None:
    network = Network(lambda x: F.avg_pool2d(x, x.shape[2:])).eval()
    graph = trace(network, N_MELS, 61)
    assert not graph.has_fixed_length()
    for n_frames in (61, 62, 200):
        assert_same(graph, network, n_frames)


def test_a_map_of_one_frame_by_chance_is_one_of_any_length() -> None:
    network = Network(lambda x: F.max_pool2d(x, (1, 20)).transpose(1, 3).amax(1)[:, :, None]
                      .transpose(1, 3)).eval()  # fmt: skip
    graph = trace(network, N_MELS, 20)
    assert not graph.one_length
    for n_frames in (20, 39, 100):
        assert_same(graph, network, n_frames)


WANTED: dict[str, tuple[nn.Module, int]] = {
    "500 or more": (Network(lambda x: F.max_pool2d(F.max_pool2d(x, 5), (4, 100))), 500),
    "300 or more": (Network(lambda x: F.avg_pool2d(x, (1, 300))), 301),
    "even": (Network(lambda x: F.avg_pool2d(x, 2), nn.Conv2d(4, 4, 3, 2, 1)), 102),
}


@pytest.mark.parametrize("name", WANTED)
@pytest.mark.parametrize("is_said", [True, False])
def test_networks_that_want_long_or_even_maps(name: str, is_said: bool, tmp_path: Path) -> None:
    network, n_frames = WANTED[name]
    graph = trace(network.eval(), N_MELS, n_frames if is_said else None)
    assert is_said == (graph.n_frames == n_frames)
    assert_same(graph, network, n_frames)
    assert_same(graph, network, 2 * n_frames)
    file = write_tflite(graph, tmp_path / "m.tflite")
    assert from_tflite(file.path.read_bytes())[1] == graph.n_frames
    write_tflite(graph, tmp_path / "m.tflite", n_frames=n_frames)


def test_a_flattening_network_of_a_said_length_is_written_for_it(tmp_path: Path) -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(N_MELS * 61, 3))
    file = write_tflite(trace(network, N_MELS, 61), tmp_path / "m.tflite")
    assert from_tflite(file.path.read_bytes())[1] == 61
