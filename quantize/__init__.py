"""Batch-norm folding and quantisation-aware training."""

if __name__ != "edge_asc.quantize":
    raise ImportError(f"import edge_asc.quantize, not {__name__}")
