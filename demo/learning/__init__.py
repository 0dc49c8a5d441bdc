"""Another model for a running listener.

`follow` loads its file again when it has changed. `teacher` makes new models of recordings:
`process` runs `edge-asc teach`, whose `progress` comes in lines, in a `place` of its own; `figures`
compares, `store` keeps the models and remembers which of them is in use.
"""
