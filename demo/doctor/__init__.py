"""`edge-asc doctor`: looks at everything that a listening device needs."""
