"""Where a command writes a picture, a record or text."""

from __future__ import annotations

from pathlib import Path

ENDINGS = {"gif": "gif", "record": "jsonl", "text": "txt"}
HOLD_SECONDS = 4.0  # the last frame of an animation


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
