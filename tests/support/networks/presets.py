"""Which presets a slow test tries: many rows of the paper's tables differ in one number alone."""

from edge_asc.config.schema import PRESETS, load_preset

MODEL_OF = {name: load_preset(name).model.name for name in PRESETS}
# Its linear layers are made for one size of input.
FLATTENS = ("full", "single", "conventional", "sequential")


def one_per_model() -> list[str]:
    """The shipped presets, and the first of the paper's for each further network.

    Without those that begin with a base, which alone says what they hear, and which have int8
    files alone: tests/training/start_from/test_base.py tries them.
    """
    shipped = [name for name in PRESETS if "/" not in name and MODEL_OF[name] != "pretrained"]
    known = {MODEL_OF[name] for name in shipped}
    first = {MODEL_OF[name]: name for name in reversed(PRESETS) if MODEL_OF[name] != "pretrained"}
    return [*shipped, *(name for model, name in first.items() if model not in known)]
