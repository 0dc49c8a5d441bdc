"""A network that begins with the weights of a model file, behind which new heads stand.

Letters: D numbers of an embedding.
"""

from pathlib import Path

import torch
from torch import Tensor, nn

from edge_asc.graph.graph import Graph, Node
from edge_asc.graph.network import GraphNetwork, as_float
from edge_asc.graph.trunk import SCENE, read_trunk, without_length
from edge_asc.runtime.zoo.models import model_path

ABSTRACT = "abstract"


class Pretrained(nn.Module):
    """`[B, 1, M, F] -> (scene logits,)` or with the abstract logits second.

    An embedding of length 1 has numbers of about 1 / sqrt(D). A head on them would need weights
    sqrt(D) times as large as any other layer's, which the usual first weights, learning rates and
    weight decay do not find in a few epochs. So the heads read sqrt(D) times the embedding, whose
    numbers are about 1 as behind a batch norm; in the graph this factor is in their weights.

    Args:
        n_scenes: logits of the first head.
        n_abstract: logits of the second head; 0: none.
        base: a name of the zoo, or an int8 .tflite file of ours; of a classifier's the last layer
            is taken off.
        unit_length: whether embeddings keep the length 1 that the base gives them. Without that
            operation every operator of the file is one that an Ethos-U computes.
        apart: how many of the first head's logits, the last ones, learn apart: of their loss the
            encoder feels nothing.

    Raises:
        ValueError: the file cannot be built upon.
        OSError: there is no such file.
    """

    def __init__(
        self, n_scenes: int, n_abstract: int, base: str, unit_length: bool = True, apart: int = 0
    ) -> None:
        super().__init__()
        trunk = read_trunk(model_path(Path(base)))
        graph = trunk.graph if unit_length else without_length(trunk.graph)
        self.encoder = GraphNetwork(as_float(graph))
        last = graph.producer(graph.outputs[SCENE])
        self.factor = trunk.size**0.5 if last and last.op == "l2_normalise" else 1.0
        self.scene = nn.Linear(trunk.size, n_scenes - apart)
        self.abstract = nn.Linear(trunk.size, n_abstract) if n_abstract else None
        # last, so that the first weights of all others are those of a network without it
        self.apart = nn.Linear(trunk.size, apart) if apart else None

    @property
    def heads(self) -> dict[str, list[nn.Linear]]:
        """Layers whose logits follow each other, by the names of a file's outputs."""
        apart = [] if self.apart is None else [self.apart]
        second = {} if self.abstract is None else {ABSTRACT: [self.abstract]}
        return {SCENE: [self.scene, *apart], **second}

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the logits of each head."""
        (embedding,) = self.encoder(x)
        read = embedding * self.factor
        scene = self.scene(read)
        if self.apart is not None:
            scene = torch.cat([scene, self.apart(read.detach())], 1)
        return (scene,) if self.abstract is None else (scene, self.abstract(read))

    def hold(self, still: bool) -> None:
        """Keep the encoder's weights as they are, or let them learn."""
        self.encoder.requires_grad_(not still)

    def to_graph(self, n_mels: int) -> Graph:
        """The float graph with the weights of now, which `quantize` begins with.

        Raises:
            ValueError: it takes another number of mels.
        """
        graph = self.encoder.trained_graph()
        if graph.n_mels != n_mels:
            raise ValueError(f"the network takes {graph.n_mels} mels, not {n_mels}")
        value = graph.outputs[SCENE]
        graph.outputs = {}
        for name, layers in self.heads.items():
            weight, bias = (
                torch.cat(parts).detach().float().cpu().numpy().copy()
                for parts in zip(*(layer.parameters() for layer in layers), strict=True)
            )
            tensors = {"weight": weight * self.factor, "bias": bias}
            tensors = {k: v.astype("float32") for k, v in tensors.items()}
            graph.nodes.append(Node("linear", (value,), (f"{name}_logits",), {}, tensors))
            graph.outputs[name] = f"{name}_logits"
        return graph
