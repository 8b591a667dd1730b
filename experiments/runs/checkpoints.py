"""Checkpoints: tensors and plain data in one file, written whole or not at all, read without running code from it."""

from __future__ import annotations

import pickle
import threading
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from experiments.common.files import write_whole
from groundwork.errors import WaybillError

CHECKPOINT_FORMAT = 1
LAST, BEST = "last.pt", "best.pt"
_ARRAY = "__array__"


def save_checkpoint(path: Path, content: dict[str, Any]) -> None:
    """Write a checkpoint: a reader sees the old file or the new one, never half of either.

    Raises:
        OSError: if the folder cannot be written; the old file is still there then.
    """
    _write(path, pack(content))


def _write(path: Path, packed: dict[str, Any]) -> None:
    import torch

    whole = {"format": CHECKPOINT_FORMAT, **packed}
    write_whole(path, lambda temporary: torch.save(whole, temporary))


class CheckpointWriter:
    """Writes checkpoints beside training: one at a time, in a thread of its own."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._error: Exception | None = None

    def begin(self, path: Path, content: dict[str, Any]) -> None:
        """Begin to write a checkpoint, see ``save_checkpoint``; the one before is finished first.

        Tensors in ``content`` must be copies that nobody changes any more; arrays are copied here.

        Raises:
            Exception: what went wrong with the one before.
        """
        self.finish()
        packed = pack(content)

        def write() -> None:
            try:
                _write(path, packed)
            except Exception as error:
                self._error = error

        self._thread = threading.Thread(target=write, name="checkpoint")
        self._thread.start()

    @property
    def is_begun(self) -> bool:
        """True from ``begin`` to ``finish``."""
        return self._thread is not None

    @property
    def is_written(self) -> bool:
        """True if what was begun is there, or failed: ``finish`` need not wait."""
        return self._thread is not None and not self._thread.is_alive()

    def finish(self) -> None:
        """Wait until what was begun is there.

        Raises:
            Exception: what went wrong with it; the old file is still there then.
        """
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        error, self._error = self._error, None
        if error is not None:
            raise error


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint, all tensors on the CPU.

    Raises:
        WaybillError: in one line, if the file is missing, damaged or of another version.
    """
    if not path.is_file():
        raise WaybillError(f"there is no checkpoint {str(path)!r}: nothing was saved there yet")
    import torch  # when it is needed: commands that only ask whether a file is there start at once

    try:
        _check_sums(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, OSError, LookupError, TypeError, pickle.UnpicklingError, ValueError):
        raise WaybillError(f"checkpoint {str(path)!r} is damaged or not one of ours ({_size(path)})") from None
    if not isinstance(content, dict) or content.get("format") != CHECKPOINT_FORMAT:
        found = content.get("format") if isinstance(content, dict) else type(content).__name__
        raise WaybillError(f"checkpoint {str(path)!r} has format {found!r}, this version reads {CHECKPOINT_FORMAT}")
    return unpack(content)


def _check_sums(path: Path) -> None:
    """Check the archive's own checksums, which ``torch.load`` passes over.

    Raises:
        ValueError: if it is no archive, or a part of it is not as it was written.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except zipfile.BadZipFile as error:
        raise ValueError(str(error)) from None
    if damaged is not None:
        raise ValueError(damaged)


def load_last(folder: Path) -> dict[str, Any]:
    """A run's last.pt: what all its seeds need to go on.

    Raises:
        WaybillError: in one line, if the file is missing, damaged or of another version.
    """
    return _with_seeds(load_checkpoint(folder / LAST))


def _with_seeds(state: dict[str, Any]) -> dict[str, Any]:
    """The state as it is written now, from one of a version in which a run of one seed had a shape of its own."""
    if "seeds" in state:
        return state
    own = state.get("sessions", [state])
    loop = state["loop"]
    if "sessions" not in state and loop.get("env"):
        loop = {**loop, "env": {"parts": [loop["env"]]}}
    shared = {"env_step": state["env_step"], "seconds": own[0]["seconds"], "agent": state["agent"]}
    return {**shared, "seeds": own, "loop": loop}


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
    """The inverse of ``pack``."""
    if isinstance(value, dict):
        if value.keys() == {_ARRAY}:
            return value[_ARRAY].numpy()
        return {key: unpack(entry) for key, entry in value.items()}
    return type(value)(unpack(entry) for entry in value) if isinstance(value, list | tuple) else value


def _size(path: Path) -> str:
    return f"{path.stat().st_size:,} bytes"
