"""The journal of a search, when a machine or a disk has given up in the middle of a line."""

from __future__ import annotations

import json
from pathlib import Path

from optuna.storages.journal import JournalFileSymlinkLock

from groundwork.errors import WaybillError


def mend_journal(path: Path) -> None:
    """Drop a last line that was never written to its end, and say so: nothing was told of it to anybody.

    Optuna's own lock is held meanwhile, as other machines may be writing.

    Raises:
        WaybillError: in one line, if another line is damaged.
    """
    lock = JournalFileSymlinkLock(str(path))
    lock.acquire()
    try:
        data = path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        for number, line in enumerate(whole.splitlines(), start=1):
            if not _is_entry(line):
                raise WaybillError(f"{path}: line {number} is damaged, {line[:40]!r}; without it the search can go on")
        rest = data[len(whole) :]
        if not rest:
            return
        if _is_entry(rest):  # but for the end of its line it is there
            with path.open("ab") as stream:
                stream.write(b"\n")
            return
        with path.open("r+b") as stream:
            stream.truncate(len(whole))
        print(f"note: the last line of {path} was not written to its end ({rest[:40]!r}), it is left out", flush=True)
    finally:
        lock.release()


def _is_entry(line: bytes) -> bool:
    """True for a line that Optuna can read."""
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False
