"""Waybill as a PettingZoo game: its own tests, and the very games of the batch engine."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pettingzoo.test import parallel_api_test, parallel_seed_test

from envs.waybill.core import levels
from envs.waybill.maps.pool import TRAIN_SEEDS
from envs.waybill.parallel import WaybillParallelEnv
from envs.waybill.vector_env import WaybillVectorEnv
from groundwork.errors import WaybillError

ROOT = Path(__file__).resolve().parents[2]
MAPS = (TRAIN_SEEDS, 4)
FACTS = ("score", "won", "bankrupt", "illegal", "raw_reward", "potential", "map_seed")


def make(**changed: Any) -> WaybillParallelEnv:
    return WaybillParallelEnv(**{"level": "rivals", "maps": MAPS, "candidates": 12, **changed})


@pytest.mark.parametrize("level", levels.names())
def test_pettingzoos_own_tests_pass(level: str, recwarn: pytest.WarningsRecorder) -> None:
    parallel_api_test(make(level=level), num_cycles=300)
    parallel_seed_test(lambda: make(level=level), num_cycles=150)
    assert [str(warning.message) for warning in recwarn if "pettingzoo" in warning.filename] == []


@pytest.mark.parametrize("actions", ["heuristic", "masked", "buckets"])
def test_a_game_is_that_of_the_batch_with_all_seats_from_outside(actions: str) -> None:
    env = make(actions=actions, level="chain" if actions == "masked" else "rivals")
    seats = len(env.possible_agents)
    games = WaybillVectorEnv(
        num_envs=1, level=env.level, maps=MAPS, candidates=12, actions=actions, seats=range(seats), whole_games=True
    )
    rng, turns = np.random.default_rng(3), 0
    observed, infos = env.reset(seed=7)
    rows, row_infos = games.reset(seed=7)
    assert list(observed) == env.agents == [f"company_{seat}" for seat in range(seats)]
    while env.agents:
        here = list(env.agents)
        for agent in here:
            k = env.possible_agents.index(agent)
            np.testing.assert_array_equal(observed[agent], rows[k])
            np.testing.assert_array_equal(infos[agent]["action_mask"], row_infos["action_mask"][k])
            assert infos[agent]["action_mask"].dtype == np.int8
            assert all(infos[agent][name] == row_infos[name][k] for name in FACTS)
        legal = (rng.random(row_infos["action_mask"].shape) * row_infos["action_mask"]).argmax(axis=1)
        actions_t = {agent: legal[env.possible_agents.index(agent)] for agent in here}
        observed, r_t, terminated, truncated, infos = env.step(actions_t)
        rows, row_rewards, over, _, row_infos = games.step(legal)
        assert list(r_t) == list(terminated) == list(infos) == here
        for agent in here:
            k = env.possible_agents.index(agent)
            assert (r_t[agent], terminated[agent], truncated[agent]) == (row_rewards[k], over[k], False)
        assert env.agents == [agent for agent in here if not terminated[agent]]
        turns += 1
    assert turns == env.level.horizon or all(over)


def test_who_is_bankrupt_leaves_and_the_others_play_on() -> None:
    env, rng, left = make(), np.random.default_rng(0), []
    _, infos = env.reset(seed=1)
    while env.agents:
        passing = env.agents[-1]
        random = {a: (rng.random(12) * info["action_mask"]).argmax() for a, info in infos.items() if a in env.agents}
        _, _, terminated, _, infos = env.step({**random, passing: 0})
        left.append(len(env.agents))
        gone = [agent for agent, over in terminated.items() if over]
        assert all(infos[agent]["bankrupt"] for agent in gone) or not env.agents
    assert len(left) == env.level.horizon
    assert 0 < left[-2] < 4
    assert left == sorted(left, reverse=True)


def test_mistakes_are_one_line() -> None:
    with pytest.raises(ValueError, match="render_mode='human', allowed are None, ansi and rgb_array"):
        make(render_mode="human")
    env = make()
    with pytest.raises(ValueError, match="step: the game is over, call reset first"):
        env.step({})
    env.reset(seed=0)
    with pytest.raises(ValueError, match=re.escape("step: no action for company_1; agents are company_0, company_1")):
        env.step({"company_0": 0})
    with pytest.raises(ValueError, match=re.escape("action 12 is outside the action space, allowed are 0..11")):
        env.step(dict.fromkeys(env.agents, 12))


def test_it_draws_the_board() -> None:
    env = make(render_mode="rgb_array")
    env.reset(seed=0)
    picture = env.render()
    assert picture.dtype == np.uint8
    assert picture.ndim == 3
    assert make().render() is None


def test_without_pettingzoo_it_says_how_to_get_it() -> None:
    script = "import sys; sys.modules['pettingzoo'] = None; import envs.waybill.parallel"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert done.stderr.strip().splitlines()[-1].endswith("pip install -e '.[pettingzoo]'")


def test_an_own_map_is_played_once() -> None:
    env = WaybillParallelEnv(level="haul")
    told = env.reset(seed=3, options={"map_seed": 12345})[1]
    assert {info["map_seed"] for info in told.values()} == {12345}
    assert env.reset(seed=3)[1]["company_0"]["map_seed"] != 12345
    with pytest.raises(WaybillError, match="map_seed=-1"):
        env.reset(options={"map_seed": -1})
