"""One page on a run: all that was measured of it."""
