"""Simulated microphones: what another microphone would have made of a sound."""
