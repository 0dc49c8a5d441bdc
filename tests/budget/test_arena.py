"""Memory as TensorFlow Lite Micro plans it: laws of any plan, and plans made by hand."""

from hypothesis import given
from hypothesis import strategies as st

from edge_asc.budget.inventory import peak_bytes
from edge_asc.budget.tflite.arena import ALIGNMENT_BYTES, buffers, placed

# Up to 12 operators of tensors 0 to 11: what each reads, and what it makes.
Steps = st.lists(
    st.tuples(st.lists(st.integers(0, 11), max_size=3), st.integers(0, 11)), min_size=1
)
Sizes = st.lists(st.integers(1, 40), min_size=12, max_size=12)


@given(Steps, Sizes, st.sets(st.integers(0, 11)))
def test_no_two_live_tensors_overlap(
    plan: list[tuple[list[int], int]], units: list[int], kept: set[int]
) -> None:
    steps = [(reads, [made]) for reads, made in plan]
    sizes = {tensor: unit * ALIGNMENT_BYTES for tensor, unit in enumerate(units)}
    used = {tensor for reads, makes in steps for tensor in (*reads, *makes)}
    found = buffers(steps, sizes, [], kept & used)
    end = placed(found)
    assert sorted(b.size_bytes for b in found) == sorted(sizes[tensor] for tensor in used)
    for number, one in enumerate(found):
        assert one.offset >= 0 and one.end <= end
        assert one.offset % ALIGNMENT_BYTES == 0
        for other in found[:number]:
            apart = one.end <= other.offset or other.end <= one.offset
            assert apart or not one.lives_with(other)


@given(Steps, Sizes)
def test_a_plan_is_no_smaller_than_what_lives_at_once(
    plan: list[tuple[list[int], int]], units: list[int]
) -> None:
    """Tensors that are read before they are made count from the start in the one, not the other."""
    steps = [([], [0])] + [(reads, [made]) for reads, made in plan]
    made: set[int] = set()
    for number, (reads, makes) in enumerate(steps):
        steps[number] = ([tensor for tensor in reads if tensor in made], makes)
        made.update(makes)
    sizes = {tensor: unit * ALIGNMENT_BYTES for tensor, unit in enumerate(units)}
    end = placed(buffers(steps, sizes, [], []))
    assert peak_bytes(steps, sizes) <= end <= sum(sizes[tensor] for tensor in made)


def test_sizes_are_aligned_and_constants_take_part_in_nothing() -> None:
    steps = [((0, 9), (1,)), ((1, 9, -1), (2,))]
    found = buffers(steps, {0: 1, 1: 16, 2: 17}, [0], [2])
    assert [(b.size_bytes, b.first, b.last) for b in found] == [(32, 2, 2), (16, 1, 2), (16, 0, 1)]
    assert placed(found) == 48  # the input lies where the output will
