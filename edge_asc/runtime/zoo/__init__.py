"""Model files that come with edge-asc, each with its page (`models.py` reads them)."""
