"""Operators of a .tflite file of ours, read back as the graph's nodes."""
