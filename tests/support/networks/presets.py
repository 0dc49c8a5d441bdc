"""Which presets a slow test tries: many rows of the paper's tables differ in one number alone."""

from edge_asc.config.schema import PRESETS, load_preset

MODEL_OF = {name: load_preset(name).model.name for name in PRESETS}
# Its linear layers are made for one size of input.
FLATTENS = ("full", "single", "conventional", "sequential")


def one_per_model() -> list[str]:
    """The shipped presets, and the first of the paper's for each further network."""
    shipped = [name for name in PRESETS if "/" not in name]
    known = {MODEL_OF[name] for name in shipped}
    first = {MODEL_OF[name]: name for name in reversed(PRESETS)}
    return [*shipped, *(name for model, name in first.items() if model not in known)]
