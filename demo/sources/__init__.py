"""Where audio comes from: a microphone, a recording, a pipe."""
