"""From samples to features, in numpy: whole clips and streams."""
