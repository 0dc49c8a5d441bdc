"""A model for each recording device, and a general one for devices without.

Letters: N clips.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from edge_asc.data.dataset import SceneDataset
from edge_asc.evaluation.predictors import Hearing, Scorer, n_samples_of, open_scorer
from edge_asc.runtime.answers.answer import Prediction
from edge_asc.runtime.metadata import Calibration


class ByDevice:
    """A general model, and others that answer for the clips of their device.

    Args:
        general: answers for devices that have no model of their own.
        of_device: the others by device.
        device_of: of each clip's file its device.

    Raises:
        ValueError: a model has other scenes than the general one.
    """

    def __init__(
        self, general: Scorer, of_device: Mapping[str, Scorer], device_of: Mapping[Path, str]
    ) -> None:
        self._general, self._of_device, self._device_of = general, of_device, device_of
        for device, scorer in of_device.items():
            if list(scorer.labels) != list(general.labels):
                raise ValueError(
                    f"the model for device {device} has other scenes than the general one"
                )
        self.labels, self.abstract_labels = general.labels, general.abstract_labels
        self.frontend, self.trained_on = general.frontend, general.trained_on
        self.window_frames, self.clip_s = general.window_frames, general.clip_s
        self.views = general.views
        self.calibration: Calibration | None = None  # each file has its own

    def facts(self) -> dict[str, Any]:
        """What the general model says of itself; sizes are those of the largest file."""
        own = {device: scorer.facts() for device, scorer in self._of_device.items()}
        found = self._general.facts()
        sizes = [facts["file_bytes"] for facts in (found, *own.values()) if "file_bytes" in facts]
        largest = {"file_bytes": max(sizes)} if sizes else {}
        return {**found, **largest, "for_device": {d: facts["file"] for d, facts in own.items()}}

    def predict(self, paths: Sequence[Path], hearing: Hearing) -> list[Prediction]:
        """Mean prediction over the windows of each clip, each by its device's model."""
        clip_s = hearing.n_samples / self.frontend.sample_rate_hz
        devices = [self._device_of.get(path, "") for path in paths]
        devices = [device if device in self._of_device else "" for device in devices]
        found: dict[Path, Prediction] = {}
        for device in dict.fromkeys(devices):
            scorer = self._of_device.get(device, self._general)
            asked = [path for path, d in zip(paths, devices, strict=True) if d == device]
            own = replace(hearing, n_samples=n_samples_of(scorer, clip_s))
            found.update(zip(asked, scorer.predict(asked, own), strict=True))
        return [found[path] for path in paths]


def by_device(
    general: Scorer,
    for_device: Mapping[str, Path],
    dataset: SceneDataset,
    runtime: str | None = None,
    views: int | None = None,
) -> ByDevice:
    """A general model with others for some devices of a data set.

    Raises:
        ValueError: a device of which there is no clip, or as `open_scorer`.
    """
    known = sorted({clip.device for clip in dataset.clips} - {""})
    for device in for_device:
        if device not in known:
            there = ", ".join(known) or "none"
            raise ValueError(f"{dataset.name}: no clip of device {device} (devices: {there})")
    own = {device: open_scorer(path, runtime, views) for device, path in for_device.items()}
    return ByDevice(general, own, {clip.path: clip.device for clip in dataset.clips})
