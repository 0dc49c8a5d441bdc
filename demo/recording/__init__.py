"""Recordings to teach from: what a microphone hears, in a folder for each class.

`label` says what a class may be called, `wav` writes a file that is whole at every moment, `watch`
what should be said while there is time, `view` shows the level meanwhile. `record` is the loop,
`report` what there is to say at the end; `command` puts them together.
"""
