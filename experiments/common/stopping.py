"""How the commands end."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from types import FrameType
from typing import Any, Self

UNFINISHED = 1  # also a bug's traceback
MISTAKEN = 2
INTERRUPTED = 130


class Unfinished(Exception):
    """A command that did what it could, and not all of it succeeded; the message, in one line, says what didn't."""


class Interrupted(KeyboardInterrupt):
    """A command that was asked to stop, after it saved its work; the message says how to go on."""

    def __init__(self, message: str, *, exit_code: int = INTERRUPTED) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class StopRequest:
    """Turns Ctrl-C, SIGTERM and a closed terminal into a request that a loop can honour between two steps.

    A second one ends at once. A terminal's closing that is ignored, as by ``nohup``, stays so.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                if number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN:
                    continue
                self._before[number] = signal.signal(number, self._request)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _request(self, number: int, frame: FrameType | None) -> None:
        if self.signal is not None:
            raise KeyboardInterrupt
        self.signal = number
        with contextlib.suppress(OSError):  # not print: the signal may have come in the middle of one
            os.write(1, b"stopping after this step, to save it (once more to stop at once)\n")
