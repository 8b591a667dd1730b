"""Runs tracked by MLflow: on a server, or in a database file that ``mlflow ui`` shows."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from experiments.callbacks.callback import RunView, Tags
from experiments.callbacks.tracker import Tracker, settings_in, sweep_of

_UNFIT = re.compile(r"[^\w\-. :/]")  # in the names of metrics and parameters
_LONGEST_VALUE, _MOST_PARAMS = 500, 100  # characters, and parameters in one request


@dataclass
class MLflowTracker(Tracker):
    """Each seed is a run of an experiment; a sweep's name is the tag ``group``.

    ``uri`` is a server or a database, ``sqlite:///FILE``; null takes ``MLFLOW_TRACKING_URI``, or ``mlflow.db`` in the
    folder of runs (``out=``).
    """

    package: ClassVar[str] = "mlflow"
    extra: ClassVar[str] = "mlflow"
    experiment: str = "waybill"
    uri: str | None = None

    def open(self, run: RunView, known: str | None) -> str:
        """Begin or go on with a run; returns its id."""
        import os

        from mlflow.entities import Param
        from mlflow.tracking import MlflowClient

        out = Path(run.config["out"]).resolve()
        uri = self.uri or os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{out / 'mlflow.db'}"
        self._client: Any = MlflowClient(tracking_uri=uri)
        if known is not None:
            self._client.update_run(known, status="RUNNING")
            self._id = known
            return known
        found = self._client.get_experiment_by_name(self.experiment)
        experiment = found.experiment_id if found is not None else self._client.create_experiment(self.experiment)
        group = sweep_of(run.folder, run.config["out"])
        tags = {"folder": str(run.folder.resolve())} | ({} if group is None else {"group": group})
        self._id = self._client.create_run(experiment, run_name=run.folder.name, tags=tags).info.run_id
        settings = [Param(_fit(key), str(x)[:_LONGEST_VALUE]) for key, x in settings_in(run).items()]
        for k in range(0, len(settings), _MOST_PARAMS):
            self._client.log_batch(self._id, params=settings[k : k + _MOST_PARAMS])
        return str(self._id)

    def log(self, tags: Tags, env_step: int) -> None:
        """One request for all tags."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        self._client.log_batch(self._id, metrics=[Metric(_fit(tag), x, now, env_step) for tag, x in tags.items()])

    def close(self, *, finished: bool) -> None:
        """Say how the run ended."""
        self._client.set_terminated(self._id, "FINISHED" if finished else "KILLED")


def _fit(name: str) -> str:
    """A name as MLflow takes it."""
    return _UNFIT.sub("_", name)
