"""torch's operations (`aten`) and what reads them into nodes of the graph."""

from edge_asc.graph.tracing.ops.arithmetic import (
    add,
    between,
    divide,
    length,
    multiply,
    negate,
    power,
    subtract,
    subtract_from,
)
from edge_asc.graph.tracing.ops.functions import (
    clamp,
    clip,
    hard_sigmoid,
    hard_tanh,
    leaky_relu,
    prelu,
    silu,
    unary,
)
from edge_asc.graph.tracing.ops.joins import concatenate, glu, halves, of_stacked, pad, stack
from edge_asc.graph.tracing.ops.layers import (
    addmm,
    batch_norm,
    batch_norm_no_training,
    convolution,
    mm,
)
from edge_asc.graph.tracing.ops.pools import (
    MAXIMUM,
    MEAN,
    adaptive,
    avg_pool,
    avg_pool_or_mean,
    max_pool,
    total,
)
from edge_asc.graph.tracing.recorder import Reader

READERS: dict[str, Reader] = {
    "convolution": convolution,
    "addmm": addmm,
    "mm": mm,
    "native_batch_norm": batch_norm,
    "_native_batch_norm_legit_no_training": batch_norm_no_training,
    "relu": unary("relu"),
    "sigmoid": unary("sigmoid"),
    "tanh": unary("tanh"),
    "hardswish": unary("hardswish"),
    "hardsigmoid": hard_sigmoid,
    "silu": silu,
    "leaky_relu": leaky_relu,
    "_prelu_kernel": prelu,
    "hardtanh": hard_tanh,
    "clamp": clamp,
    "clamp_min": lambda recorder, result, x, low: clip(recorder, result, x, low),
    "clamp_max": lambda recorder, result, x, high: clip(recorder, result, x, None, high),
    "add": add,
    "sub": subtract,
    "rsub": subtract_from,
    "mul": multiply,
    "div": divide,
    "neg": negate,
    "pow": power,
    "glu": glu,
    "maximum": between("max"),
    "minimum": between("min"),
    "linalg_vector_norm": length,
    "cat": concatenate,
    "stack": stack,
    "concat": concatenate,
    "mean": of_stacked("add", MEAN, is_mean=True),
    "amax": of_stacked("max", MAXIMUM),
    "max": of_stacked("max", MAXIMUM),
    "sum": of_stacked("add", total),
    "max_pool2d_with_indices": max_pool,
    "avg_pool2d": avg_pool_or_mean,
    "_adaptive_avg_pool2d": adaptive("global_mean", "axis_mean", "avg_pool"),
    "adaptive_max_pool2d": adaptive("global_max", "axis_max", "max_pool"),
    "constant_pad_nd": pad,
    "split": halves,
    "split_with_sizes": halves,
    "chunk": halves,
}  # fmt: skip

# Where a window is as large as a map by chance.
OF_WINDOWS = READERS | {"avg_pool2d": avg_pool}
