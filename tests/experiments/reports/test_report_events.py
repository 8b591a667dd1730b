"""TensorBoard's side of a report, read back by TensorBoard's own readers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reports import put
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.context import RequestContext
from tensorboard.plugins.base_plugin import TBContext
from tensorboard.plugins.hparams import api_pb2, list_session_groups
from tensorboard.plugins.hparams.backend_context import Context

from experiments.common.curves import Curves
from experiments.reports import aggregates
from experiments.reports.arms import sections
from experiments.reports.events import read_scalars, write_event_files
from experiments.reports.run_folders import find_runs


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sections of two arms of three seeds and one; runs' own folders are below ``runs``."""
    top = tmp_path_factory.mktemp("top")
    put(top / "runs" / "a", "reward=sparse", scores=[100, 200, 600], events=True)
    put(top / "runs" / "b", "agent.gamma=0.9", scores=[500], events=True)
    put(top / "runs" / "c", "level=refine", "rivals=[greedy]", scores=[300], events=True, players=("random", "greedy"))
    before = sorted(top.rglob("*"))
    found = sections(find_runs([top]))
    arms = [arm for section in found for arm in section.arms]
    scalars = {run: read_scalars(run.folder) for section in found for run in section.runs}
    names = {arm: f"arm{k}" for k, arm in enumerate(arms)}
    assert len(list(write_event_files(top / "out", found, scalars, names, seed=0))) == 3
    assert sorted(path for path in top.rglob("*") if "out" not in path.parts) == before
    return top


def test_an_arm_is_one_folder_of_interquartile_means(written: Path) -> None:
    assert sorted(path.name for path in (written / "out/arms").iterdir()) == ["arm0", "arm1", "arm2"]
    assert len(list((written / "out/arms/arm0").iterdir())) == 1
    found = read_scalars(written / "out/arms/arm0")
    values = np.array([[100, 200, 600]]).T * np.array([[1, 2, 3]]) / 3
    expected = aggregates.interval(values[:, None], resamples=1000, seed=0)
    for name, heights in (("", expected.estimate), ("/low", expected.low), ("/high", expected.high)):
        np.testing.assert_allclose(found[f"eval/score{name}"], np.column_stack([[100, 200, 300], heights]), rtol=1e-5)
    np.testing.assert_allclose(found["eval/score/mean"][:, 1], values.mean(axis=0), rtol=1e-6)
    assert "game/funnel/sell" in found
    single = read_scalars(written / "out/arms/arm1")
    assert "eval/score" in single
    assert "eval/score/low" not in single  # one seed has no interval


def rows_of(folder: Path) -> tuple[Any, Any]:
    """The HPARAMS tab's columns and rows, as TensorBoard makes them of a log folder."""
    multiplexer = EventMultiplexer(tensor_size_guidance={"hparams": 0})
    multiplexer.AddRunsFromDirectory(str(folder))
    multiplexer.Reload()
    provider = MultiplexerDataProvider(multiplexer, str(folder))
    context, request = Context(TBContext(multiplexer=multiplexer, data_provider=provider)), RequestContext()
    described = context.experiment_from_metadata(
        request, "", True, context.hparams_metadata(request, ""), context.hparams_from_data_provider(request, "", 0)
    )
    asked = api_pb2.ListSessionGroupsRequest(
        allowed_statuses=[api_pb2.STATUS_SUCCESS], slice_size=100, aggregation_type=api_pb2.AGGREGATION_AVG,
        include_metrics=True,
    )  # fmt: skip
    for metric in described.metric_infos:
        asked.col_params.add(metric=metric.name)
    return described, list_session_groups.Handler(request, context, "", asked).run()


@pytest.mark.parametrize("logdir", ["out", "."])
def test_the_hparams_tab_has_a_row_for_each_run(written: Path, logdir: str) -> None:
    described, found = rows_of(written / logdir)
    assert {info.name for info in described.hparam_infos} == {"games", "arm", "reward", "agent.gamma", "seed"}
    assert [info.name.tag for info in described.metric_infos] == ["held_out/score", "held_out/normalised"]
    assert found.total_size == 5
    rows = {group.name: group for group in found.session_groups}
    row = rows[str(written / "runs/a/2")]
    assert {key: value.string_value or value.number_value for key, value in row.hparams.items()} == {
        "games": "haul, 6 maps from seed 0",
        "arm": "reward=sparse",
        "reward": "sparse",
        "agent.gamma": 0.995,
        "seed": 2.0,
    }
    metrics = {metric.name.tag: (metric.value, metric.training_step) for metric in row.metric_values}
    assert metrics == {"held_out/score": (602.5, 800), "held_out/normalised": (pytest.approx(0.6), 800)}
    raw = rows[str(written / "runs/c/0")]
    assert [metric.name.tag for metric in raw.metric_values] == ["held_out/score"]
    assert len(row.sessions) == 1
    assert row.sessions[0].status == api_pb2.STATUS_SUCCESS


def test_a_resumed_runs_later_points_count(tmp_path: Path) -> None:
    for start, height in ((0, 1.0), (200, 2.0)):
        curves = Curves(folder=tmp_path, from_step=start)
        for step in (200, 300):
            curves.add({"eval/score": height}, step)
        curves.close()
    found = read_scalars(tmp_path)["eval/score"]
    assert found.tolist() == [[200, 2.0], [300, 2.0]]


def test_a_folder_without_event_files_has_no_curves_and_a_damaged_one_is_named(tmp_path: Path) -> None:
    assert read_scalars(tmp_path) == {}
    (tmp_path / "events.out.tfevents.1.x").write_bytes(b"nonsense" * 100)
    with pytest.raises(ValueError, match="nothing in its event files can be read"):
        read_scalars(tmp_path)
