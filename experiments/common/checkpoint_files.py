"""Checkpoint files: tensors and plain data, written whole or not at all, and read without running code.

What an agent calls ``segments`` (a section of tensors that never change, by name) may lie in files of their own, in a
folder beside the checkpoint, which tells the names and their files.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from experiments.common.files import write_whole
from experiments.common.tensors import need_bounded
from groundwork.errors import WaybillError
from groundwork.limits import need_plain_archive

CHECKPOINT_FORMAT = 1
SEGMENTS = "memory"  # the folder beside a checkpoint
_ARRAY = "__array__"


def save_checkpoint(path: Path, content: dict[str, Any]) -> None:
    """Write a checkpoint: a reader sees the old file or the new one, never half of either.

    Raises:
        OSError: if the folder cannot be written; the old file is still there then.
    """
    write_packed(path, pack(content))


def write_packed(path: Path, packed: dict[str, Any], *, keep: Path | None = None) -> None:
    """The same for what is packed already; the old file is kept as ``keep``."""
    import torch

    whole = {"format": CHECKPOINT_FORMAT, **packed}

    def write(temporary: Path) -> None:
        with temporary.open("wb") as stream:  # of our own: it tells what the system says, torch's doesn't
            torch.save(whole, stream)

    write_whole(path, write, keep=keep)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint, all tensors on the CPU.

    Segments are read from their files, too; ``files`` tells which.

    Raises:
        WaybillError: in one line, if the file is missing, damaged or of another version, or a segment's file is.
    """
    content = _load(path)
    files = content.get("files", {})
    if not isinstance(files, dict):
        raise WaybillError(f"checkpoint {str(path)!r} is damaged or not one of ours (its files are {files!r})")
    parts: dict[str, Any] = {}
    for file in dict.fromkeys(files.values()):
        if not isinstance(file, str) or Path(file).name != file:
            raise WaybillError(f"checkpoint {str(path)!r} names {file!r}, which is no file of its own")
        own = _load(path.parent / SEGMENTS / file).get("segments")
        parts |= own if isinstance(own, dict) else {}

    def part(name: str, tensor: Any) -> Any:
        if tensor is None and name not in parts:
            raise WaybillError(f"checkpoint {str(path)!r} is not whole: {name!r} is not in {files.get(name)!r}")
        return parts.get(name, tensor)

    replace_segments(content, part)
    return content


def _load(path: Path) -> dict[str, Any]:
    """One file, as it is."""
    if not path.is_file():
        raise WaybillError(f"there is no checkpoint {str(path)!r}: nothing was saved there yet")
    import torch  # when it is needed: commands that only ask whether a file is there start at once

    try:
        need_plain_archive(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
        need_bounded(content, 4 * path.stat().st_size)
    except Exception:  # whatever a damaged file makes of itself: no code of anybody's has run
        raise WaybillError(f"checkpoint {str(path)!r} is damaged or not one of ours ({_size(path)})") from None
    if not isinstance(content, dict) or content.get("format") != CHECKPOINT_FORMAT:
        found = content.get("format") if isinstance(content, dict) else type(content).__name__
        raise WaybillError(f"checkpoint {str(path)!r} has format {found!r}, this version reads {CHECKPOINT_FORMAT}")
    try:
        return dict(unpack(content))
    except TypeError as error:
        raise WaybillError(f"{str(path)!r} is damaged or not one of ours ({error})") from None


def replace_segments(value: Any, put: Callable[[str, Any], Any]) -> None:
    """Replace all segments in nested data by what ``put`` makes of name and tensor."""
    if isinstance(value, dict):
        for key, entry in value.items():
            if key == "segments" and isinstance(entry, dict):
                value[key] = {name: put(name, tensor) for name, tensor in entry.items()}
            else:
                replace_segments(entry, put)
    elif isinstance(value, list | tuple):
        for entry in value:
            replace_segments(entry, put)


def pack(value: Any) -> Any:
    """Nested data with NumPy arrays and numbers as marked tensors and plain numbers."""
    if isinstance(value, dict):
        return {key: pack(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(pack(entry) for entry in value)
    if isinstance(value, np.ndarray):
        import torch

        return {_ARRAY: torch.from_numpy(np.array(value))}
    return value.item() if isinstance(value, np.generic) else value


def unpack(value: Any) -> Any:
    """The inverse of ``pack``; a TypeError for what ``pack`` does not give."""
    if isinstance(value, dict):
        if value.keys() == {_ARRAY}:
            if not hasattr(value[_ARRAY], "numpy"):
                raise TypeError(f"an array is a {type(value[_ARRAY]).__name__}")
            return value[_ARRAY].numpy()
        return {key: unpack(entry) for key, entry in value.items()}
    return type(value)(unpack(entry) for entry in value) if isinstance(value, list | tuple) else value


def _size(path: Path) -> str:
    return f"{path.stat().st_size:,} bytes"
