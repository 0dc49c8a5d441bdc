"""What cannot be exported: one line with the layer, its place, and what would do instead."""

from typing import NoReturn

from torch import nn

from edge_asc.budget.inventory import words
from edge_asc.graph.tracing.place import Place

# By layer; the first that fits.
LAYERS: list[tuple[tuple[type[nn.Module], ...], str]] = [
    ((nn.RNNBase, nn.RNNCellBase),
     "recurrent layers have no form in the files; use convolutions over frames, or pool"),
    ((nn.MultiheadAttention, nn.Transformer, nn.TransformerEncoder, nn.TransformerEncoderLayer),
     "attention between frames has no form in the files; use gates (squeeze-and-excite), or pool"),
    ((nn.LayerNorm, nn.RMSNorm),
     "its statistics may be those of channels and mels; over frames use BatchNorm2d, GroupNorm, or"
     " read the network for n_frames alone"),
    ((nn.LocalResponseNorm,),
     "it takes its statistics from each input; use BatchNorm2d, whose statistics are numbers"),
    ((nn.modules.conv._ConvTransposeNd, nn.Upsample),
     "maps cannot become larger; leave it out, or use strides and pools alone"),
    ((nn.Embedding, nn.EmbeddingBag), "look-up tables have no form in the files; use a layer"),
    ((nn.Conv3d,), "features have two axes; use Conv2d"),
]  # fmt: skip

# Random numbers, which a finished network does not draw.
CHANCE = words("""
bernoulli native_dropout normal normal_functional rand rand_like randn randn_like randint uniform
""")

# By what torch calls the operation.
OPERATIONS: dict[str, str] = {
    **dict.fromkeys(
        ("an elu with factors", "celu", "mish", "softplus", "log_sigmoid_forward", "softshrink",
         "hardshrink", "rrelu_with_noise", "erf", "softsign", "logit"),
        "use ReLU, ReLU6, LeakyReLU, ELU, GELU, SiLU, Hardswish, Hardsigmoid, Sigmoid or Tanh",
    ),
    **dict.fromkeys(
        ("_softmax", "_log_softmax", "_safe_softmax", "logsumexp"),
        "a network returns logits, loss and files apply the softmax; as a gate use sigmoid",
    ),
    **dict.fromkeys(
        ("bmm", "baddbmm", "matmul", "einsum", "dot", "mv", "_scaled_dot_product_flash_attention",
         "_scaled_dot_product_flash_attention_for_cpu", "_scaled_dot_product_attention_math",
         "scaled_dot_product_attention"),
        "both factors are computed; use layers with weights, or multiply number by number",
    ),
    **dict.fromkeys(
        ("var", "var_mean", "std_mean", "pow", "log", "log1p",
         "exp", "abs", "sin", "cos", "linalg_vector_norm", "norm", "cumsum"),
        "pool by mean and maximum (mean, amax), norm by BatchNorm2d or F.normalize(x)",
    ),
    **dict.fromkeys(
        ("gt", "lt", "ge", "le", "eq", "ne", "where", "masked_fill", "_local_scalar_dense",
         "is_nonzero", "nonzero", "topk", "sort", "argmax", "argmin", "item",
         "chosen by computed numbers"),
        "what is computed may hang on shapes, not on the numbers of the input; use a gate",
    ),
    **dict.fromkeys(
        sorted(CHANCE),
        "chance is on in evaluation mode; F.dropout needs training=self.training",
    ),
    **dict.fromkeys(
        ("view_as_complex", "view_as_real", "complex", "_fft_r2c", "_fft_c2c", "_fft_c2r", "real",
         "imag", "polar"),
        "numbers are real; the front end makes the spectra of sound",
    ),
    **dict.fromkeys(
        ("reflection_pad1d", "reflection_pad2d", "replication_pad1d", "replication_pad2d"),
        "use padding_mode='zeros'",
    ),
    **dict.fromkeys(
        ("upsample_nearest2d", "upsample_bilinear2d", "upsample_bicubic2d",
         "_upsample_bilinear2d_aa", "_unsafe_index"),
        "maps cannot become larger; leave it out, or use strides and pools alone",
    ),
    **dict.fromkeys(
        ("copy", "index_put", "fill", "zero", "scatter", "slice_scatter", "select_scatter"),
        "join parts with torch.cat",
    ),
    **dict.fromkeys(
        ("batch norm without running statistics",),
        "use BatchNorm2d with track_running_stats=True, whose statistics are numbers",
    ),
    "a norm over frames": "any number of frames must do; norm over channels and mels, use"
                          " BatchNorm2d, or read the network for n_frames alone",
    "a deviation over frames less one": "any number of frames must do; use correction=0, or read"
                                        " the network for n_frames alone",
    "a convolution that is transposed or over three axes": "use Conv2d",
    "a mean or maximum over all clips":
        "pool over mels and frames: x.mean((2, 3)); where a branch or .item() asks for it, its"
        " answer hangs on the numbers of the input",
    "a norm of another power or along other dims":
        "F.normalize(x) divides by the length along channels, p=2 and dim=1",
    "a sum over frames": "use their mean, or read the network for n_frames alone",
    "bounds that are many or computed": "use torch.maximum and torch.minimum",
    "pooling with dilation": "use dilation=1",
    "a maximum that rounds up": "its windows must overlap its padding; use ceil_mode=False",
    "average pooling that rounds up or leaves its padding out":
        "only AvgPool2d(2) can round up, and odd windows that keep the size leave it out; use"
        " ceil_mode=False, count_include_pad=True",
    "adaptive pooling to such a size": "pool to 1 number, mels also to a divisor of their number",
    "padding with other numbers than zero": "use zeros",
    "a slope outside 0 to 1": "use LeakyReLU, or hold the slopes",
    "division by computed numbers": "divide by constants, or F.normalize(x)",
    "a constant that differs along several dims": "it may differ along channels and mels",
    "a constant for each frame": "any number of frames must do; it may differ along mels, or a"
                                 " network is read for n_frames alone",
    "reshaping": "dims are cut and joined as no axes of [B, C, M, F] are; keep channels, mels and"
                 " frames apart",
    "repeating along the frames": "any number of frames must do; join or compute it with what has"
                                  " them, or read the network for n_frames alone",
    "a piece of the frames": "any number of frames must do; use stride or pooling over frames, or"
                             " read the network for n_frames alone",
    "a constant in the place of a value": "use what is computed from the input",
}  # fmt: skip

# What people call an operation, where torch's name of it says little.
NAMES = {"_unsafe_index": "resizing", "_local_scalar_dense": "a branch or .item()"}

MORE = "docs/own-networks.md says what can be"


class Refused(ValueError):
    """A network that cannot be exported."""


def refuse(place: Place, what: str, by: str = "", reason: Exception | None = None) -> NoReturn:
    """Raise the line.

    Args:
        place: of the call.
        what: torch's name of an operation, or words.
        by: the place of the change, for what was changed in place; the operation, for what is not
            followed.
        reason: what went wrong, where an operation cannot be followed.

    Raises:
        ValueError: always.
    """
    if what == "changed in place":
        raise Refused(f"{place}: reads a tensor that was changed in place by {by}; copy it first")
    if what == "not followed":
        raise Refused(f"{place}: {by} of such tensors cannot be followed: {MORE}") from reason
    if isinstance(place.module, nn.modules.conv._ConvNd) and place.module.padding_mode != "zeros":
        mode = place.module.padding_mode
        raise Refused(
            f"{place}: padding_mode={mode!r} cannot be exported: use padding_mode='zeros'"
        )
    for kinds, advice in LAYERS:
        if isinstance(place.module, kinds):
            raise Refused(f"{place} cannot be exported: {advice}")
    named = NAMES.get(what, what if " " in what else what.strip("_"))
    raise Refused(f"{place}: {named} cannot be exported: {OPERATIONS.get(what, MORE)}")
