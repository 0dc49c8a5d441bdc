"""Another model for a running listener: its file loaded again (`follow`).

`follow` looks at a file in a thread of its own and hands what it loads to `Live.swap`.
"""
