"""The decision log: written so that it survives power cuts, read back, summed up."""
