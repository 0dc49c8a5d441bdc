"""Model files that come with edge-asc, each with its card (`edge_asc.model_zoo` reads them)."""
