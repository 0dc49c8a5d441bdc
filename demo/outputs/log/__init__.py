"""The decision log, which survives power cuts: `decision_log` decides what is worth a line.

`format` is a line, `writer` the thread, `file` what it writes to; `reader`, `summary` and `plot` go
the other way.
"""
