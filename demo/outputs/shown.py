"""Text from outside (labels, paths, microphones' names, a broker's words) as it may be printed."""


def clean(text: str) -> str:
    """One line without what a terminal would obey instead of showing it, or turn around."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)
