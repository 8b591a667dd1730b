"""Checkpoints: tensors and plain data in files that are written whole or not at all, and read without running code.

last.pt is for going on, on the machine of the run. policy.safetensors is what acts: the weights that scored best.

What a memory holds changes little from one checkpoint to the next. What an agent calls ``segments`` (a section of
tensors that never change, by name) is written once, into a file of its own beside last.pt, which tells the names and
their files. It is written before last.pt, and removed after last.pt has done without it, so that a kill at any moment
leaves a last.pt whose files are all there.
"""

from __future__ import annotations

import contextlib
import pickle
import threading
import zipfile
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from experiments.common.files import write_whole
from experiments.common.tensors import load_tensors, save_tensors
from experiments.config.keys import door_words, shell_command
from groundwork.errors import WaybillError

CHECKPOINT_FORMAT = 1
LAST, POLICY = "last.pt", "policy.safetensors"
_BEFORE = "best.pt"  # what held the policy in versions before
SEGMENTS = "memory"  # the folder beside last.pt
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
    """Writes a run's last.pt beside training: one at a time, in a thread of its own."""

    def __init__(self, path: Path) -> None:
        self.path, self._folder = path, path.parent / SEGMENTS
        self._files: dict[str, str] = {}  # of each segment that is written
        self._thread: threading.Thread | None = None
        self._error: Exception | None = None

    @property
    def saved(self) -> Collection[str]:
        """Names of the segments that are written already: between ``finish`` and ``begin``."""
        return self._files.keys()

    def resume(self, state: Mapping[str, Any]) -> None:
        """Go on from the last.pt that ``state`` was read from, if its segments are beside this one, too."""
        files = state.get("files", {})
        self._files = {name: file for name, file in files.items() if (self._folder / file).is_file()}

    def begin(self, content: dict[str, Any]) -> None:
        """Begin to write a checkpoint, see ``save_checkpoint``; the one before is finished first.

        Tensors in ``content`` must be copies that nobody changes any more; arrays are copied here. Segments that are
        ``saved`` may be None.

        Raises:
            Exception: what went wrong with the one before.
        """
        self.finish()
        packed = pack(content)

        def write() -> None:
            try:
                self._write(packed)
            except Exception as error:
                self._error = error

        self._thread = threading.Thread(target=write, name="checkpoint")
        self._thread.start()

    def _write(self, packed: dict[str, Any]) -> None:
        """Write what is new, then last.pt, then remove what it does without."""
        found: dict[str, Any] = {}
        _replace_segments(packed, lambda name, tensor: found.update({name: tensor}))
        new = {name: tensor for name, tensor in found.items() if name not in self._files}
        if new:
            self._folder.mkdir(exist_ok=True)
            numbers = [int(path.stem) for path in self._folder.glob("*.pt") if path.stem.isdecimal()]
            file = f"{max(numbers, default=0) + 1}.pt"
            _write(self._folder / file, {"segments": new})
            self._files |= dict.fromkeys(new, file)
        files = {name: self._files[name] for name in found}
        _write(self.path, {**packed, "files": files})
        self._files = files
        if self._folder.is_dir():
            for path in self._folder.iterdir():
                if path.name not in files.values():
                    with contextlib.suppress(OSError):  # the next checkpoint tries again
                        path.unlink()

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

    _replace_segments(content, part)
    return content


def _load(path: Path) -> dict[str, Any]:
    """One file, as it is."""
    if not path.is_file():
        raise WaybillError(f"there is no checkpoint {str(path)!r}: nothing was saved there yet")
    import torch  # when it is needed: commands that only ask whether a file is there start at once

    try:
        _check_sums(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, OSError, LookupError, TypeError, pickle.UnpicklingError, ValueError):
        raise WaybillError(
            f"checkpoint {str(path)!r} is damaged or not one of ours ({path.stat().st_size:,} bytes)"
        ) from None
    if not isinstance(content, dict) or content.get("format") != CHECKPOINT_FORMAT:
        found = content.get("format") if isinstance(content, dict) else type(content).__name__
        raise WaybillError(f"checkpoint {str(path)!r} has format {found!r}, this version reads {CHECKPOINT_FORMAT}")
    return _unpacked(content, path)


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


def save_policy(folder: Path, content: dict[str, Any]) -> None:
    """Write a run's best policy: ``env_step``, ``score`` and ``policy``, what its agent needs to act.

    Raises:
        OSError: if the folder cannot be written; the policy of before is still there then.
        TypeError: if the agent gives something else than tensors, arrays and plain data.
    """
    save_tensors(folder / POLICY, pack(content))


def read_policy(folder: Path) -> dict[str, Any]:
    """What ``save_policy`` wrote, all tensors on the CPU.

    Raises:
        WaybillError: in one line, if it is missing, damaged or of another version.
    """
    path = folder / POLICY
    if not path.is_file():
        raise WaybillError(f"there is no policy {str(path)!r}: nothing was saved there yet{_of_before(folder)}")
    content = _unpacked(load_tensors(path), path)
    if missing := [key for key in ("env_step", "score", "policy") if key not in content]:
        raise WaybillError(f"{str(path)!r} is damaged or not one of ours (it lacks {', '.join(missing)})")
    if not isinstance(content["policy"], dict):
        raise WaybillError(f"{str(path)!r} is damaged or not one of ours (its policy is no section of keys)")
    return dict(content)


def keep_policy_of_before(folder: Path) -> None:
    """Make a policy of a run's best.pt, which versions before wrote in its place: for whoever made the run."""
    if not (folder / POLICY).is_file() and (folder / _BEFORE).is_file():
        save_policy(folder, {key: x for key, x in load_checkpoint(folder / _BEFORE).items() if key != "format"})


def _of_before(folder: Path) -> str:
    """What to do where a version before has written the policy."""
    hint = shell_command(*door_words("share"), folder, "--out", "FOLDER")
    return (
        f"; its {_BEFORE} is of a version before: {hint} makes a policy of it" if (folder / _BEFORE).is_file() else ""
    )


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


def _replace_segments(value: Any, put: Callable[[str, Any], Any]) -> None:
    """Replace all segments in nested data by what ``put`` makes of name and tensor."""
    if isinstance(value, dict):
        for key, entry in value.items():
            if key == "segments" and isinstance(entry, dict):
                value[key] = {name: put(name, tensor) for name, tensor in entry.items()}
            else:
                _replace_segments(entry, put)
    elif isinstance(value, list | tuple):
        for entry in value:
            _replace_segments(entry, put)


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


def _unpacked(content: dict[str, Any], path: Path) -> dict[str, Any]:
    try:
        return dict(unpack(content))
    except TypeError as error:
        raise WaybillError(f"{str(path)!r} is damaged or not one of ours ({error})") from None
