"""Whether a model answers at all, before anything depends on it."""

import numpy as np

from edge_asc.runtime.classifier import Classifier


def try_out(classifier: Classifier) -> None:
    """Have a model hear a window of silence, as the live loop will have it hear windows.

    Raises:
        ValueError: it takes other features than its file says, or gives something else; one line.
    """
    frontend = classifier.frontend
    silence = frontend.raw(np.zeros(classifier.window_samples, np.float32))
    prediction = classifier.predict(frontend.normalize(silence))
    if not np.isfinite(prediction.scene).all():
        raise ValueError(f"{classifier.path}: answers silence with NaN")
