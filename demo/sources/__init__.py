"""Where audio comes from: everything that is listened to implements `source.Source`.

A `recording`, a `pipe` (its samples: `pcm`), or a `microphone`. That one is found by `microphones`,
recorded by `capture` through a `ring`, judged by `recovery`; `portaudio` alone knows the library.
"""
