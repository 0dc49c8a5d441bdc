"""The verbs of the command, one file for each group; `edge_asc.cli.app` puts them together."""
