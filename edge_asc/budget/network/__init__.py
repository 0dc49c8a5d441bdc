"""Counting a torch network before it is trained or exported."""
