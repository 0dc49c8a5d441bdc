"""Operators that move numbers: pieces, vectors out of maps, axes in another order."""

from edge_asc.budget.tflite.schema import Operator
from edge_asc.graph.graph import Node
from edge_asc.graph.reading.reader import FILE_AXIS, GRAPH_AXIS, Reader

CHANNELS_FIRST = [0, 3, 1, 2]  # file axes M F C as the graph flattens them, C M F
FRAMES_FIRST = [0, 2, 3, 1]  # and as F C M, where channels and mels are parted anew


def concat(reader: Reader, operator: Operator) -> None:
    """Values side by side along one axis."""
    is_vector = len(reader.file.tensors[operator.outputs[0]].shape) == 2
    reader.add("concat", operator, axis=0 if is_vector else GRAPH_AXIS[operator.option(0)])


def reshape(reader: Reader, operator: Operator) -> None:
    """A vector out of a map, or the other way round."""
    source, result = operator.inputs[0], operator.outputs[0]
    before, after = (len(reader.file.tensors[tensor].shape) for tensor in (source, result))
    if before == after == 4:
        _regroup(reader, operator)
    elif before == after:
        reader.same[result] = source
    elif source in reader.turned:
        names = (reader.name(reader.turned[source]),), (reader.name(result),)
        reader.nodes.append(Node("flatten", *names))
    else:
        reader.add("unflatten" if after == 4 else "flatten", operator)


def _regroup(reader: Reader, operator: Operator) -> None:
    """Frames come first meanwhile, unless a map of one mel goes in or comes out."""
    source, result = operator.inputs[0], operator.outputs[0]
    source = reader.turned.get(source, source)
    _, frames, channels, last = reader.numbers(operator.inputs[1]).tolist()
    if frames == -1:
        reader.parted[result] = source, channels
    else:
        names = (reader.name(source),), (reader.name(result),)
        reader.nodes.append(Node("regroup", *names, {"channels": last}))


def transpose(reader: Reader, operator: Operator) -> None:
    """Axes in another order, or part of a flatten."""
    order = reader.numbers(operator.inputs[1]).tolist()
    source, result = operator.inputs[0], operator.outputs[0]
    if source in reader.parted:
        source, channels = reader.parted[source]
        names = (reader.name(source),), (reader.name(result),)
        reader.nodes.append(Node("regroup", *names, {"channels": channels}))
        return
    readers = reader.readers(result)
    parts = [one for one in readers if one.name == "RESHAPE" and _rank(reader, one) == 4]
    half_a_flatten = order == CHANNELS_FIRST and _is_half_a_flatten(reader, operator)
    if half_a_flatten or (order == FRAMES_FIRST and len(readers) == len(parts) == 1):
        reader.turned[result] = source
        return
    turn = tuple(GRAPH_AXIS[order[FILE_AXIS[axis]]] for axis in range(3))
    reader.add("transpose", operator, order=turn)


def _rank(reader: Reader, operator: Operator) -> int:
    return len(reader.file.tensors[operator.outputs[0]].shape)


def _is_half_a_flatten(reader: Reader, operator: Operator) -> bool:
    """Whether the channels come first because what flattens them is read in the graph's order."""
    source, turned = operator.inputs[0], operator.outputs[0]
    if reader.file.tensors[source].shape[1:3] == (1, 1) or turned in reader.file.outputs:
        return False
    readers = reader.readers(turned)
    vectors = [
        one.outputs[0] for one in readers if one.name == "RESHAPE" and _rank(reader, one) == 2
    ]
    return len(readers) == len(vectors) == 1 and not reader.in_file_order(vectors[0])


def gather(reader: Reader, operator: Operator) -> None:
    """Channels, mels or frames by their numbers."""
    indices = tuple(reader.numbers(operator.inputs[1]).tolist())
    _take(reader, operator, operator.option(0), indices)


def piece(reader: Reader, operator: Operator) -> None:
    """A piece along the axis that masks do not leave whole."""
    shape = reader.file.tensors[operator.inputs[0]].shape
    begins, ends = (reader.numbers(tensor).tolist() for tensor in operator.inputs[1:3])
    free, open_end = operator.option(0), operator.option(1)
    (axis,) = (axis for axis in range(len(shape)) if not free & open_end & 1 << axis)
    begin = 0 if free & 1 << axis else begins[axis]
    end = None if open_end & 1 << axis else ends[axis]
    if axis < len(shape) - 1:
        reader.add("cut", operator, axis=GRAPH_AXIS[axis], begin=begin, end=end)
        return
    _take(reader, operator, axis, tuple(range(shape[axis])[begin:end]))
    _join_halves(reader)


def _join_halves(reader: Reader) -> None:
    """Two pieces that are the halves of a value's channels were one split."""
    first, second = reader.nodes[-2:] if len(reader.nodes) > 1 else (None, reader.nodes[-1])
    if first is None or first.op != "take" or first.inputs != second.inputs:
        return
    both = (*first.attributes["indices"], *second.attributes["indices"])
    channels = reader.channels(second.inputs[0])
    halves = 2 * len(first.attributes["indices"]) == len(both)
    axes = (first.attributes["axis"], second.attributes["axis"])
    if halves and axes == (0, 0) and both == tuple(range(channels)):
        reader.nodes[-2:] = [Node("split", first.inputs, first.outputs + second.outputs)]


def _take(reader: Reader, operator: Operator, axis: int, indices: tuple[int, ...]) -> None:
    is_vector = len(reader.file.tensors[operator.inputs[0]].shape) == 2
    reader.add("take", operator, axis=0 if is_vector else GRAPH_AXIS[axis], indices=indices)
