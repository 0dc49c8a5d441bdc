"""Memory that one module holds, whatever else the process does meanwhile."""

import gc
import tracemalloc
from collections.abc import Callable
from types import ModuleType

DEPTH = 8  # calls between the module and who allocates for it


def held_bytes(module: ModuleType, do: Callable[[], None]) -> int:
    """Bytes allocated by ``module``, or on its behalf, during ``do()`` and still held after it.

    What waits for the garbage collector is not held.
    Other threads of the process allocate too; what they hold is not counted.
    """
    tracemalloc.start(DEPTH)
    try:
        do()
        gc.collect()
        snapshot = tracemalloc.take_snapshot()
    finally:
        tracemalloc.stop()
    held = snapshot.filter_traces([tracemalloc.Filter(True, module.__file__, all_frames=True)])
    return sum(trace.size for trace in held.traces)
