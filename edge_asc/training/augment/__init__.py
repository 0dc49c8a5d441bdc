"""Random changes to the batches that a network learns from."""
