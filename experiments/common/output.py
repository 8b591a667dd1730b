"""Where a command writes a game as moving pictures, a page, a record or text, and how moving pictures are made."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from experiments.common.files import write_whole
from groundwork.errors import WaybillError

ENDINGS = {"gif": "gif", "html": "html", "mp4": "mp4", "record": "jsonl", "text": "txt"}
MOVING = ("gif", "mp4")  # formats that are made of pictures
HOLD_SECONDS = 4.0  # the last frame of an animation or a film


def output_path(format: str, out: str | None, fps: int) -> Path | None:
    """The file to write, None for the screen.

    Raises:
        WaybillError: if it cannot be written there, or for an impossible ``fps``.
    """
    if not 1 <= fps <= 50:
        raise WaybillError(f"--fps={fps} is not allowed, it must be 1..50 frames a second")
    if format == "mp4":
        _film_maker()  # before anything is played
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


def write_film(path: Path, frames: Iterable[Image.Image], fps: int) -> None:
    """Write a film (H.264 in MP4), whole or not at all; its last frame is held for ``HOLD_SECONDS``.

    Raises:
        WaybillError: if what makes films is not installed, or says that it cannot.
    """
    maker, (first, *others) = _film_maker(), frames
    shown = [first, *others]
    held = repeat(shown[-1], round(fps * HOLD_SECONDS) - 1)

    def write(temporary: Path) -> None:
        even = "pad=ceil(iw/2)*2:ceil(ih/2)*2"  # players want even sides
        given: Any = {"fps": fps, "macro_block_size": 1, "ffmpeg_log_level": "error"}
        film = maker.write_frames(str(temporary), first.size, output_params=["-vf", even, "-f", "mp4"], **given)
        film.send(None)
        for frame in chain(shown, held):
            film.send(np.ascontiguousarray(frame.convert("RGB")))
        film.close()

    write_whole(path, write)


def write_moving(path: Path, format: str, frames: Iterable[Image.Image], fps: int) -> None:
    """Write pictures as one of the formats ``MOVING``."""
    (write_film if format == "mp4" else write_gif)(path, frames, fps)


def _film_maker() -> Any:
    try:
        return importlib.import_module("imageio_ffmpeg")
    except ImportError:
        line = 'films need imageio-ffmpeg: pip install -e ".[mp4]", or use --format gif'
        raise WaybillError(f"--format=mp4: {line}") from None
