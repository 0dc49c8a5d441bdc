"""`edge-asc doctor`: looks at everything that live listening needs; each check gives `Finding`s."""
