"""ONNX operators: which inputs hold weights, and what each does per element.

Those of the domain com.microsoft (onnxruntime's own) stand beside the standard ones.
"""

from edge_asc.budget.inventory import Role, words

_LINEAR: dict[int, Role] = {1: "weight", 2: "bias"}
_RECURRENT: dict[int, Role] = {1: "weight", 2: "weight", 3: "bias", 7: "weight"}

# Where an op's constants are not told by their type alone.
ROLES: dict[str, dict[int, Role]] = {
    "BatchNormalization": {1: "norm", 2: "norm", 3: "statistics", 4: "statistics"},
    "Clip": {1: "graph", 2: "graph"},  # bounds
    "Conv": {1: "weight", 2: "bias"},
    "ConvInteger": {1: "weight"},
    "ConvTranspose": {1: "weight", 2: "bias"},
    "FusedConv": _LINEAR,
    "Gemm": _LINEAR,
    "FusedGemm": _LINEAR,
    "LSTM": _RECURRENT,
    "GRU": _RECURRENT,
    "RNN": _RECURRENT,
    "DynamicQuantizeLSTM": _RECURRENT,
    "DynamicQuantizeMatMul": {1: "weight", 4: "bias"},
    "MatMulIntegerToFloat": {0: "weight", 1: "weight", 6: "bias"},
    "MatMulInteger": {0: "weight", 1: "weight"},
    "Pad": {2: "graph"},  # what stands around
    "QGemm": {3: "weight", 6: "bias"},
    "QLinearConv": {3: "weight", 8: "bias"},
    "QLinearMatMul": {0: "weight", 3: "weight"},
}

# Inputs that hold a convolution's integer weight and its zero point: such a weight is zero.
WEIGHT_ZERO_POINTS = {"ConvInteger": (1, 3), "QLinearConv": (3, 5)}

# All constants without a role above are scales and zero points.
QUANTISED = words("""
ConvInteger DequantizeLinear DynamicQuantizeLSTM DynamicQuantizeMatMul MatMulInteger
MatMulIntegerToFloat QGemm QLinearAdd QLinearAveragePool QLinearConcat
QLinearConv QLinearGlobalAveragePool QLinearLeakyRelu QLinearMatMul QLinearMul QLinearSigmoid
QLinearSoftmax QuantizeLinear
""")

# A number without axes is part of a formula, such as that of GELU.
FORMULAS = frozenset({"Add", "Div", "Mul", "Pow", "Sub"})

# A constant that goes through one of these is the same weight in another form.
UNPACKING = words("""
Cast DequantizeLinear Flatten Identity QuantizeLinear Reshape Squeeze Transpose Unsqueeze
""")

# One operation for each element that comes out.
PER_OUTPUT = words("""
Abs Acos And Asin Atan BitShift Ceil Celu Clip Cos CumSum DequantizeLinear Div Elu Equal Erf Exp
Floor Gelu Greater GreaterOrEqual GroupNormalization HardSigmoid HardSwish InstanceNormalization
LRN LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax LpNormalization
MeanVarianceNormalization Mish Mod Mul Neg Not Or PRelu Pow QLinearAdd QLinearLeakyRelu QLinearMul
QLinearSigmoid QLinearSoftmax QuantizeLinear QuickGelu Reciprocal Relu Round Selu Sigmoid Sign Sin
Softmax Softplus Softsign Sqrt Sub Swish Tan Tanh ThresholdedRelu Where Xor
""")

# One operation for each element that comes out and each input after the first.
VARIADIC = frozenset({"Add", "Max", "Mean", "Min", "Sum"})

# One operation for each element that goes in.
PER_INPUT = words("""
ArgMax ArgMin GlobalAveragePool GlobalLpPool GlobalMaxPool QLinearGlobalAveragePool ReduceL1
ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum
ReduceSumSquare
""")

# One operation for each element of each window.
POOLS = frozenset({"AveragePool", "LpPool", "MaxPool", "QLinearAveragePool"})

# Whose operators stand here: the format's own, and onnxruntime's.
DOMAINS = frozenset({"", "ai.onnx", "com.microsoft"})

# A body that runs as often as the data say: counted once, which is not all of it.
LOOPS = frozenset({"Loop", "Scan"})

# Numbers change their place or type, or come out of nothing; bodies are counted by themselves.
MOVES = words("""
Cast CastLike Compress Concat Constant ConstantOfShape DepthToSpace Dropout Expand EyeLike Flatten
Gather GatherElements GatherND Identity If NonZero OneHot Pad QLinearConcat Range Reshape
ReverseSequence Scatter ScatterElements ScatterND Shape Size Slice SpaceToDepth Split Squeeze
Tile Transpose Trilu Unsqueeze
""")
