"""What a run found: scores with intervals beside the players', as ``result.json`` and as a table."""

from __future__ import annotations

import importlib.metadata
import json
import math
import platform
import subprocess
from collections.abc import Mapping, Sequence
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
        WaybillError: in one line, if the file is damaged.
    """
    path = folder / RESULT
    if not path.is_file():
        return None
    result = read_json(path)
    if missing := [key for key in ("choices", "env_steps", "scores") if key not in result]:
        raise WaybillError(f"{path} is damaged or not one of ours (it lacks {', '.join(missing)})")
    return result


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
