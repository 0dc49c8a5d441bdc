"""Learning from what trained networks make of a sound before they name it: their embeddings.

The student's embedding, behind a linear layer that is thrown away after training, shall be the
teacher's: hints of Romero et al., "FitNets: Hints for Thin Deep Nets", 2015, section 2.2, taken
where the heads read. Maps further down have another size in mels and frames as soon as two
networks stride differently, while every network has one vector for a clip.

Letters: B clips, C numbers of an embedding, M mels, F frames.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from edge_asc.graph.network import Convolution
from edge_asc.models.own import OwnNetwork

SMALLEST = 1e-12  # energy of an embedding that is all zeros


class Embedding:
    """What the scenes' logits of a network are computed from, in each of its forward passes.

    That is the input of the last `Linear` or 1x1 `Conv2d` on which they depend, averaged over
    mels and frames where it is a map. A dropout before that layer is part of it.

    Args:
        network: `[B, 1, M, F] -> logits` per label set; gets a hook.
        example: an input `[1, 1, M, F]`.

    Raises:
        ValueError: there is no such layer.
    """

    def __init__(self, network: nn.Module, example: Tensor) -> None:
        self.layer = scene_layer(network, example)
        self.size = int(weight_of(self.layer).shape[1])
        self._input: Tensor | None = None
        self._hook = self.layer.register_forward_pre_hook(self._keep)

    def _keep(self, layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        self._input = inputs[0]

    def take(self) -> Tensor:
        """Of the last forward pass, float32 `[B, C]`; it is forgotten then."""
        assert self._input is not None  # it was found in such a pass
        x, self._input = self._input.float(), None
        if x.ndim == 2:
            return x
        is_map = weight_of(self.layer).ndim == 4  # [B, C, …], else [B, …, C]
        return x.flatten(2).mean(2) if is_map else x.flatten(1, -2).mean(1)

    def close(self) -> None:
        """Take the hook off, and let go of what it kept."""
        self._hook.remove()
        self._input = None


class Features(nn.Module):
    """How far a student's embedding is from its teachers', behind a projection of each.

    The projections begin as far as they can with the identity and learn with the student. They are
    all that this module holds.

    Args:
        student: its embedding.
        teachers: theirs.
    """

    def __init__(self, student: Embedding, teachers: Sequence[Embedding]) -> None:
        super().__init__()
        self.student, self.teachers = student, list(teachers)
        self.projections = nn.ModuleList(projection(student.size, t.size) for t in teachers)

    def forward(self) -> Tensor:
        """The mean over the teachers, after all of them and the student answered one batch."""
        x = self.student.take()
        pairs = zip(self.projections, self.teachers, strict=True)
        return torch.stack([relative_error(p(x), teacher.take()) for p, teacher in pairs]).mean()


def projection(c_in: int, c_out: int) -> nn.Linear:
    """A linear layer that hands on as many numbers as go through it."""
    layer = nn.Linear(c_in, c_out)
    nn.init.eye_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def relative_error(x: Tensor, wanted: Tensor) -> Tensor:
    """Squared distance of `[B, C]` from what is wanted, as a part of that one's energy.

    It has no unit: 0 where both are the same, 1 where `x` is all zeros, whatever the numbers of a
    teacher are like.
    """
    energy = wanted.square().sum().clamp_min(SMALLEST)
    return (x.float() - wanted).square().sum() / energy


@contextmanager
def features_of(
    student: nn.Module, teachers: Sequence[nn.Module], example: Tensor
) -> Iterator[Features]:
    """Watch a student and its teachers; afterwards their networks are as they were.

    Raises:
        ValueError: a network without a layer whose input could be its embedding.
    """
    watched: list[Embedding] = []
    try:
        for network in (student, *teachers):
            watched.append(Embedding(network, example))
        yield Features(watched[0], watched[1:])
    finally:
        for embedding in watched:
            embedding.close()


def scene_layer(network: nn.Module, example: Tensor) -> nn.Module:
    """The last `Linear` or 1x1 `Conv2d` on whose output the scenes' logits depend.

    Raises:
        ValueError: there is none, or the logits depend on the input past it, too, as those of
            joined networks do.
    """
    seen: list[tuple[nn.Module, Tensor]] = []

    def note(layer: nn.Module, inputs: Any, output: Tensor) -> None:
        seen.append((layer, output))

    modes = {module: module.training for module in network.modules()}
    hooks = [m.register_forward_hook(note) for m in modes if is_pointwise(m)]
    try:
        with torch.enable_grad():  # also through a network that does not learn
            (scenes, *_) = network.eval()(example.clone().requires_grad_())
        reached = _reached(scenes, [output for _, output in seen])
        layers = [layer for (layer, _), is_on_the_way in zip(seen, reached, strict=True)
                  if is_on_the_way]  # fmt: skip
        passes = bool(layers) and _goes_past(network, layers[-1], example)
    finally:
        for hook in hooks:
            hook.remove()
        for module, mode in modes.items():
            module.training = mode
    if not layers or passes:
        own = network.network if isinstance(network, OwnNetwork) else network
        what = "no Linear or 1x1 Conv2d" if not layers else "several last layers"
        raise ValueError(
            f"{type(own).__name__} has {what} before its logits, where one layer's input could be"
            " its embedding: train.distill_feature_weight needs that"
        )
    return layers[-1]


def _goes_past(network: nn.Module, layer: nn.Module, example: Tensor) -> bool:
    """Whether the scenes' logits depend on the input on other ways than through a layer."""

    def cut_off(layer: nn.Module, inputs: Any, output: Tensor) -> Tensor:
        return output.detach()

    hook = layer.register_forward_hook(cut_off)
    try:
        with torch.enable_grad():
            x = example.clone().requires_grad_()
            (scenes, *_) = network(x)
    finally:
        hook.remove()
    return _reached(scenes, [x])[0]


def check_embeddings(networks: Sequence[nn.Module], example: Tensor) -> None:
    """See, before a run is begun, that networks have embeddings.

    Raises:
        ValueError: one has none.
    """
    for network in networks:
        scene_layer(network, example)


def _reached(logits: Tensor, outputs: Sequence[Tensor]) -> list[bool]:
    """Of each output whether the logits depend on it."""
    if not (outputs and logits.requires_grad):
        return [False] * len(outputs)
    found = torch.autograd.grad(logits.sum(), list(outputs), allow_unused=True)
    return [gradient is not None for gradient in found]


def is_pointwise(module: nn.Module) -> bool:
    """Whether a module is a linear layer, or a convolution that is one at each position.

    In a graph's network those count that learn: others are means written as convolutions.
    """
    if isinstance(module, nn.Linear):
        return True
    if isinstance(module, nn.Conv2d):
        return module.kernel_size == (1, 1) and module.groups == 1
    if not isinstance(module, Convolution) or not module.weight.requires_grad:
        return False
    shape = module.weight.shape
    return len(shape) == 2 or (shape[2:] == (1, 1) and module.window.get("groups", 1) == 1)


def weight_of(layer: nn.Module) -> Tensor:
    """The weight of a layer that `is_pointwise`, `[out, C]` or `[out, C, 1, 1]`."""
    weight = layer.weight
    assert isinstance(weight, Tensor)
    return weight
