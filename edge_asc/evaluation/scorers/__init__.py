"""Scorers made of others: weighed by abstract classes, or chosen by the recording device."""
