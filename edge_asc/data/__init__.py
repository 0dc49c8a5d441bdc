"""Data sets: clips, labels, folds, and the features kept of them."""
