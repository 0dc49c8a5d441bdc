"""Which files are recordings, by the endings of their names."""


def _suffixes(names: str) -> frozenset[str]:
    return frozenset(f".{name}" for name in names.split())


LIBSNDFILE_SUFFIXES = _suffixes("aif aifc aiff au caf flac mp3 oga ogg opus rf64 snd w64 wav wave")
"""What libsndfile reads."""

FFMPEG_SUFFIXES = _suffixes(
    "3g2 3gp aac ac3 amr ape asf awb m4a m4b m4r mka mkv mov mp4 tta weba webm wma wv"
)
"""Those of phones, cameras and browsers, for which ffmpeg is needed."""

AUDIO_SUFFIXES = LIBSNDFILE_SUFFIXES | FFMPEG_SUFFIXES
"""What is taken as a recording in folders."""

UNREADABLE_SUFFIXES = _suffixes("dff dsf gsm mid midi mpc pcm ra raw rm shn sln sph spx vox")
"""Sound that nothing here reads, or whose file does not say how."""
