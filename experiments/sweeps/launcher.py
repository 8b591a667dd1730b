"""Who starts the jobs of a sweep: what a launcher is, and how one that a sweep was given to is found again.

A launcher is a settings dataclass with the methods of ``Launcher``; ``conf/launcher/<name>.yaml`` names it by its
``_target_``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from experiments.config.choices import content_of, names_in
from experiments.config.reading import settings_of
from experiments.sweeps.manifest import Job, Sweep


class Launcher(Protocol):
    """Starts the jobs of a sweep, and knows which of them run on without the command that started them."""

    def check(self) -> None:
        """Refuse a sweep that it could not start, before anything is written.

        Raises:
            WaybillError: in one line.
        """

    def launch(self, sweep: Sweep, jobs: Sequence[Job], *, progress: bool) -> bool:
        """Do these jobs, which are not done. True if the command has seen their end, False if they run on without it.

        Raises:
            Interrupted: if asked to stop, once the jobs have saved their work.
        """

    def queued(self, sweep: Sweep) -> dict[int, str]:
        """Jobs that run on without the command, by number: waiting or running. A launcher that waits has none.

        Raises:
            WaybillError: in one line, if that cannot be found out.
        """

    def how_to_end(self, sweep: Sweep) -> str | None:
        """What to type to end those jobs; None if there are none."""


def launchers_of(sweep: Sweep) -> list[str]:
    """Names of the launchers that may have jobs of the sweep: of one from before they were noted, all there are."""
    return names_in("launcher") if sweep.launchers is None else sweep.launchers


def find_launcher(name: str) -> Launcher:
    """The launcher of that name, with the settings that its file shows.

    Raises:
        WaybillError: in one line, if there is none.
    """
    shown = {key: value for key, value in (content_of("launcher", name) or {}).items() if key != "defaults"}
    return settings_of("launcher", {**shown, "name": name})
