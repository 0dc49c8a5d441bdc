"""Presets of BioDCASE 2026, task 3: ten birds and background in 3 s, on an ESP32-S3."""
