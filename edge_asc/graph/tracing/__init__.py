"""A torch network watched while it computes, and written down as the graph's ops."""
