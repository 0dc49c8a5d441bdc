"""`edge-asc bench`: how fast a model is on this machine."""
