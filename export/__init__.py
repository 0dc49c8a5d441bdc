"""The graph between torch and the file formats, and its two writers."""

if __name__ != "edge_asc.export":
    raise ImportError(f"import edge_asc.export, not {__name__}")
