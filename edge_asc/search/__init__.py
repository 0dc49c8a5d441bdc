"""Search for networks that fit a size rule: `edge-asc search`."""
