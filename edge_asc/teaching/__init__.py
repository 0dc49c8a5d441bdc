"""Sounds of one's own, taught to an encoder: a linear head, honest figures, one file. No torch."""
