"""The project's pages as tests see them: code, links, and commands as a shell would read them."""

import itertools
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
from markdown_it import MarkdownIt
from markdown_it.token import Token

from edge_asc.cli.app import app, with_value

ROOT = Path(__file__).parents[3]
MANUAL = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]  # whose blocks are tried
PAGES = [*MANUAL, *(ROOT / name for name in ("CONTRIBUTING.md", "RESULTS.md", "CHANGELOG.md"))]

NOT_RUN = re.compile(r"<!-- not run: (?P<reason>[^>]+?) -->")
ON_A_PI = re.compile(r"<!-- pi: \S+ -->")  # run by tests/pi/, on emulated boards
PUNCTUATION = frozenset(["|", "&&", "||", ";", "<", ">", ">>", "2>"])
PREFIXES = frozenset(["sudo"])
ELLIPSES = frozenset(["…", "..."])
COMMAND: Any = typer.main.get_command(app)  # typer brings a click of its own, in newer versions
UsageError = typer.BadParameter.__bases__[0]


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        page: relative to the root.
        line: of its fence, from 1.
        language: of the fence, "" where it names none.
        text: what is in it.
        reason: why it is not run; None: it is.
    """

    page: str
    line: int
    language: str
    text: str
    reason: str | None

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def tokens(path: Path) -> list[Token]:
    """A page's Markdown, parsed."""
    return MarkdownIt("commonmark").enable("table").parse(path.read_text("utf-8"))


def blocks(path: Path) -> list[Block]:
    """Fenced blocks in the order of the page, each with the reason that stands before it."""
    found, reason = [], None
    for token in tokens(path):
        if token.type == "html_block":
            mark = NOT_RUN.search(token.content)
            on_a_pi = "run on emulated boards" if ON_A_PI.search(token.content) else None
            reason = mark["reason"] if mark else on_a_pi
        elif token.type == "fence":
            assert token.map
            name = str(path.relative_to(ROOT))
            found.append(Block(name, token.map[0] + 1, token.info, token.content, reason))
            reason = None
        elif token.nesting == 0 and token.type != "inline":
            reason = None
    return found


def code_spans(path: Path) -> list[str]:
    """Code within the text, on one line each."""
    inline = [child for token in tokens(path) for child in token.children or []]
    return [" ".join(child.content.split()) for child in inline if child.type == "code_inline"]


def command_lines(block: Block) -> Iterator[str]:
    """What a reader types: whole lines, without the prompts and outputs of a `console` block."""
    text = re.sub(r"\\\n\s*", " ", block.text)
    for line in text.splitlines():
        if block.language == "sh" and line.strip():
            yield line
        elif line.startswith("$ "):
            yield line[2:]


def pieces(line: str) -> list[list[str]]:
    """The commands of a line, split where a shell would: `a | b && c` is three.

    Variables before a command and `sudo` are dropped, as are dots for what was left out.
    """
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.wordchars += "…:@=+,[]{}$*?~%"
    found: list[list[str]] = [[]]
    for word in lexer:
        if word in PUNCTUATION:
            found.append([])
        elif not (word in ELLIPSES or (not found[-1] and _before_a_command(word))):
            found[-1].append(word)
    return [piece for piece in found if piece]


def is_whole(line: str) -> bool:
    """Whether nothing was left out of it."""
    return not ELLIPSES & {*line.split()}


def _before_a_command(word: str) -> bool:
    return word in PREFIXES or re.fullmatch(r"[A-Z_]+=.*", word) is not None


def ours(line: str) -> list[list[str]]:
    """The arguments of each `edge-asc` in a line."""
    return [piece[1:] for piece in pieces(line) if Path(piece[0]).name == "edge-asc"]


def parse(arguments: list[str]) -> tuple[str, Any]:
    """Verb and context of a command, its types checked; a `UsageError` says what is wrong."""
    words, command, rest = [], COMMAND, with_value(list(arguments), "--web", "8765")
    context = command.make_context("edge-asc", rest)
    while is_group(command) and (rest := [*context._protected_args, *context.args]):
        name, command, rest = command.resolve_command(context, rest)
        words.append(name)
        context = command.make_context(name, rest, parent=context)
    return " ".join(words), context


def check_options(arguments: list[str]) -> None:
    """Verb and options exist; values and arguments may be missing, as where a text names a verb.

    Raises:
        UsageError: an unknown verb or option.
    """
    command, rest = COMMAND, arguments
    context = command.context_class(command, info_name="edge-asc")
    while is_group(command) and rest and not rest[0].startswith("-"):
        name, command, rest = command.resolve_command(context, rest)
        context = command.context_class(command, info_name=name, parent=context)
    options = {name for parameter in command.get_params(context) for name in parameter.opts}
    for word in rest:
        if word.startswith("--") and word.split("=")[0] not in options:
            raise UsageError(f"{command.name} has no option {word}")


def is_group(command: Any) -> bool:
    """Whether it has verbs below it."""
    return hasattr(command, "resolve_command")


def links(path: Path) -> list[str]:
    """Where a page's links and pictures point."""
    inline = [child for token in tokens(path) for child in token.children or []]
    found = [child.attrGet("href") or child.attrGet("src") for child in inline]
    return [str(target) for target in found if target]


def anchors(path: Path) -> set[str]:
    """Names of a page's headings, as GitHub makes them."""
    seen: dict[str, int] = {}
    parsed = tokens(path)
    for token, inline in itertools.pairwise(parsed):
        if token.type == "heading_open":
            text = "".join(child.content for child in inline.children or [])
            slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
            seen[slug] = seen.get(slug, -1) + 1
            if seen[slug]:
                seen[f"{slug}-{seen[slug]}"] = 0
    return set(seen)
