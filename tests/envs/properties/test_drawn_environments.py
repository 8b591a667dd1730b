"""Environments of drawn levels: what the mask allows is carried out and nothing else, and states are set back."""

from __future__ import annotations

import pickle

import numpy as np
from drawn_games import levels
from hypothesis import given
from hypothesis import strategies as some

from envs.waybill.core.levels import LevelConfig
from envs.waybill.env import WaybillEnv

ACTIONS = some.sampled_from(["masked", "heuristic", "random_k", "full", "buckets"])
REWARDS = some.sampled_from(["shaped", "cash", "sparse", "milestone"])
NUMBERS = some.lists(some.integers(0, 2**20), max_size=30)


def chosen(env: WaybillEnv, number: int) -> int:
    """One of the actions that the mask allows; PASS, which is always the first of them, for even numbers."""
    legal = np.flatnonzero(env.action_masks())
    return int(legal[number // 2 % len(legal)]) if number % 2 else 0


@given(levels(most_rivals=0), some.sampled_from(["masked", "heuristic", "random_k", "buckets"]), NUMBERS)
def test_what_the_mask_allows_is_carried_out_and_nothing_else(
    level: LevelConfig, actions: str, numbers: list[int]
) -> None:
    env = WaybillEnv(level=level, actions=actions, maps=(5, 1), candidates=9, cells=3)
    env.reset(seed=1)
    for number in numbers:
        state = env.get_state()
        if (mask := env.action_masks()).all() or env.batch.infos.over[0]:
            break
        before = env.state["companies"][0]["illegal"]
        barred = np.flatnonzero(~mask)
        env.step(int(barred[number % len(barred)]))
        assert env.state["companies"][0]["illegal"] == before + 1
        env.set_state(state)
        for one in np.flatnonzero(mask)[:40].tolist():
            env.step(one)
            if level.sight == 0:  # in fog a legal order may fail on what its company does not know
                assert env.state["companies"][0]["illegal"] == before
            env.set_state(state)
        env.step(chosen(env, number))


@given(levels(), ACTIONS, REWARDS, NUMBERS, some.integers(0, 30))
def test_a_game_that_was_set_back_goes_on_to_the_bit(
    level: LevelConfig, actions: str, reward: str, numbers: list[int], stop: int
) -> None:
    env = WaybillEnv(level=level, actions=actions, reward=reward, maps=(5, 2), candidates=9, cells=3, dated=True)
    env.reset(seed=2)
    told, state = [], env.get_state()
    for turn, number in enumerate(numbers):
        if turn == stop:
            state, told = pickle.loads(pickle.dumps(env.get_state())), []
        if env.batch.infos.over[0]:
            break
        told.append((chosen(env, number), env.step(chosen(env, number))))
    last = env.get_state()
    env.reset(seed=9)
    env.set_state(state)
    for action, results in told:
        assert pickle.dumps(env.step(action)) == pickle.dumps(results)
    assert env.get_state() == last
