"""Locks that end with the process that holds them, however it ends: there are no stale ones.

They are ``flock``s on a file, which network file systems pass on to other machines.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from groundwork.errors import WaybillError

POLL_SECONDS = 0.2


class Held(WaybillError):
    """Another process holds the lock; the message says which."""


@contextlib.contextmanager
def hold(path: Path, *, wait_seconds: float = 0.0) -> Iterator[None]:
    """Hold the lock ``path`` for as long as the block lasts.

    Raises:
        Held: if another process still holds it after ``wait_seconds``.
    """
    with path.open("a+") as stream:
        ends = time.monotonic() + wait_seconds
        while True:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= ends:
                    raise Held(holder(path)) from None
            time.sleep(POLL_SECONDS)
        stream.seek(0)
        stream.truncate()
        stream.write(f"process {os.getpid()} on {socket.gethostname()}")
        stream.flush()
        yield


def is_held(path: Path) -> bool:
    """Whether some process holds the lock just now."""
    try:
        with path.open() as stream:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def holder(path: Path) -> str:
    """The process that took the lock last, in words."""
    return path.read_text() or "another process"
