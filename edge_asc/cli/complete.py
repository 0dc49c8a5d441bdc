"""What the shell offers behind TAB where a name is wanted; where none fits, it offers files.

Each function takes the beginning of a word. An error here would end up in the middle of what is
being typed, so that what cannot be looked up is not offered.
"""

from collections.abc import Callable, Iterable


def presets(incomplete: str) -> list[str]:
    """Names of presets."""
    return _beginning(incomplete, _preset_names)


def models(incomplete: str) -> list[str]:
    """Names of the zoo."""
    return _beginning(incomplete, _model_names)


def targets(incomplete: str) -> list[str]:
    """What can be counted by its name: a preset or a model of the zoo."""
    return [*presets(incomplete), *models(incomplete)]


def rules(incomplete: str) -> list[str]:
    """Names of size rules, and `all`."""
    return _beginning(incomplete, rule_names)


def runtimes(incomplete: str) -> list[str]:
    """Names of inference runtimes."""
    return _beginning(incomplete, runtime_names)


def settings(incomplete: str) -> list[str]:
    """Settings of a preset, as `--set` takes them: `train.epochs=`."""
    return _beginning(incomplete, _setting_names)


def crops(incomplete: str) -> list[str]:
    """Ways to cut a clip into windows."""
    return _beginning(incomplete, crop_names)


def one_of(*names: str) -> Callable[[str], list[str]]:
    """A function that completes to one of a few words."""
    return lambda incomplete: _beginning(incomplete, lambda: names)


def _beginning(incomplete: str, names: Callable[[], Iterable[str]]) -> list[str]:
    try:
        return [name for name in names() if name.startswith(incomplete)]
    except (ImportError, ValueError, OSError):  # Python 3.10 has no tomllib, so no presets
        return []


def _preset_names() -> Iterable[str]:
    from edge_asc.config.preset_files import PRESETS

    return PRESETS


def _model_names() -> Iterable[str]:
    from edge_asc.runtime.zoo.models import zoo_names

    return zoo_names()


def rule_names() -> Iterable[str]:
    """What a rule may be called."""
    from edge_asc.budget.rules import RULES

    return [*RULES, "all"]


def runtime_names() -> Iterable[str]:
    """What a runtime may be called."""
    from edge_asc.runtime.classifier import RUNTIMES

    return RUNTIMES


def crop_names() -> Iterable[str]:
    """What may be asked of a clip."""
    from edge_asc.frontend.windows import CROPS

    return CROPS


def _setting_names() -> Iterable[str]:
    from edge_asc.config.errors import setting_names
    from edge_asc.config.schema import Config

    return [f"{name}=" for name in setting_names(Config)]
