"""The picture on a terminal: `terminal` is the output and its thread, `view` draws a moment."""
