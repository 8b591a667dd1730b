"""Counts requests to stop while jobs run: the first lets them save, the second ends them."""

from __future__ import annotations

import signal
from types import FrameType

from experiments.common.stopping import INTERRUPTED, Interrupted, StopRequest
from experiments.sweeps.manifest import Sweep
from experiments.sweeps.view import SweepProgress


class StopCounter(StopRequest):
    """Counts how often it was asked to stop, and is never ended by it."""

    count = 0

    def _request(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
        self.signal = number

    def raise_if_asked(self, sweep: Sweep, shown: SweepProgress) -> None:
        """End the command, with how to go on, if it was asked to stop before all jobs had ended."""
        if self.signal is not None and not shown.complete:
            code = INTERRUPTED if self.signal == signal.SIGINT else 128 + self.signal
            line = f"{sweep.folder}: stopped ({shown.counts()}); the same command again goes on"
            raise Interrupted(line, exit_code=code)
