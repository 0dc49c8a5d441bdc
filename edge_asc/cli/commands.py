"""What help and wrong usage look like: verbs in sections, options that were meant."""

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from typer.core import TyperCommand, TyperGroup

from edge_asc.suggest import nearest

# Of all verbs, also behind them: `edge-asc info -v`. (--quiet is also an option of live.)
EVERYWHERE = ("-v", "-vv", "--verbose", "-q", "--debug")


class _Helpful(TyperCommand if TYPE_CHECKING else object):  # type: ignore[misc]
    """A command that answers an option it does not have with what may have been meant."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take the arguments apart."""
        given = list(args)
        try:
            return super().parse_args(ctx, args)
        except Exception as error:  # typer does not export the class that is meant
            name = str(getattr(error, "option_name", ""))
            known = [o for each in self.params for o in each.opts if o.startswith("--")]
            if name.startswith("--") and name not in known:
                meant = _as_setting(name, given, self.name) if "--set" in known else None
                near = nearest(name, known)
                meant = meant or (f". Did you mean {near}?" if near else "")
                vars(error).update(message=f"No such option: {name}{meant}", possibilities=None)
            raise


class Verb(_Helpful, TyperCommand):
    """A verb."""


class Group(_Helpful, TyperGroup):
    """A verb that has further ones."""


def _as_setting(option: str, given: Sequence[str], verb: str | None) -> str | None:
    """The `--set` of a setting that was given as an option."""
    try:
        key = setting_of(option, "quantize" if verb == "quantize" else "train")
    except ImportError:  # Python 3.10, which reads no presets
        return None
    return key and f". It is a setting: --set {shlex.quote(f'{key}={_value(option, given)}')}"


def setting_of(option: str, section: str) -> str | None:
    """The setting that an option's name is the name of, of this section if it has one."""
    from edge_asc.config.errors import setting_names
    from edge_asc.config.schema import Config
    from edge_asc.config.settings import SECTIONS, full_name

    wanted = option.lstrip("-").replace("-", "_")
    if "." in wanted:
        return wanted if wanted in setting_names(Config) else None
    try:
        return full_name(wanted, tuple(dict.fromkeys([section, *SECTIONS])))
    except ValueError:
        return None


def _value(name: str, given: Sequence[str]) -> str:
    """What was given behind `name`."""
    for word, after in zip(given, [*given[1:], "-"], strict=True):
        if word.startswith(f"{name}="):
            return word.partition("=")[2]
        if word == name:
            return "VALUE" if after.startswith("-") else after
    return "VALUE"


class Sections(Group):
    """A group of verbs whose help shows them in sections; options for all may stand anywhere."""

    order: Sequence[str] = ()  # names of the verbs

    def list_commands(self, ctx: Any) -> list[str]:
        """Names of the verbs, in the order of the help."""
        return sorted(self.commands, key=self.order.index)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the verbs, a section after the other."""
        width = max(map(len, self.commands))
        sections: dict[str, list[tuple[str, str]]] = {}
        for name in self.list_commands(ctx):
            command: Any = self.commands[name]
            row = (name.ljust(width), command.get_short_help_str(formatter.width - width - 6))
            sections.setdefault(command.rich_help_panel, []).append(row)
        for title, rows in sections.items():
            with formatter.section(title):
                formatter.write_dl(rows)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take the arguments apart, after options for all have come to the front."""
        return super().parse_args(ctx, to_front(args, EVERYWHERE))


def examples(*lines: str) -> str:
    """The end of a verb's help; the control character keeps typer from joining the lines."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def to_front(args: Sequence[str], options: Sequence[str]) -> list[str]:
    """The arguments with these options first; what stands behind `--` stays."""
    end = list(args).index("--") if "--" in args else len(args)
    front = [word for word in args[:end] if word in options]
    return [*front, *(word for word in args[:end] if word not in options), *args[end:]]
