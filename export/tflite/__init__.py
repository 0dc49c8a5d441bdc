"""What the writer of .tflite files stands on: bytes of a FlatBuffer, and ops that move numbers."""
