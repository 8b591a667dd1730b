"""A run's checkpoints, to go on from, and its policy, the weights that scored best.

What a memory holds changes little from one checkpoint to the next: its ``segments`` (see ``checkpoint_files``) are each
written once, before last.pt, and removed when neither last.pt nor the one before needs them, so that a kill at any
moment leaves a last.pt whose files are all there.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import threading
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from experiments.common.checkpoint_files import (
    SEGMENTS,
    load_checkpoint,
    pack,
    replace_segments,
    unpack,
    write_packed,
)
from experiments.common.files import refuse_misfit
from experiments.common.tensors import load_tensors, save_tensors
from experiments.config.keys import door_words, shell_command
from groundwork.errors import WaybillError

LAST, PREVIOUS = "last.pt", "previous.pt"  # the checkpoint, and the one before it
DAMAGED = "damaged.pt"  # a last.pt that could not be read
POLICY = "policy.safetensors"
_BEFORE = "best.pt"  # what held the policy in versions before


class CheckpointWriter:
    """Writes a run's last.pt beside training: one at a time, in a thread of its own."""

    def __init__(self, path: Path) -> None:
        self.path, self._folder = path, path.parent / SEGMENTS
        self._files: dict[str, str] = {}  # of each segment that is written
        self._before: Collection[str] = ()  # files that the checkpoint before needs
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
        self._before = frozenset(self._files.values())

    def begin(self, content: dict[str, Any], first: Callable[[], None] | None = None) -> None:
        """Begin to write a checkpoint, see ``save_checkpoint``; the one before is finished first.

        Tensors in ``content`` must be copies that nobody changes any more; arrays are copied here. Segments that are
        ``saved`` may be None. ``first`` is done before it is in place: what must be on the disk by then.

        Raises:
            Exception: what went wrong with the one before.
        """
        self.finish()
        packed = pack(content)

        def write() -> None:
            try:
                self._write(packed, first)
            except Exception as error:
                self._error = error

        self._thread = threading.Thread(target=write, name="checkpoint")
        self._thread.start()

    def _write(self, packed: dict[str, Any], first: Callable[[], None] | None) -> None:
        """Write what is new, then last.pt, then remove what neither it nor the one before needs."""
        found: dict[str, Any] = {}
        replace_segments(packed, lambda name, tensor: found.update({name: tensor}))
        new = {name: tensor for name, tensor in found.items() if name not in self._files}
        if new:
            self._folder.mkdir(exist_ok=True)
            numbers = [int(path.stem) for path in self._folder.glob("*.pt") if path.stem.isdecimal()]
            file = f"{max(numbers, default=0) + 1}.pt"
            write_packed(self._folder / file, {"segments": new})
            self._files |= dict.fromkeys(new, file)
        files = {name: self._files[name] for name in found}
        if first is not None:
            first()
        write_packed(self.path, {**packed, "files": files}, keep=self.path.with_name(PREVIOUS))
        before, self._before = self._before, frozenset(files.values())
        self._files = files
        if self._folder.is_dir():
            for path in self._folder.iterdir():
                if path.name not in self._before and path.name not in before:
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


def save_policy(folder: Path, content: dict[str, Any]) -> None:
    """Write a run's best policy: ``env_step``, ``score`` and ``policy``, what its agent needs to act.

    Raises:
        OSError: if the folder cannot be written; the policy of before is still there then.
        TypeError: if the agent gives something else than tensors, arrays and plain data.
    """
    save_tensors(folder / POLICY, pack(content))


def read_policy(folder: Path, *, most_bytes: int | None = None) -> dict[str, Any]:
    """What ``save_policy`` wrote, all tensors on the CPU.

    Raises:
        WaybillError: in one line, if it is missing, damaged, of another version or larger than ``most_bytes``.
    """
    path = folder / POLICY
    if not path.is_file():
        raise WaybillError(f"there is no policy {str(path)!r}: nothing was saved there yet{_of_before(folder)}")
    try:
        content = unpack(load_tensors(path, most_bytes=most_bytes))
    except (AttributeError, TypeError):  # what is marked as an array is none
        raise WaybillError(f"{str(path)!r} is damaged or not one of ours") from None
    if missing := [key for key in ("env_step", "score", "policy") if key not in content]:
        raise WaybillError(f"{str(path)!r} is damaged or not one of ours (it lacks {', '.join(missing)})")
    step, score, policy = content["env_step"], content["score"], content["policy"]
    weights = policy.get("network", {}) if isinstance(policy, dict) else None
    is_right = isinstance(step, int) and isinstance(score, int | float) and isinstance(weights, dict)
    if not is_right or not all(hasattr(tensor, "element_size") for tensor in (weights or {}).values()):
        raise WaybillError(f"{str(path)!r} is damaged or not one of ours (its contents are of other kinds)")
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
    """A run's last checkpoint: what all its seeds need to go on. For whoever is alone at work in the folder.

    If last.pt can't be read, it is put aside, and the one before takes its place; stderr says so.

    Raises:
        WaybillError: in one line, if neither can be read.
    """
    try:
        return _read(folder / LAST)
    except WaybillError as error:
        if not (folder / PREVIOUS).is_file():
            raise
        first = error
    try:
        state = _read(folder / PREVIOUS)
    except WaybillError as error:
        raise WaybillError(f"{first}; and so is the one before: {error}") from None
    kept = ""
    if os.path.lexists(folder / LAST):
        os.replace(folder / LAST, folder / DAMAGED)
        kept = f", it is kept as {DAMAGED}"
    os.replace(folder / PREVIOUS, folder / LAST)
    print(f"note: {first}{kept}; the one before, of step {state['env_step']:,}, takes its place", file=sys.stderr)
    return state


def _read(path: Path) -> dict[str, Any]:
    with refuse_misfit(path):
        return _with_seeds(load_checkpoint(path))


def is_begun(folder: Path) -> bool:
    """True if there is a checkpoint to go on from."""
    return any((folder / name).is_file() for name in (LAST, PREVIOUS))


def remove_checkpoints(folder: Path) -> None:
    """Remove all that only going on needs."""
    for name in (LAST, PREVIOUS, DAMAGED):
        (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / SEGMENTS, ignore_errors=True)


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
