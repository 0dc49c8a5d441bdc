"""Names for kept clips: in a terminal, by lines, or without anybody there."""
