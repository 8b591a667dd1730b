"""Runs tracked by Trackio: in a local database that ``trackio show`` shows, or on a Hugging Face Space."""

from __future__ import annotations

from contextvars import copy_context
from dataclasses import dataclass
from typing import Any, ClassVar

from experiments.callbacks.callback import RunView, Tags
from experiments.callbacks.tracker import Tracker, settings_in, sweep_of


@dataclass
class TrackioTracker(Tracker):
    """Each seed is a run of a project; ``space`` names a Space (``USER/NAME``), null is this machine alone."""

    package: ClassVar[str] = "trackio"
    extra: ClassVar[str] = "trackio"
    project: str = "waybill"
    space: str | None = None

    def open(self, run: RunView, known: str | None) -> str:
        """Begin or go on with a run; returns its name."""
        import trackio

        group = sweep_of(run.folder, run.config["out"])
        name = known or "/".join(filter(None, [group, run.folder.name]))
        begin: Any = trackio.init
        # in a context of its own: in a shared one each beginning run ends the one before
        self._run: Any = copy_context().run(
            begin,
            project=self.project,
            name=name,
            group=group,
            space_id=self.space,
            config=settings_in(run),
            resume="allow" if known is not None else "never",
            embed=False,
        )
        return name

    def log(self, tags: Tags, env_step: int) -> None:
        """Points wait in a queue of Trackio's own."""
        self._run.log(dict(tags), step=env_step)

    def close(self, *, finished: bool) -> None:
        """Write what waits."""
        self._run.finish()
