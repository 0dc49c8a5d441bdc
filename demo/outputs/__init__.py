"""Where decisions go: everything that shows, writes or sends them implements `output.Output`.

Each is imported when it is asked for. None may hold up the live loop: what talks to a disk, a
network or a browser has a thread and a bounded queue of its own.
"""
