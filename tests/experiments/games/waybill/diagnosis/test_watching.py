"""What is seen of an evaluation's games: against what the games say themselves; groups of the observation by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from envs.waybill.core.state import STATE
from envs.waybill.observation.candidates import ORDER_AT, ORDER_FEATURES
from envs.waybill.observation.entities import ENTITY_FEATURES
from experiments.diagnostics.visited import VisitedStates
from experiments.games.waybill.diagnosis.watching import WaybillWatch
from experiments.games.waybill.evaluation import MapGames
from tiny import tiny_setup


def watched(tmp_path: Path, *overrides: str) -> tuple[WaybillWatch, VisitedStates, MapGames, Any]:
    """A watch of four games in which the greedy rule's candidate is always taken; the games and their environment."""
    setup = tiny_setup(tmp_path, *overrides)
    validation = setup.domain.validation(setup)
    batch = validation.env.batch
    watch, visited = setup.domain.game_watch(setup, validation.env), VisitedStates(states=1024, gamma=setup.gamma)

    def greedy(obs: np.ndarray, mask: np.ndarray) -> np.ndarray:
        return np.maximum(batch.advice, 0)

    games = validation(greedy, [visited, watch])
    return watch, visited, games, validation.env


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> tuple[WaybillWatch, VisitedStates, MapGames, Any]:
    return watched(tmp_path_factory.mktemp("watched"), "level.horizon=40")


def test_scalars_are_those_of_the_games(seen: tuple[WaybillWatch, VisitedStates, MapGames, Any]) -> None:
    watch, visited, games, env = seen
    found = watch.scalars()
    assert found["behaviour/like_greedy"] == 1.0
    assert found["reward/raw"] == pytest.approx(games.score.mean() / env.level.start_cash)
    assert found["reward/raw"] + found["reward/shaping"] == pytest.approx(games.reward.mean())
    assert found["checks/shaping_slope"] == pytest.approx(1.0)
    states = visited.all()
    assert states.r.sum() == pytest.approx(games.reward.sum())
    assert np.bincount(states.game).tolist() == games.length.tolist()
    assert states.ended.sum() == 4


def test_the_funnel_counts_games(seen: tuple[WaybillWatch, VisitedStates, MapGames, Any]) -> None:
    watch, _, games, env = seen
    funnel = {one.tag: one.given for one in watch.drawings()}["games/funnel"]["stages"]
    assert list(funnel) == [*env.columns["stages"], "profit"]
    assert funnel["profit"] == (games.score > 0).mean()
    assert funnel["dig"] == np.mean([games.made["wood"] + games.made["ore"] > 0])


def test_an_episode_is_drawn_from_its_own_states(seen: tuple[WaybillWatch, VisitedStates, MapGames, Any]) -> None:
    watch, _, games, _ = seen
    episode = {one.tag: one.given for one in watch.drawings()}["games/episode"]
    states = [np.frombuffer(state, STATE)[0] for state in episode["states"]]
    assert [int(state["turn"]) for state in states] == list(range(int(games.length[0]) + 1))
    assert len(episode["orders"]) == games.length[0]
    assert int(states[-1]["companies"][0]["cash"]) - watch._level.start_cash == games.score[0]


def test_the_planner_is_asked_in_states_that_were_kept(seen: tuple[WaybillWatch, VisitedStates, MapGames, Any]) -> None:
    found = seen[0].recall(16)
    assert set(found) == {"behaviour/like_planner", "behaviour/planner_offered"}
    assert (
        found["behaviour/planner_offered"] >= 0.5
    )  # the heuristic's candidates hold most of its orders: docs/levels.md
    assert all(0.0 <= share <= 1.0 for share in found.values())


def test_raw_actions_are_no_candidates(tmp_path: Path) -> None:
    setup = tiny_setup(tmp_path, "actions=masked", "network=mlp")
    validation = setup.domain.validation(setup)
    watch = setup.domain.game_watch(setup, validation.env)
    validation(lambda obs, mask: mask.argmax(1), [watch])
    assert watch.recall(8) == {}
    assert "behaviour/like_greedy" not in watch.scalars()


def test_groups_of_an_observation_by_hand(seen: tuple[WaybillWatch, VisitedStates, MapGames, Any]) -> None:
    watch, layout = seen[0], seen[3].layout
    obs, attributed = (np.zeros((2, layout.size), np.float32) for _ in range(2))
    entities = slice(layout.globals, layout.candidates_at)
    rows, own = obs[0, entities].reshape(layout.entities, -1), attributed[0, entities].reshape(layout.entities, -1)
    rows[0, :3] = [1, 0, 1]  # a town
    rows[1, :5] = [1, 0, 0, 0, 1]  # a cart
    own[0, 2], own[1, 7], own[1, ENTITY_FEATURES] = 2.0, -1.0, 0.5  # the last is of its place
    attributed[0, 0], attributed[0, 4] = 1.0, 1.0  # time left, cash
    candidate = attributed[0, layout.candidates_at : layout.pointers_at].reshape(layout.candidates, -1)[3]
    candidate[1], candidate[ORDER_AT], candidate[ORDER_AT + 2], candidate[ORDER_FEATURES] = 0.5, 1.0, 2.0, 1.0
    found = watch.shares(obs, attributed)
    assert found == pytest.approx({
        "towns": 0.2, "carts": 0.1, "entity places": 0.05, "time left": 0.1, "cash": 0.1, "order kind": 0.05,
        "order numbers": 0.1, "order hints": 0.2, "order places": 0.1,
    })  # fmt: skip
    assert watch.shares(obs, np.zeros_like(attributed)) == {}
