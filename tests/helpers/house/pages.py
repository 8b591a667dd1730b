"""What the project's pages say, read as data: their commands, the walks through the code, the tables of fields."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PAGES = ("README.md", "CONTRIBUTING.md", "docs/*.md", "experiments/studies/*.md")
HEADS = ("python", "make", "pip", "tensorboard", "source")
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", flags=re.MULTILINE | re.DOTALL)
_INLINE = re.compile(rf"`((?:{'|'.join(HEADS)}) [^`]+)`")
_WALK = re.compile(r"^\d+\. `([^`]+)` `([^`]+)` — (.+)$", flags=re.MULTILINE)
_FIELD = re.compile(r"^\| `([^`]+)` \| ([a-z ]+) \|", flags=re.MULTILINE)


def pages() -> list[Path]:
    """Every page whose commands are checked."""
    return sorted(path for pattern in PAGES for path in ROOT.glob(pattern))


@dataclass(frozen=True)
class Command:
    """A command as a page has it, without its comment, and the page's path below the root."""

    words: tuple[str, ...]
    page: str

    def __str__(self) -> str:
        return shlex.join(self.words)


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of a language; of "" also those that are indented by four spaces."""
    found = [body for name, body in _FENCE.findall(text) if name == language]
    if language:
        return found
    outside = _FENCE.sub("", text)
    lines = [line[4:] for line in outside.splitlines() if line.startswith("    ") and line.strip()]
    return [*found, "\n".join(lines)]


def commands_of(text: str, page: str) -> Iterator[Command]:
    """All commands of a page: the lines of its blocks without a language, and those in running text with arguments.

    Raises:
        ValueError: for a line in such a block that is no command.
    """
    for line in "\n".join(blocks(text, "")).splitlines():
        words = tuple(shlex.split(line, comments=True))
        if words and words[0] not in HEADS:
            raise ValueError(f"{page}: no command, so its block needs a language (text): {line!r}")
        if words:
            yield Command(words, page)
    for line in _INLINE.findall(re.sub(_FENCE, "", text)):
        words = tuple(shlex.split(line))
        if len(words) > (3 if words[1] == "-m" else 2) or words[0] in ("make", "pip"):
            yield Command(words, page)


def commands() -> list[Command]:
    """All commands of all pages, each once."""
    found: dict[tuple[str, ...], Command] = {}
    for path in pages():
        page = path.relative_to(ROOT).as_posix()
        for command in commands_of(path.read_text(), page):
            found.setdefault((*command.words, *(["gym"] if page == "docs/other_games.md" else [])), command)
    return list(found.values())


@dataclass(frozen=True)
class Step:
    """One line of a walk: a function in a file; ``called`` if one above it calls it."""

    path: str
    name: str
    called: bool

    @property
    def bare(self) -> str:
        """The name without its class."""
        return self.name.rpartition(".")[2]


def walks(text: str) -> dict[str, list[Step]]:
    """The walks of ``docs/architecture.md`` by their headings."""
    parts = re.split(r"^### (.+)$", text.partition("\n## Four walks")[2], flags=re.MULTILINE)
    return {
        title: [Step(path, name, not said.rstrip(".").endswith(")")) for path, name, said in _WALK.findall(body)]
        for title, body in zip(parts[1::2], parts[2::2], strict=True)
    }


def definition(path: Path, name: str) -> ast.AST | None:
    """The function, class or Class.method of that name in a file; None if it isn't there."""
    body: list[ast.stmt] = ast.parse(path.read_text()).body
    found: ast.AST | None = None
    for part in name.split("."):
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        found = next((node for node in body if isinstance(node, kinds) and node.name == part), None)
        if found is None:
            return None
        body = found.body  # type: ignore[attr-defined]
    return found


def names_in(node: ast.AST) -> set[str]:
    """Every name and attribute that a definition uses."""
    used = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
    return used | {part.attr for part in ast.walk(node) if isinstance(part, ast.Attribute)}


def fields(text: str) -> dict[str, dict[str, tuple[str, ...]]]:
    """The tables of ``result.json`` in ``docs/run_folder.md``: heading → field → the types it may have."""
    parts = re.split(r"^### (.+)$", text.partition("\n## `result.json`")[2], flags=re.MULTILINE)
    return {
        title: {field: tuple(types.split(" or ")) for field, types in _FIELD.findall(body)}
        for title, body in zip(parts[1::2], parts[2::2], strict=True)
    }


def files(text: str, heading: str) -> list[str]:
    """The names in the tables of files below a heading of ``docs/run_folder.md``."""
    body = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]+`) \|", body, flags=re.MULTILINE)
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row)]
