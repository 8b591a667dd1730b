"""Runs tracked by Weights & Biases: online, or offline in a folder for ``wandb sync``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from experiments.callbacks.callback import RunView, Tags
from experiments.callbacks.tracker import Tracker, settings_in, sweep_of
from experiments.config.errors import need

_STEP = "env_step"  # the axis of all curves
_MODES = ("online", "offline", "disabled")


@dataclass
class WandbTracker(Tracker):
    """Each seed is a run of a project, grouped by sweep; null leaves ``mode`` and ``entity`` to W&B's own settings."""

    package: ClassVar[str] = "wandb"
    extra: ClassVar[str] = "wandb"
    project: str = "waybill"
    entity: str | None = None
    mode: str | None = None

    def __post_init__(self) -> None:
        need(self.mode is None or self.mode in _MODES, "mode", self.mode, f"{', '.join(_MODES)} or null")
        super().__post_init__()

    def open(self, run: RunView, known: str | None) -> str:
        """Begin or go on with a run; returns its id."""
        import wandb

        given: Any = {"mode": self.mode} if self.mode is not None else {}
        settings = wandb.Settings(quiet=True)  # its summary would hide our table
        self._run: Any = wandb.init(
            project=self.project,
            entity=self.entity,
            name=run.folder.name,
            group=sweep_of(run.folder, run.config["out"]),
            id=known,
            resume="allow" if known is not None else None,
            dir=str(run.folder),
            config=settings_in(run),
            reinit="create_new",  # several seeds are several runs of this process
            settings=settings,
            **given,
        )
        self._run.define_metric(_STEP)
        self._run.define_metric("*", step_metric=_STEP)
        return str(self._run.id)

    def log(self, tags: Tags, env_step: int) -> None:
        """Points over environment steps."""
        self._run.log({**tags, _STEP: env_step})

    def close(self, *, finished: bool) -> None:
        """Send what waits, and say how the run ended."""
        self._run.finish(exit_code=0 if finished else 1)
