"""What a run found: scores with intervals beside the players', as ``result.json`` and as a table."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import subprocess
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from envs.waybill.players import PLAYERS
from experiments.checkpoints import write_whole
from experiments.evaluation import Measured
from experiments.statistics import Interval, better, mean_interval, normalised

RESULT = "result.json"
_PACKAGES = ("torch", "numpy", "gymnasium", "stable_baselines3", "sb3_contrib", "numba")


def compare(games: Mapping[str, Measured]) -> dict[str, Any]:
    """Scores of all players on the same maps, with 95 % intervals; ``games`` holds at least random and planner."""
    random, planner = games["random"].score, games["planner"].score
    rows = {}
    for name, played in games.items():
        mean, low, high = mean_interval(played.score)
        rows[name] = {
            "mean": mean,
            "low": low,
            "high": high,
            "bankruptcies": float(played.bankrupt.mean()),
            "normalised": _plain(normalised(played.score, random, planner)),
            "better_than_greedy": _plain(better(played.score, games["greedy"].score)),
            "by_map": played.score.tolist(),
        }
    return rows


def _plain(interval: Interval | None) -> dict[str, float] | None:
    return None if interval is None else interval._asdict()


def write(folder: Path, result: Mapping[str, Any]) -> None:
    """Write ``result.json``, whole or not at all."""
    text = json.dumps(result, indent=2) + "\n"
    write_whole(folder / RESULT, lambda temporary: temporary.write_text(text))


def read(folder: Path) -> dict[str, Any] | None:
    """The result of a finished run, None if there is none (yet)."""
    path = folder / RESULT
    return json.loads(path.read_text()) if path.is_file() else None


def surroundings() -> dict[str, Any]:
    """When, with which code and on what a result was made."""
    return {
        "finished": datetime.now().astimezone().isoformat(timespec="seconds"),
        "commit": commit(),
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in _PACKAGES}},
        "machine": {"system": platform.system(), "processor": platform.machine()},
    }


def commit() -> dict[str, Any] | None:
    """The source's commit and whether files differ from it; None outside a git checkout."""
    here = Path(__file__).resolve().parents[1]
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


def print_table(scores: Mapping[str, Any], *, title: str, console: Console | None = None) -> None:
    """Policy and players: mean score with its interval, bankruptcies, normalised score."""
    console = Console() if console is None else console
    console.print(f"[bold]{escape(title)}[/bold]", highlight=False, soft_wrap=True)
    table = Table()
    table.add_column("player")
    for name in ("score", "95 % interval", "bankrupt", "normalised"):
        table.add_column(name, justify="right")
    for name, row in scores.items():
        share = row["normalised"]
        table.add_row(
            name,
            f"{row['mean']:,.1f}",
            f"{row['low']:,.1f} … {row['high']:,.1f}",
            f"{row['bankruptcies']:.0%}",
            "–" if share is None else f"{share['mean']:.2f} ({share['low']:.2f} … {share['high']:.2f})",
            style=None if name in PLAYERS else "bold",
        )
    console.print(table)
