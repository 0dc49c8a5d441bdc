"""Presets of the DCASE 2025 task on acoustic scenes: 1 s, the 25 % list, 128 kB and 30 MMAC."""
