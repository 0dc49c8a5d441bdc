"""`python -m edge_asc` is the command `edge-asc`."""

from edge_asc.cli.app import main

if __name__ == "__main__":
    main()
