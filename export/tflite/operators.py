"""The operators of .tflite files: numbers in TensorFlow Lite's schema.fbs, and their versions."""

# schema.fbs: BuiltinOperator, the BuiltinOptions member, and the version that takes int8
OPERATORS = {
    "ADD": (0, 11, 2),
    "CONCATENATION": (2, 10, 2),
    "CONV_2D": (3, 1, 3),
    "DEPTHWISE_CONV_2D": (4, 2, 3),
    "DEQUANTIZE": (6, 0, 2),
    "FULLY_CONNECTED": (9, 8, 4),
    "L2_NORMALIZATION": (11, 12, 2),
    "LOGISTIC": (14, 0, 2),
    "MAX_POOL_2D": (17, 5, 2),
    "MUL": (18, 21, 2),
    "RELU": (19, 0, 2),
    "RELU_N1_TO_1": (20, 0, 1),
    "RELU6": (21, 0, 2),
    "RESHAPE": (22, 0, 1),
    "TANH": (28, 0, 2),
    "PAD": (34, 0, 2),
    "GATHER": (36, 23, 1),
    "TRANSPOSE": (39, 26, 2),
    "MEAN": (40, 27, 2),
    "MAXIMUM": (55, 0, 2),
    "MINIMUM": (57, 0, 2),
    "PADV2": (60, 0, 2),
    "REDUCE_MAX": (82, 27, 2),
    "LEAKY_RELU": (98, 75, 2),
    "STRIDED_SLICE": (45, 32, 2),
    "HARD_SWISH": (117, 0, 1),
    "AVERAGE_POOL_2D": (1, 5, 2),
    "DIV": (42, 29, 1),
    "SQRT": (75, 0, 1),
    "RSQRT": (76, 0, 1),
    "ELU": (111, 0, 1),
    "GELU": (150, 116, 2),
}
# The version of those that may have weights of four bits, where they do.
FOUR_BIT_VERSIONS = {"CONV_2D": 7, "DEPTHWISE_CONV_2D": 7, "FULLY_CONNECTED": 10}
