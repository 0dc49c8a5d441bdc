"""A model file that answers: its metadata, its runtimes, its answers on audio."""
