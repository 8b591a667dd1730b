"""TensorBoard's side of a report: reading runs' curves, writing seed-averaged ones and working hparams.

An arm becomes one event folder: each tag's interquartile mean over seeds under the tag's own name, with ``/mean``,
``/low`` and ``/high`` beside it, and charts with margins in the CUSTOM SCALARS tab. A run becomes a session of the
HPARAMS tab: a row of its settings and final scores, nothing else. ``SummaryWriter.add_hparams`` would make a new folder
and a new experiment for each.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from experiments.reports import aggregates
from experiments.reports.aggregates import iqm
from experiments.reports.arms import Arm, Section
from experiments.reports.labels import as_typed, distinguishing_keys
from experiments.reports.measures import Scalars, aggregate_curves
from experiments.reports.run_folders import Run
from groundwork.errors import WaybillError

RUN_METRICS: dict[str, Callable[[Run], float | None]] = {
    "held_out/score": lambda run: run.score,
    "held_out/normalised": lambda run: run.normalised,
}
_WITH_MARGINS = ("eval/score", "eval/mean_reward", "game/score")
_RESAMPLES, _POINTS = 1000, 100  # of each of an arm's many tags


def read_scalars(folder: Path) -> dict[str, np.ndarray]:
    """All curves of a run's event files by tag, each [P, 2] of (step, value); none if there are no files.

    Raises:
        WaybillError: in one line, if they cannot be read.
    """
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    files = list(folder.glob("events.out.tfevents.*"))
    if not files:
        return {}
    for path in files:
        if not path.is_file():  # a pipe would be waited for
            raise WaybillError(f"{path} is no plain file")
    logging.getLogger("tensorboard").setLevel(logging.ERROR)  # that a run was gone on with is no warning
    try:
        events = EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
        found = {tag: [(point.step, point.value) for point in events.Scalars(tag)] for tag in events.Tags()["scalars"]}
    except Exception as error:  # whatever a damaged file makes of itself
        raise WaybillError(f"{folder}: its event files cannot be read ({type(error).__name__})") from None
    if not found:  # TensorBoard passes over what is damaged
        raise WaybillError(f"{folder}: nothing in its event files can be read")
    return {tag: _rising(np.array(points, np.float64)) for tag, points in found.items()}


def _rising(points: np.ndarray) -> np.ndarray:
    """Points [P, 2] in the order of their steps: the last of each step, without values that are no numbers."""
    points = points[np.isfinite(points[:, 1])]
    last = dict(points.tolist())
    return np.array(sorted(last.items())).reshape(-1, 2)


def write_event_files(
    folder: Path, sections: Sequence[Section], scalars: Mapping[Run, Scalars], names: Mapping[Arm, str], *, seed: int
) -> Iterator[None]:
    """Write event files of all arms and runs, a step for each arm; ``names`` are the arms' folders below ``folder``."""
    rows = _hparam_rows(sections)
    _write_experiment(folder, rows)
    for arm in rows:
        _write_arm(folder / "arms" / names[arm], [scalars.get(run, {}) for run in arm.runs], seed)
        for run in arm.runs:
            _write_session(folder / "runs" / names[arm] / f"seed{run.seed}", run, {**rows[arm], "seed": run.seed})
        yield


def _hparam_rows(sections: Sequence[Section]) -> dict[Arm, dict[str, Any]]:
    """Each arm's settings as the HPARAMS tab takes them: numbers where all arms have numbers, else text."""
    rows: dict[Arm, dict[str, Any]] = {}
    for section in sections:
        keys = distinguishing_keys([arm.settings for arm in section.arms])
        for arm in section.arms:
            rows[arm] = {"games": section.title, "arm": arm.label, **{key: arm.settings[key] for key in keys}}
    mixed = {key for row in rows.values() for key, value in row.items() if not _is_number(value)}
    return {arm: {key: _as(value, key in mixed) for key, value in row.items()} for arm, row in rows.items()}


def _as(value: Any, is_text: bool) -> str | float:
    return as_typed(value) if is_text else float(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _write_experiment(folder: Path, rows: Mapping[Arm, Mapping[str, Any]]) -> None:
    """The columns of the HPARAMS tab, once for all runs, and the margin charts."""
    from tensorboard.plugins.hparams import summary_v2  # its api.py needs TensorFlow
    from torch.utils.tensorboard.summary import custom_scalars

    keys = dict.fromkeys(key for row in rows.values() for key in row)
    columns = {key: sorted({row[key] for row in rows.values() if key in row}) for key in keys}
    seeds = sorted({float(run.seed) for arm in rows for run in arm.runs})
    domains = {**columns, "seed": seeds}.items()
    hparams = [summary_v2.HParam(key, summary_v2.Discrete(values)) for key, values in domains]
    metrics = [summary_v2.Metric(tag) for tag in RUN_METRICS]
    charts = {tag: ["Margin", [tag, f"{tag}/low", f"{tag}/high"]] for tag in _WITH_MARGINS}
    with _writer(folder) as add:
        add(summary_v2.hparams_config_pb(hparams=hparams, metrics=metrics), 0)
        add(custom_scalars({"interquartile means with 95 % intervals": charts}), 0)


def _write_arm(folder: Path, own: Sequence[Scalars], seed: int) -> None:
    """The curves of an arm, from those of its seeds: each tag that all seeds have."""
    from torch.utils.tensorboard.summary import scalar

    tags = [tag for tag in own[0] if all(len(other.get(tag, ())) for other in own)]
    with _writer(folder) as add:
        for tag in tags:
            curves = [other[tag] for other in own]
            middle = aggregate_curves(curves, iqm, seed, most=_POINTS, resamples=_RESAMPLES)
            if middle is None:
                continue
            mean = aggregates.on_common_steps(curves, _POINTS)[1].mean(axis=0)
            shown = {"": middle.y.estimate, "/mean": mean, "/low": middle.y.low, "/high": middle.y.high}
            for name, values in shown.items():
                for step, value in zip(middle.x.tolist(), values.tolist(), strict=True):
                    if math.isfinite(value):  # a single seed has no interval
                        add(scalar(f"{tag}{name}", value), round(step))


def _write_session(folder: Path, run: Run, row: Mapping[str, Any]) -> None:
    """A run's row of the HPARAMS tab: settings, final scores, and that it has ended well."""
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams import metadata, plugin_data_pb2, summary_v2
    from tensorboard.plugins.hparams.api_pb2 import Status
    from torch.utils.tensorboard.summary import scalar

    assert run.result is not None
    ended, last = Summary(), int(run.result["env_steps"])
    content = plugin_data_pb2.HParamsPluginData(
        session_end_info=plugin_data_pb2.SessionEndInfo(status=Status.STATUS_SUCCESS)
    )
    described = metadata.create_summary_metadata(content)
    ended.value.add(tag=metadata.SESSION_END_INFO_TAG, metadata=described, tensor=metadata.NULL_TENSOR)
    with _writer(folder) as add:
        add(summary_v2.hparams_pb(dict(row), trial_id=str(run.folder)), 0)
        for tag, of in RUN_METRICS.items():
            value = of(run)
            if value is not None:
                add(scalar(tag, value), last)
        add(ended, last)


@contextmanager
def _writer(folder: Path) -> Iterator[Callable[[Any, int], None]]:
    """Adds summaries at a step to a new event file in the folder."""
    from torch.utils.tensorboard import FileWriter

    writer = FileWriter(str(folder))
    try:
        yield writer.add_summary
    finally:
        writer.close()
