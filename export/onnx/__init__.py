"""What the writer of .onnx files stands on: its tensors, layers, and ops that move numbers."""
