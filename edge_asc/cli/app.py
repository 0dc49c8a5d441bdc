"""The command line. Every verb imports what it needs when it runs, so that help comes at once."""

import sys
from typing import Annotated

import typer

import edge_asc.cli.explain as explaining
import edge_asc.cli.live as listening
import edge_asc.cli.microphones as simulating
import edge_asc.cli.model as model
import edge_asc.cli.search as searching
import edge_asc.cli.shipping as shipping
import edge_asc.cli.training as training
from edge_asc import __version__
from edge_asc.cli.errors import INTERRUPTED, examples, verb
from edge_asc.demo.options import WEB_ADDRESS

# Without rich's markup, help needs none of rich's imports.
app = typer.Typer(
    name="edge-asc",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=examples(
        "edge-asc data check DIR",
        "edge-asc train compact-int8 --data DIR --fold 1",
        "edge-asc quantize && edge-asc export --int8",
        "edge-asc evaluate model.tflite --data DIR --fold 1",
        "edge-asc classify recording.wav --model model.tflite",
        "edge-asc live --model model.tflite",
    ),
)
data = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Check a data set, or synthesise one."
)
log = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Sum up what live listening has logged."
)
models = typer.Typer(
    rich_markup_mode=None,
    invoke_without_command=True,
    epilog=examples(*shipping.EXAMPLES["models"]),
)


@models.callback()
def _models(context: typer.Context, as_json: model.AsJson = False) -> None:
    """List the models that come with edge-asc."""
    if context.invoked_subcommand is None:
        verb(shipping.list_models)(as_json)


search = typer.Typer(
    rich_markup_mode=None,
    epilog=examples(*searching.EXAMPLES["search"]),
    context_settings={"help_option_names": ["-h", "--help"]},
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
) -> None:
    """Train, quantise and run acoustic scene classifiers that fit in 128 KB."""


EXAMPLES = (
    model.EXAMPLES
    | training.EXAMPLES
    | listening.EXAMPLES
    | explaining.EXAMPLES
    | searching.EXAMPLES
    | shipping.EXAMPLES
    | simulating.EXAMPLES
)
for group, words, function in (
    (app, "train", training.train),
    (app, "import-public", training.import_public),
    (app, "quantize", training.quantize),
    (app, "export", training.export),
    (app, "calibrate", shipping.calibrate),
    (app, "budget", model.budget),
    (app, "evaluate", model.evaluate),
    (app, "classify", model.classify),
    (app, "explain", explaining.explain),
    (app, "report", explaining.report),
    (app, "microphones", simulating.microphones),
    (app, "info", model.info),
    (app, "live", listening.live),
    (app, "doctor", listening.doctor),
    (app, "bench", listening.bench),
    (models, "models show", shipping.show_model),
    (models, "models path", shipping.model_path),
    (log, "log summary", listening.log_summary),
    (search, "search show", searching.show),
    (search, "search preset", searching.preset),
    (data, "data check", training.data_check),
    (data, "data synth", training.data_synth),
):
    group.command(words.split()[-1], epilog=examples(*EXAMPLES[words]))(verb(function))
search.callback(invoke_without_command=True)(verb(searching.search))
app.add_typer(search, name="search")
app.add_typer(data, name="data")
app.add_typer(log, name="log")
app.add_typer(models, name="models")


def with_value(arguments: list[str], option: str, value: str) -> list[str]:
    """The arguments, with a value behind an option that was given without one."""
    if option not in arguments:
        return arguments
    after = arguments.index(option) + 1
    if after < len(arguments) and not arguments[after].startswith("-"):
        return arguments
    return [*arguments[:after], value, *arguments[after:]]


def main() -> None:
    """Entry point of the command `edge-asc`."""
    try:
        sys.argv[1:] = with_value(sys.argv[1:], "--web", WEB_ADDRESS)
        app()
    except KeyboardInterrupt:  # before or after the verb itself
        sys.exit(INTERRUPTED)
