"""Train, quantise and run acoustic scene classifiers that fit in 128 KB."""

__version__ = "0.1.0"
