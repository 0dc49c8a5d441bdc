"""A run's configuration: its fields, its presets, and how it can be wrong."""
