"""From files to samples: decode, mix down, resample; and simulated microphones."""
