"""ESC-10 (and data as small) at four sizes of the int8 file."""
