"""Readers of torch's operations, by what they read."""
