"""The graph between torch and the file formats: traced, folded, run again in torch."""
