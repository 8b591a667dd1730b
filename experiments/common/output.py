"""Where a command writes a game as an animation, a page, a record or text, and how an animation is written."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from PIL import Image

from experiments.common.files import write_whole
from groundwork.errors import WaybillError

ENDINGS = {"gif": "gif", "html": "html", "record": "jsonl", "text": "txt"}
HOLD_SECONDS = 4.0  # the last frame of an animation


def output_path(format: str, out: str | None, fps: int) -> Path | None:
    """The file to write, None for the screen.

    Raises:
        WaybillError: if it cannot be written there, or for an impossible ``fps``.
    """
    if not 1 <= fps <= 50:
        raise WaybillError(f"--fps={fps} is not allowed, it must be 1..50 frames a second")
    path = Path(out) if out is not None else None if format == "text" else Path(f"game.{ENDINGS[format]}")
    if path is not None and not path.parent.is_dir():
        raise WaybillError(f"--out={out}: there is no folder {str(path.parent)!r}")
    if path is not None and path.is_dir():
        raise WaybillError(f"--out={out} is a folder, a file is needed")
    return path


def write_gif(path: Path, frames: Iterable[Image.Image], fps: int) -> None:
    """Write an animation that goes on for ever, whole or not at all; its last frame is held for ``HOLD_SECONDS``."""
    first, *others = frames
    durations = [round(1000 / fps)] * len(others) + [round(1000 * HOLD_SECONDS)]

    def write(temporary: Path) -> None:
        first.save(temporary, "GIF", save_all=True, append_images=others, duration=durations, loop=0, optimize=True)

    write_whole(path, write)
