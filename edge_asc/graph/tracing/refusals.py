"""What has no form in the files: one line with the layer, its place, and what would do instead."""

from typing import NoReturn

from torch import nn

from edge_asc.graph.tracing.place import Place

# By layer; the first that fits.
LAYERS: list[tuple[tuple[type[nn.Module], ...], str]] = [
    ((nn.RNNBase, nn.RNNCellBase),
     "recurrent layers have no form in the files: use convolutions over frames, or pool"),
    ((nn.MultiheadAttention, nn.Transformer, nn.TransformerEncoder, nn.TransformerEncoderLayer),
     "attention between frames has no form in the files: use gates (squeeze-and-excite), or pool"),
    ((nn.LayerNorm, nn.GroupNorm, nn.modules.instancenorm._InstanceNorm, nn.LocalResponseNorm,
      nn.RMSNorm),
     "it takes its statistics from each input: use BatchNorm2d, whose statistics are numbers"),
    ((nn.modules.conv._ConvTransposeNd, nn.Upsample),
     "maps cannot become larger: leave it out, or use strides and pools alone"),
    ((nn.Embedding, nn.EmbeddingBag), "look-up tables have no form in the files: use a layer"),
    ((nn.Conv3d,), "features have two axes: use Conv2d"),
]  # fmt: skip

# By what torch calls the operation.
OPERATIONS: dict[str, str] = {
    **dict.fromkeys(
        ("gelu", "elu", "celu", "selu", "mish", "softplus", "log_sigmoid_forward", "softshrink",
         "hardshrink", "glu", "rrelu_with_noise", "erf", "softsign", "logit"),
        "use ReLU, ReLU6, LeakyReLU, SiLU, Hardswish, Hardsigmoid, Sigmoid or Tanh",
    ),
    **dict.fromkeys(
        ("_softmax", "_log_softmax", "_safe_softmax", "logsumexp"),
        "a network returns logits (loss and files apply the softmax); as a gate use sigmoid",
    ),
    **dict.fromkeys(
        ("bmm", "baddbmm", "matmul", "einsum", "dot", "mv", "_scaled_dot_product_flash_attention",
         "_scaled_dot_product_flash_attention_for_cpu", "_scaled_dot_product_attention_math",
         "scaled_dot_product_attention"),
        "products of two computed matrices have no form in the files: use layers with weights,"
        " or multiply element by element",
    ),
    **dict.fromkeys(
        ("var", "var_mean", "std", "std_mean", "rsqrt", "sqrt", "pow", "square", "log", "log1p",
         "exp", "reciprocal", "abs", "sin", "cos", "linalg_vector_norm", "norm", "cumsum"),
        "pool by mean and maximum (mean, amax), norm by BatchNorm2d or F.normalize(x)",
    ),
    **dict.fromkeys(
        ("gt", "lt", "ge", "le", "eq", "ne", "where", "masked_fill", "_local_scalar_dense",
         "is_nonzero", "nonzero", "topk", "sort", "argmax", "argmin", "item",
         "chosen by computed numbers"),
        "what is computed may hang on shapes, but not on the numbers of the input: use a gate",
    ),
    **dict.fromkeys(
        ("bernoulli", "native_dropout", "rand_like", "randn_like", "normal", "uniform"),
        "chance is on in evaluation mode: F.dropout needs training=self.training",
    ),
    **dict.fromkeys(
        ("view_as_complex", "view_as_real", "complex", "_fft_r2c", "_fft_c2c", "_fft_c2r", "real",
         "imag", "polar"),
        "complex numbers have no form in the files: the front end makes spectra of sound",
    ),
    **dict.fromkeys(
        ("reflection_pad1d", "reflection_pad2d", "replication_pad1d", "replication_pad2d"),
        "only zeros can be padded: padding_mode='zeros'",
    ),
    **dict.fromkeys(
        ("upsample_nearest2d", "upsample_bilinear2d", "upsample_bicubic2d",
         "_upsample_bilinear2d_aa"),
        "maps cannot become larger: leave it out, or use strides and pools alone",
    ),
    **dict.fromkeys(
        ("copy", "index_put", "fill", "zero", "scatter", "slice_scatter", "select_scatter"),
        "parts of a tensor cannot be written to: join parts with torch.cat",
    ),
    "native_layer_norm": "use BatchNorm2d, whose statistics are numbers",
    "native_group_norm": "use BatchNorm2d, whose statistics are numbers",
    "reshaped": "dims are cut and joined as no axes of [B, C, M, F] are: keep channels, mels and"
                " frames apart, or shuffle channels alone",
    "frames cut out": "any number of frames must do: use stride, padding or pooling over frames",
    "a constant in the place of a value": "only what is computed from the input can stand here",
}  # fmt: skip


def refuse(place: Place, what: str, by: str = "") -> NoReturn:
    """Raise the line.

    Raises:
        ValueError: always.
    """
    if what == "changed in place":
        raise ValueError(
            f"{place}: reads a tensor that was changed in place by {by}: copy it first"
        )
    for kinds, advice in LAYERS:
        if isinstance(place.module, kinds):
            raise ValueError(f"{place}: {advice}")
    advice = OPERATIONS.get(what, "see docs/own-networks.md for what has one")
    named = what.strip("_") if "_" in what or (what.islower() and " " not in what) else what
    raise ValueError(f"{place}: {named} has no form in the files; {advice}")
