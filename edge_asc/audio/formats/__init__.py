"""What an audio file's bytes say of its length: its parts, what is missing or damaged."""
