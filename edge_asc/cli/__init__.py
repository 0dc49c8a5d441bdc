"""The command `edge-asc`: one file for each group of verbs."""
