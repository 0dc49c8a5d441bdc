"""Where decisions go: everything that shows, writes or sends them."""
