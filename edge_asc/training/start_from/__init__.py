"""Weights to begin with: of another run, or of the public code of the paper."""
