"""ESC-50, of fifty classes; for research, as the data are not for commercial use."""
