"""Counts requests to stop while jobs run: the first lets them save, the second ends them."""

from __future__ import annotations

import signal
from types import FrameType

from experiments.common.stopping import INTERRUPTED, Interrupted, StopRequest
from experiments.sweeps.manifest import Sweep
from experiments.sweeps.view import SweepProgress


class StopCounter(StopRequest):
    """Counts requests to stop, in a ``with`` statement; none of them ends the process."""

    count = 0

    def _request(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
        self.signal = number

    def raise_if_asked(self, sweep: Sweep, shown: SweepProgress) -> None:
        """End the command if it was asked to stop before all jobs had ended.

        Raises:
            Interrupted: saying how to go on.
        """
        if self.signal is not None and not shown.complete:
            code = INTERRUPTED if self.signal == signal.SIGINT else 128 + self.signal
            line = f"{sweep.folder}: stopped ({shown.counts()}); the same command again goes on"
            raise Interrupted(line, exit_code=code)
