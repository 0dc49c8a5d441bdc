"""Rules of folding that move more than a factor: each a file."""
