"""Curves: the window's means are those of the last episodes, and TensorBoard reads back what was written."""

from __future__ import annotations

import resource
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from experiments.common.curves import Curves, EpisodeWindow
from experiments.games.waybill.domain import waybill_window


def ended(scores: list[int], *, reward: float = 1.0) -> tuple[dict, np.ndarray]:
    n = len(scores)
    infos = {
        "finished": {"r": np.full(n, reward), "l": np.arange(n) + 10},
        "score": np.array(scores),
        "bankrupt": np.array(scores) < -50,
        "illegal": np.arange(n),
        "orders": np.tile([3, 1], (n, 1)),
        "stages": np.array([[True, score > 0] for score in scores]),
        "stage_turn": np.array([[2, score if score > 0 else -1] for score in scores]),
        "made": np.array([[4, score > 0] for score in scores]),
        "made_turn": np.array([[3, -1] for _ in scores]),
        "sold": np.array([[2, 0] for _ in scores]),
        "workshops": np.array([[1] for _ in scores]),
    }
    return infos, np.ones(n, np.bool_)


def window(size: int = 100) -> EpisodeWindow:
    stages, goods = ("extractor", "sell"), ("ore", "iron")
    columns = {"stages": stages, "stage_turn": stages, "made": goods, "made_turn": goods, "sold": goods}
    return waybill_window(verbs=("pass", "haul"), columns=columns | {"workshops": ("iron",)}, size=size)


def test_means_of_finished_episodes_by_tag() -> None:
    seen = window()
    assert seen.tags() == {}
    seen.add(*ended([100, -60, 20, 0]))
    assert seen.tags() == {
        "rollout/ep_rew_mean": 1.0,
        "rollout/ep_len_mean": 11.5,
        "game/score": 15.0,
        "game/bankruptcies": 0.25,
        "game/illegal_orders": 1.5,
        "game/orders/pass": 3.0,
        "game/orders/haul": 1.0,
        "game/funnel/extractor": 1.0,
        "game/funnel/sell": 0.5,
        "game/funnel/profit": 0.5,
        "game/first_turn/extractor": 2.0,
        "game/first_turn/sell": 60.0,  # of the two games that came to it
        "game/made/ore": 4.0,
        "game/made/iron": 0.5,
        "game/first_turn/made_ore": 3.0,  # and none for iron: no game says when
        "game/sold/ore": 2.0,
        "game/sold/iron": 0.0,
        "game/workshops/iron": 1.0,
    }


def test_games_that_go_on_are_left_out() -> None:
    seen, (infos, _) = window(), ended([100, 7])
    seen.add(infos, np.array([False, False]))
    assert seen.episodes == 0
    seen.add(infos, np.array([False, True]))
    assert seen.tags()["game/score"] == 7.0


def test_old_episodes_fall_out_of_the_window() -> None:
    seen = window(size=4)
    seen.add(*ended([1000] * 3))
    seen.add(*ended([1, 2, 3, 4]))
    assert seen.tags()["game/score"] == 2.5
    assert seen.episodes == 7


def test_a_single_environment_reports_the_same() -> None:
    many, one = window(), window()
    infos, rows = ended([100, -60])
    many.add(infos, rows)
    for i in range(2):
        info = {name: infos[name][i] for name in infos if name != "finished"}
        one.add_one({**info, "finished": {name: float(infos["finished"][name][i]) for name in ("r", "l")}})
    assert one.tags() == many.tags()


def test_a_restored_window_goes_on_where_it_was() -> None:
    seen, again = window(size=4), window(size=4)
    seen.add(*ended([10, 20, 30, 40, 50]))
    again.load_state_dict(seen.state_dict())
    for each in (seen, again):
        each.add(*ended([7, 8], reward=5.0))
    assert again.tags() == seen.tags()
    assert again.episodes == 7


def shown(folder: Path) -> list[tuple[int, float]]:
    """The points of a curve as TensorBoard shows them."""
    events = EventAccumulator(str(folder)).Reload()
    return [(event.step, event.value) for event in events.Scalars("game/score")]


def add(folder: Path, from_step: int | None, steps: Sequence[int], value: float) -> None:
    curves = Curves(folder=folder, from_step=from_step)
    for step in steps:
        curves.add({"game/score": value, "other": 0.0}, step)
    curves.close()


@pytest.mark.parametrize(("start", "first"), [(200, (0, 100, 200)), (0, (0,)), (None, (0, 100, 200, 300))])
def test_tensorboard_reads_the_points_and_a_resumed_run_drops_those_after_its_checkpoint(
    tmp_path: Path, start: int | None, first: tuple[int, ...]
) -> None:
    add(tmp_path, None, (0, 100, 200, 300), 1.0)
    add(tmp_path, start, (300,), -1.0)
    assert shown(tmp_path) == [*((step, 1.0) for step in first), (300, -1.0)]


def test_points_are_dropped_though_the_clock_was_set_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TensorBoard reads event files in the order of their names, which begin with the time."""
    for start, time_now in ((None, 2_000_000_000), (200, 1_000_000_000), (200, 1_000_000_000), (200, 1_999_999_999)):
        monkeypatch.setattr("time.time", lambda now=time_now: float(now))
        add(tmp_path, start, (200, 300) if start is None else (300,), float(time_now % 10_000_019))
    assert shown(tmp_path) == [(200, float(2_000_000_000 % 10_000_019)), (300, float(1_999_999_999 % 10_000_019))]
    assert len(list(tmp_path.glob("events.out.tfevents.20000000*"))) == 4


def test_points_are_seen_at_once_and_pictures_once_they_are_on_the_disk(tmp_path: Path) -> None:
    curves = Curves(folder=tmp_path, from_step=None)
    curves.add({"game/score": 1.0}, 100)
    assert shown(tmp_path) == [(100, 1.0)]
    curves.add_histograms({"weights": np.array([1.0, np.nan, np.inf, 2.0]), "none": np.full(3, np.nan)}, 100)
    curves.sync()
    events = EventAccumulator(str(tmp_path)).Reload()
    assert events.Tags()["histograms"] == ["weights"]
    (found,) = events.Histograms("weights")
    assert (found.histogram_value.min, found.histogram_value.max, found.histogram_value.num) == (1.0, 2.0, 2.0)
    curves.close()


def test_where_a_curve_cannot_be_written_its_file_is_named(tmp_path: Path) -> None:
    curves = Curves(folder=tmp_path, from_step=None)
    curves.add({"game/score": 1.0}, 100)
    (path,) = tmp_path.iterdir()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size, before[1]))
    try:
        with pytest.raises(OSError, match="File too large") as caught:
            curves.add({"game/score": 2.0}, 200)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert caught.value.filename == str(path)
    curves.close()
