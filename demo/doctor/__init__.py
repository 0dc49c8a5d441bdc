"""`edge-asc doctor`: looks at everything that live listening needs."""
