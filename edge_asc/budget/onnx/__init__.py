"""Counting an .onnx file."""
