"""What a run found: scores with intervals beside the players', as ``result.json`` and as a table."""

from __future__ import annotations

import importlib.metadata
import json
import math
import platform
import subprocess
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from experiments.common.files import read_json, write_whole
from experiments.runs.domain import TableColumns
from groundwork.errors import WaybillError

RESULT = "result.json"
_WIDE = 160  # characters of a table that no terminal shows
_PACKAGES = ("torch", "numpy", "gymnasium", "stable_baselines3", "sb3_contrib", "numba")


def write_result(folder: Path, result: Mapping[str, Any]) -> None:
    """Write ``result.json``, whole or not at all. JSON has no NaN: what is not finite becomes null."""
    text = json.dumps(_finite(result), indent=2, allow_nan=False) + "\n"
    write_whole(folder / RESULT, lambda temporary: temporary.write_text(text))


def _finite(value: Any) -> Any:
    """Nested data with None in place of numbers that are not finite."""
    if isinstance(value, Mapping):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def read_result(folder: Path) -> dict[str, Any] | None:
    """The result of a finished run, None if there is none (yet).

    Raises:
        WaybillError: in one line, if the file is damaged, or a field isn't what it should be.
    """
    path = folder / RESULT
    if not path.is_file():
        return None
    result = read_json(path)
    try:
        check_result(result)
    except WaybillError as error:
        raise WaybillError(f"{path} is damaged or not one of ours ({error})") from None
    return result


def check_result(result: Any) -> None:
    """Refuse a result in which a field that is read is missing, or isn't of its kind; others may be anything.

    Raises:
        WaybillError: in one line, without the file's name.
    """
    if not isinstance(result, Mapping):
        raise WaybillError("it is no section of keys")
    if missing := [key for key in ("choices", "env_steps", "scores") if key not in result]:
        raise WaybillError(f"it lacks {', '.join(missing)}")
    _check(result, _FIELDS, "")


def _check(value: Any, kind: Any, where: str) -> None:
    """Refuse a value that isn't of a kind: one of ``_KINDS``, a section of such, or ``(kind,)``: null, too.

    A section that may be null has all of its keys if it is there.
    """
    if isinstance(kind, tuple):
        if value is None:
            return
        _check(value, kind[0], where)
        if isinstance(value, Mapping) and (missing := kind[0].keys() - value.keys() - {_ANY}):
            raise WaybillError(f"{where} lacks {', '.join(sorted(missing))}")
    elif not isinstance(kind, dict):
        if not _KINDS[kind](value):
            raise WaybillError(f"{where}={str(value)[:80]!r} is no {kind}")
    elif not isinstance(value, Mapping):
        raise WaybillError(f"{where}={str(value)[:80]!r} is no section of keys")
    else:
        for key, entry in value.items():
            if key in kind or _ANY in kind:
                _check(entry, kind.get(key, kind.get(_ANY)), f"{where}.{key}" if where else str(key))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _LARGEST


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and _is_number(value) and value >= 0


def _is_list_of(is_entry: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(map(is_entry, value))


def _is_point(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and _is_count(value[0])
        and (value[1] is None or _is_number(value[1]))
    )


_LARGEST = 1e15
_ANY = "*"  # any key
_KINDS: dict[str, Callable[[Any], bool]] = {
    "number": _is_number,
    "count": _is_count,
    "text": lambda value: isinstance(value, str),
    "truth value": lambda value: isinstance(value, bool),
    "list of numbers": _is_list_of(_is_number),
    "list of texts": _is_list_of(lambda value: isinstance(value, str)),
    "list of steps and scores": _is_list_of(_is_point),
}
_SPAN: Any = ({"mean": ("number",), "low": ("number",), "high": ("number",)},)  # what is not finite is written as null
_ROW = {
    "mean": ("number",), "low": ("number",), "high": ("number",), "bankruptcies": ("number",), "normalised": _SPAN,
    "normalised_seen": _SPAN, "better_than_greedy": _SPAN, "made": {_ANY: "number"}, "won": _SPAN,
    "by_map": "list of numbers", "by_seed": "list of numbers", "std": ("number",), "min": ("number",),
    "max": ("number",), "length": ("number",), "cut": "count",
}  # fmt: skip
_FIELDS = {
    "choices": {_ANY: "text"}, "seed": "count", "device": "text", "env_steps": "count", "updates": "count",
    "seconds": "number", "updates_per_step": ("number",), "steps_per_s": ("number",), "scores": {_ANY: _ROW},
    "reached": ({_ANY: ("number",)},), "curve": ("list of steps and scores",), "ladder": ({_ANY: "count"},),
    "policy": {"checkpoint": "text", "env_step": "count", "validation_score": ("number",), "player": "text"},
    "commit": ({"id": "text", "dirty": "truth value"},), "versions": {_ANY: ("text",)}, "machine": {_ANY: "text"},
    "commands": "list of texts",
}  # fmt: skip


def provenance() -> dict[str, Any]:
    """When, with which code and on what a result was made."""
    return {
        "finished": datetime.now().astimezone().isoformat(timespec="seconds"),
        "commit": source_commit(),
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in _PACKAGES}},
        "machine": {"system": platform.system(), "processor": platform.machine()},
    }


def source_commit() -> dict[str, Any] | None:
    """The source's commit and whether files differ from it; None outside a git checkout."""
    here = Path(__file__).resolve().parents[2]
    try:
        head = _git(here, "rev-parse", "HEAD")
        return {"id": head, "dirty": bool(_git(here, "status", "--porcelain"))}
    except (OSError, subprocess.SubprocessError):
        return None


def _git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True, timeout=20)
    return done.stdout.strip()


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def print_scores(
    scores: Mapping[str, Any],
    *,
    title: str,
    columns: TableColumns,
    players: Sequence[str],
    console: Console | None = None,
) -> None:
    """A row for the policy and each of the players, which are not in bold."""
    console = Console() if console is None else console
    if not console.is_terminal:  # a file has no edge
        console.width = max(console.width, _WIDE)
    console.print(f"[bold]{escape(title)}[/bold]", highlight=False, soft_wrap=True)
    table = Table()
    table.add_column("player")
    for name in columns:
        table.add_column(name, justify="right")
    for name, row in scores.items():
        table.add_row(name, *(text(row) for text in columns.values()), style=None if name in players else "bold")
    console.print(table)
