"""The bytes of model files, read with the standard library: flatbuffers, protobuf, ONNX weights."""
