"""Live classification from a microphone."""

if __name__ != "edge_asc.demo":
    raise ImportError(f"import edge_asc.demo, not {__name__}")
