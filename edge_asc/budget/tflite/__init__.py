"""Counting a .tflite file with the standard library and numpy."""
