"""Locks that end with the process that holds them, however it ends: there are no stale ones.

They are ``flock``s on a file, which network file systems pass on to other machines.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from groundwork.errors import WaybillError

POLL_SECONDS = 0.2


class Held(WaybillError):
    """Another process holds the lock; the message says which."""


@contextlib.contextmanager
def hold(path: Path, *, wait_seconds: float = 0.0) -> Iterator[None]:
    """Hold the lock ``path`` for as long as the block lasts.

    Raises:
        Held: if another process still holds it after ``wait_seconds``.
        WaybillError: if ``path`` is a link, whose file would be written over.
    """
    with _opened(path, os.O_RDWR | os.O_CREAT, "r+") as stream:
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


def _opened(path: Path, flags: int, mode: str) -> IO[str]:
    """A lock's file, links not followed.

    Raises:
        WaybillError: if it is a link.
        OSError: if it can't be opened, or isn't there.
    """
    try:
        return os.fdopen(os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666), mode)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise WaybillError(f"{path} is a link, a lock must be a file of its own") from None


def is_held(path: Path) -> bool:
    """Whether some process holds the lock just now."""
    try:
        with _opened(path, os.O_RDONLY, "r") as stream:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def holder(path: Path) -> str:
    """The process that took the lock last, in words."""
    with _opened(path, os.O_RDONLY, "r") as stream:
        return stream.read(200) or "another process"
