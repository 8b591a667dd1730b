"""A launcher that starts no job: what is left of a sweep are its checked and frozen configs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from experiments.sweeps.manifest import Job, Sweep


@dataclass
class NobodyLauncher:
    """``tests/conf/launcher/nobody.yaml``; it takes the keys that studies set for ``local``."""

    n_jobs: int = 1
    retry: int = 0
    keep_last: bool = True

    def check(self) -> None:
        """It always could."""

    def launch(self, sweep: Sweep, jobs: Sequence[Job], *, progress: bool) -> bool:
        """Leave the jobs where they are, as a cluster's queue would."""
        return False

    def queued(self, sweep: Sweep) -> dict[int, str]:
        """None of them runs."""
        return {}

    def how_to_end(self, sweep: Sweep) -> None:
        """There is nothing to end."""
