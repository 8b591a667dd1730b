"""Watching a game, whatever kind it is: where to write it, and who shows it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from experiments import config as configs

ENDINGS = {"gif": "gif", "record": "jsonl", "text": "txt"}
HOLD_SECONDS = 4.0  # the last frame of an animation


def watch_game(target: str, *, seed: int | None, **options: Any) -> None:
    """Show one game of a run folder, a player or a saved game; prints what it wrote.

    ``options`` are those of ``replaying.replay``; ``seed`` is the episode's where games have no maps.

    Raises:
        ValueError: in one line, if anything given is no good.
    """
    folder = Path(target)
    if folder.is_dir():
        setup = configs.load(folder)
        setup.domain.replay(setup, folder, seed=seed, **options)
        return
    from experiments.replaying import replay

    refuse_seed(seed)
    replay(target, **options)


def refuse_seed(seed: int | None) -> None:
    """Waybill's games have maps instead."""
    if seed is not None:
        raise ValueError(f"--seed={seed}: a game on a level is one of a map, use --map-seed")


def output(format: str, out: str | None, fps: int) -> Path | None:
    """The file to write, None for the screen.

    Raises:
        ValueError: if it cannot be written there, or for an impossible ``fps``.
    """
    if not 1 <= fps <= 50:
        raise ValueError(f"--fps={fps} is not allowed, it must be 1..50 frames a second")
    path = Path(out) if out is not None else None if format == "text" else Path(f"game.{ENDINGS[format]}")
    if path is not None and not path.parent.is_dir():
        raise ValueError(f"--out={out}: there is no folder {str(path.parent)!r}")
    if path is not None and path.is_dir():
        raise ValueError(f"--out={out} is a folder, a file is needed")
    return path
