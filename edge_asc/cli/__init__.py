"""The command `edge-asc`: how it is put together, what it says; the verbs lie in `verbs`."""
