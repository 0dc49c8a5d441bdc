"""The command line. Every verb imports what it needs when it runs, so that help comes at once."""

import io
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

from edge_asc import __version__
from edge_asc.cli import verbosity
from edge_asc.cli.commands import Group, Sections, Verb, examples
from edge_asc.cli.errors import INTERRUPTED, verb
from edge_asc.cli.standard_streams import open_closed
from edge_asc.cli.verbs import (
    data,
    explain,
    live,
    measuring,
    record,
    research,
    review,
    search,
    shipping,
    teach,
    training,
    using,
)
from edge_asc.demo.options import WEB_ADDRESS

# What the help shows: sections, and their verbs in the order in which one needs them.
SECTIONS: dict[str, dict[str, Callable[..., Any]]] = {
    "Get data": {"data check": data.check, "data synth": data.synth},
    "Train": {
        "train": training.train,
        "join": training.join,
        "import-public": training.import_public,
        "search": search.search,
        "search show": search.show,
        "search best": search.best,
        "search preset": search.preset,
    },
    "Teach your own sounds": {"record": record.record, "teach": teach.teach},
    "Make a file that ships": {
        "quantize": shipping.quantize,
        "export": shipping.export,
        "calibrate": shipping.calibrate,
        "budget": shipping.budget,
    },
    "Measure and look inside": {
        "evaluate": measuring.evaluate,
        "compare": research.compare,
        "predict": research.predict,
        "microphones": measuring.microphones,
        "explain": explain.explain,
        "report": explain.report,
    },
    "Use a model": {
        "models": using.list_models,
        "models show": using.show_model,
        "models path": using.path_of_model,
        "classify": using.classify,
        "embed": using.embed,
        "info": using.info,
    },
    "Listen": {
        "live": live.live,
        "review": review.review,
        "log summary": live.log_summary,
        "bench": live.bench,
        "doctor": live.doctor,
    },
}
# Verbs that have further ones and do nothing themselves, and what the help says of them.
GROUPS = {
    "data": "Check a data set, or synthesise one.",
    "log": "Sum up what live listening has logged.",
}
EXAMPLES = {
    words: lines
    for module in (
        data,
        training,
        search,
        record,
        teach,
        shipping,
        measuring,
        research,
        explain,
        using,
        live,
        review,
    )
    for words, lines in module.EXAMPLES.items()
}
HELP_OPTIONS = {"help_option_names": ["-h", "--help"]}


class Command(Sections):
    """`edge-asc` itself."""

    order = tuple(dict.fromkeys(words.split()[0] for verbs in SECTIONS.values() for words in verbs))


# Without rich's markup, help needs none of rich's imports.
app = typer.Typer(
    name="edge-asc",
    cls=Command,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings=HELP_OPTIONS,
    epilog=examples(
        "edge-asc data check DIR",
        "edge-asc record LABEL && edge-asc teach sounds --out my.tflite",
        "edge-asc train compact-int8 --data DIR --fold 1",
        "edge-asc quantize && edge-asc export --int8",
        "edge-asc evaluate model.tflite --data DIR --fold 1",
        "edge-asc classify recording.wav --model esc10-32k",
        "edge-asc live --model model.tflite",
    ),
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"edge-asc {__version__}")
        raise typer.Exit


@app.callback()
def edge_asc(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
    verbose: Annotated[
        int,
        typer.Option(
            "-v",
            "--verbose",
            count=True,
            show_default=False,
            help="Say what is done; -vv: all there is.",
        ),
    ] = 0,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Say nothing but errors.")] = False,
    debug: Annotated[
        bool,
        typer.Option("--debug", envvar="EDGE_ASC_DEBUG", help="As -vv, with tracebacks of errors."),
    ] = False,
) -> None:
    """Train, quantise and run acoustic scene classifiers that fit in 128 KB."""
    verbosity.set_up(verbose, quiet, debug)


def _put_together() -> None:
    """Give each verb to the command, or to the group of its first word."""
    groups: dict[str, typer.Typer] = {}
    for title, verbs in SECTIONS.items():
        for words, function in verbs.items():
            first, *rest = words.split()
            has_more = any(other.startswith(f"{first} ") for other in verbs)
            if has_more and first not in groups:
                groups[first] = _group(first, title)
            if rest:
                groups[first].command(rest[0], **_of(words))(verb(function))
            elif has_more:
                groups[first].callback(invoke_without_command=True)(verb(function))
            else:
                app.command(first, rich_help_panel=title, **_of(words))(verb(function))


def _group(name: str, title: str) -> typer.Typer:
    options: dict[str, Any] = (
        {"help": GROUPS[name], "no_args_is_help": True}
        if name in GROUPS
        else {"epilog": examples(*EXAMPLES[name])}
    )
    group = typer.Typer(cls=Group, rich_markup_mode=None, context_settings=HELP_OPTIONS, **options)
    app.add_typer(group, name=name, rich_help_panel=title)
    return group


def _of(words: str) -> dict[str, Any]:
    return {"cls": Verb, "epilog": examples(*EXAMPLES[words])}


_put_together()


def with_value(arguments: list[str], option: str, value: str) -> list[str]:
    """The arguments, with a value behind an option that was given without one."""
    if option not in arguments:
        return arguments
    after = arguments.index(option) + 1
    if after < len(arguments) and not arguments[after].startswith("-"):
        return arguments
    return [*arguments[:after], value, *arguments[after:]]


def _print_anything() -> None:
    """Let names that stdout's encoding lacks, or that are no text, be printed as escapes."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def main() -> None:
    """Entry point of the command `edge-asc`."""
    open_closed()
    _print_anything()
    try:
        sys.argv[1:] = with_value(sys.argv[1:], "--web", WEB_ADDRESS)
        app()
    except KeyboardInterrupt:  # before or after the verb itself
        sys.exit(INTERRUPTED)
