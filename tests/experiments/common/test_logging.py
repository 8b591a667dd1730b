"""Curves: the window's means are those of the last episodes, and TensorBoard reads back what was written."""

from __future__ import annotations

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


def test_tensorboard_reads_the_points_and_a_resumed_run_drops_those_after_its_checkpoint(tmp_path: Path) -> None:
    first = Curves(folder=tmp_path, from_step=0)
    for step in (100, 200, 300):
        first.add({"game/score": float(step)}, step)
    first.close()
    second = Curves(folder=tmp_path, from_step=200)
    second.add({"game/score": -1.0}, 300)
    second.close()
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    points = [(event.step, event.value) for event in events.Scalars("game/score")]
    assert points == [(100, pytest.approx(100.0)), (200, pytest.approx(200.0)), (300, pytest.approx(-1.0))]
