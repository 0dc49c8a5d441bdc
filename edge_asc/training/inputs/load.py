"""From a data set and a configuration to the features that a run works on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edge_asc.audio.microphones.recorded import Responses
from edge_asc.config.schema import Config, DataConfig
from edge_asc.data.cache import FeatureCache
from edge_asc.data.cache_files import joined
from edge_asc.data.dataset import Clip, SceneDataset, split_validation
from edge_asc.data.lengths import in_pieces, length_notes, lengths_s
from edge_asc.data.train_list import find_list, listed
from edge_asc.frontend.front_end import FrontEnd
from edge_asc.training.inputs.batches import FeatureStore, Group
from edge_asc.training.inputs.unknown import unknown_groups
from edge_asc.training.losses.answers import GivenAnswers

Version = tuple[float, int | None]  # speed, and which of a clip's microphones hears it
AS_IT_IS: Version = (1.0, None)


@dataclass(frozen=True)
class Material:
    """What a run works on.

    Attributes:
        train: clips that train.
        val: clips that choose, from the training folds; None without validation.
        test: clips of the test fold; None where every clip trains.
        frontend: with the statistics of the training clips, where it needs them.
        n_frames: frames of one input of the network.
        clip_s: the same in seconds of audio.
        recordings: how many the clips of "val" and "test" are from.
        notes: lines on recordings that are longer or shorter than a clip.
    """

    train: FeatureStore
    val: FeatureStore | None
    test: FeatureStore | None
    frontend: FrontEnd
    n_frames: int
    clip_s: float
    recordings: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def labelled(config: Config, dataset: SceneDataset) -> SceneDataset:
    """The data set with the labels that `data.target` names.

    Raises:
        ValueError: these are the abstract classes, and the data set has none.
    """
    return dataset.abstracted() if config.data.target == "abstract" else dataset


def abstract_labels(config: Config, dataset: SceneDataset) -> list[str]:
    """Return the abstract classes that the network is to learn, none without `model.abstract`.

    Raises:
        ValueError: they are asked for and the data set has none.
    """
    if not config.model.abstract:
        return []
    if not dataset.abstract_labels:
        raise ValueError(
            f"{dataset.name} has no abstract classes, which model.abstract = true needs; "
            "set model.abstract=false"
        )
    return list(dataset.abstract_labels)


def prepare(
    config: Config,
    dataset: SceneDataset,
    fold: int | None,
    seed: int,
    progress: bool = True,
    cache: Path | None = None,
    answers: GivenAnswers | None = None,
) -> Material:
    """Split, compute or read features, and take statistics of the training clips alone.

    Recordings longer than a clip are heard whole, in pieces, which stay on one side.

    Raises:
        ValueError: no such fold, a file that cannot be read, or answers of teachers, which are of
            scenes alone, for a network that answers to other sounds too.
    """
    _check_answers(config, answers)
    frontend = config.front_end()
    clip_s = config.clip_s_of(dataset.clip_s)
    clips, test = chosen(config.data, dataset, fold)
    recorded = config.augment.impulse_responses
    responses = Responses.of(Path(recorded), config.data.microphones) if recorded else None
    _check_labels(dataset, clips)
    train_clips, val = split_validation(clips, config.data.val_fraction, seed)
    known = [*clips, *test]
    lengths = dict(zip((c.path for c in known), lengths_s(dataset, known), strict=True))

    versions = versions_of(config.data)
    caches = [
        FeatureCache(frontend, clip_s, cache, None, *version, responses) for version in versions
    ]
    n_plain = sum(microphone is None for _, microphone in versions)

    def store(
        clips: Sequence[Clip],
        caches: Sequence[FeatureCache] = caches[:1],  # as it is
        given: GivenAnswers | None = None,
        unknown: Sequence[Group] = (),
    ) -> FeatureStore | None:
        if not clips:
            return None
        numbers = {name: i for i, name in enumerate(dict.fromkeys(c.path for c in clips))}
        clips = in_pieces(clips, [lengths[clip.path] for clip in clips], clip_s)
        return FeatureStore(
            joined([c.load(clips, progress) for c in caches]),
            *_classes(clips, dataset, config.model.abstract),
            config.data.ram_limit_bytes,
            len(caches),
            min(n_plain, len(caches)),
            [numbers[clip.path] for clip in clips],
            None if given is None else given.of(clips, dataset.root),
            unknown,
            config.others,
        )

    unknown = unknown_groups(config.data, dataset.labels, caches, n_plain, progress)
    train_store = store(train_clips, caches, answers, unknown)
    assert train_store is not None  # the splits leave no training set empty
    if frontend.normalization == "dataset" and not frontend.mean:  # a base has its own
        frontend = frontend.with_statistics(*train_store.statistics(frontend.levelled))
    crop_s = min(clip_s, config.data.crop_s or clip_s)
    n_frames = frontend.frames_in(crop_s)
    parts = {"val": val, "test": test}
    recordings = {name: len({clip.recording for clip in part}) for name, part in parts.items()}
    notes = tuple(length_notes([lengths[clip.path] for clip in known], clip_s))
    return Material(
        train_store, store(val), store(test), frontend, n_frames, crop_s, recordings, notes
    )


def chosen(
    data: DataConfig, dataset: SceneDataset, fold: int | None
) -> tuple[tuple[Clip, ...], tuple[Clip, ...]]:
    """Training and test clips: of a list and of some devices, where the settings name them.

    Raises:
        ValueError: nothing is left of a side, or a list without a test fold.
        OSError: there is no such list.
    """
    clips, test = (dataset.clips, ()) if fold is None else dataset.split(fold)
    if data.train_list is not None:
        if fold is None:
            raise ValueError(
                "a training list goes with a test fold, --fold: its clips are beside it"
            )
        named = find_list(data.train_list, dataset.root)
        clips = listed(clips, dataset.root, named, same_labels=data.target != "abstract")
    if data.devices:
        clips, test = (
            tuple(clip for clip in side if clip.device in data.devices) for side in (clips, test)
        )
        if not clips or (fold is not None and not test):
            there = ", ".join(sorted({clip.device for clip in dataset.clips} - {""})) or "none"
            wanted, side = ", ".join(data.devices), "test" if clips else "training"
            raise ValueError(
                f"{dataset.name}: no {side} clip of device {wanted} (devices: {there})"
            )
    return clips, test


def _check_answers(config: Config, answers: GivenAnswers | None) -> None:
    """Refuse answers for scenes alone where other sounds are to be answered too."""
    if answers is not None and config.others:
        raise ValueError(
            f"{answers.path} has answers for scenes alone:"
            f" data.unknown_answer = {config.data.unknown_answer!r} needs teachers that are runs"
        )


def _check_labels(dataset: SceneDataset, clips: Sequence[Clip]) -> None:
    """Refuse to learn one answer to everything."""
    labels = {clip.label for clip in clips}
    if len(labels) < 2:
        raise ValueError(
            f"{dataset.name}: one scene only among the training clips, {', '.join(labels)}; at"
            " least two are needed"
        )


def versions_of(data: DataConfig) -> list[Version]:
    """The versions of training clips: other speeds, or a microphone, never both.

    As they are comes first: theirs are the statistics, examples and ranges.
    """
    played: list[Version] = [(speed, None) for speed in data.speeds if speed != 1]
    return [AS_IT_IS, *played, *((1.0, number) for number in range(data.microphones))]


def _classes(
    clips: Sequence[Clip], dataset: SceneDataset, abstract: bool
) -> tuple[list[list[int]], list[int]]:
    """Class numbers per label set, and the number of classes of each."""
    labels = [[dataset.scene_index(c.label) for c in clips]]
    sizes = [len(dataset.labels)]
    if abstract:
        labels.append([dataset.abstract_index(c.label) for c in clips])
        sizes.append(len(dataset.abstract_labels))
    return labels, sizes
