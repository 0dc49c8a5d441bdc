"""Vectors that become maps again, as in squeeze-and-excite, stay maps.

A linear layer on a pooled map is a 1 x 1 convolution. So `flatten → linear → … → unflatten` needs
no op that reshapes, and int8 layers of few inputs none that tflite-runtime 2.14 crashes on (ARM).
"""

from edge_asc.graph.graph import Graph, Node, Shape

ONE_VALUE = frozenset({"relu", "clip", "sigmoid", "tanh", "hardswish", "leaky_relu", "affine",
                       "l2_normalise", "gelu", "elu", "sqrt", "rsqrt"})  # fmt: skip
SEVERAL = frozenset({"add", "mul", "div", "max", "min", "concat"})
FEWEST_INPUTS = 8  # of a linear layer that keeps being one
WINDOW = {"stride": (1, 1), "padding": (0, 0), "groups": 1}


def vectors_as_maps(graph: Graph, shapes: dict[str, Shape]) -> None:
    """Move each `unflatten` towards the input, until it meets the flatten it undoes.

    Args:
        graph: changed.
        shapes: of its values.
    """
    for node in list(graph.nodes):
        if node.op == "linear" and node.tensors["weight"].shape[1] < FEWEST_INPUTS:
            _as_convolution(graph, node)
    while any(_moved_up(graph, node, shapes) for node in graph.nodes if node.op == "unflatten"):
        pass
    _drop_unread(graph)


def _as_convolution(graph: Graph, linear: Node) -> None:
    """A linear layer as `unflatten → convolution → flatten`."""
    (source,), (result,) = linear.inputs, linear.outputs
    at = graph.nodes.index(linear)
    graph.nodes.insert(at, Node("unflatten", (source,), (f"{result}_in",)))
    graph.nodes.insert(at + 2, Node("flatten", (f"{result}_map",), (result,)))
    _on_a_map(linear, f"{result}_in", f"{result}_map")


def _on_a_map(linear: Node, source: str, result: str) -> None:
    linear.op, linear.inputs, linear.outputs = "conv", (source,), (result,)
    linear.attributes = {**WINDOW, **linear.attributes}
    linear.tensors["weight"] = linear.tensors["weight"][:, :, None, None]


def _moved_up(graph: Graph, unflatten: Node, shapes: dict[str, Shape]) -> bool:
    vector = unflatten.inputs[0]
    producer = graph.producer(vector)
    if producer is None:
        return False
    twin = next(n for n in graph.nodes if n.op == "unflatten" and n.inputs == unflatten.inputs)
    if twin is not unflatten:
        return _replaced(graph, unflatten, twin.output)
    if producer.op == "flatten" and shapes.get(producer.inputs[0], (0, 0, 0))[1:] == (1, 1):
        return _replaced(graph, unflatten, producer.inputs[0])
    if producer.op == "flatten" and producer.inputs[0].endswith("_map"):
        return _replaced(graph, unflatten, producer.inputs[0])
    if graph.consumers(vector) != [unflatten] or graph.is_output(vector):
        return False
    if producer.op not in ONE_VALUE | SEVERAL | {"linear"}:
        return False
    at = graph.nodes.index(producer)
    inputs = tuple(f"{value}_of_{unflatten.output}" for value in producer.inputs)
    above = dict(zip(inputs, producer.inputs, strict=True))
    graph.nodes[at:at] = [Node("unflatten", (value,), (name,)) for name, value in above.items()]
    if producer.op == "linear":
        _on_a_map(producer, inputs[0], unflatten.output)
    else:
        producer.inputs, producer.outputs = inputs, (unflatten.output,)
    graph.nodes.remove(unflatten)
    return True


def _replaced(graph: Graph, node: Node, value: str) -> bool:
    """Let the readers of a node read a value instead, and take the node out."""
    for reader in graph.nodes:
        reader.inputs = tuple(value if name == node.output else name for name in reader.inputs)
    graph.nodes.remove(node)
    return True


def _drop_unread(graph: Graph) -> None:
    for node in reversed(graph.nodes[:]):
        unread = not any(graph.consumers(value) or graph.is_output(value) for value in node.outputs)
        if node.op in ("flatten", "unflatten") and unread:
            graph.nodes.remove(node)
