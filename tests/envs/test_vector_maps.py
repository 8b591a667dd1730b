"""A batch's seeds and maps, and a batch that is saved and goes on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from batches import MAPS, choose_or_pass, make_games

from envs.waybill.maps.pool import TRAIN_SEEDS, VALIDATION_SEEDS, make_pool
from envs.waybill.vector_env import WaybillVectorEnv


def test_seeds() -> None:
    env = make_games(4)
    first = env.reset(seed=11)[0]
    np.testing.assert_array_equal(first, env.reset(seed=11)[0])
    np.testing.assert_array_equal(first[::-1], env.reset(seed=[14, 13, 12, 11])[0])
    np.testing.assert_array_equal(first[1:3], env.reset(seed=[None, 12, 13, None])[0][1:3])
    env.reset(seed=11)
    later = env.reset()[0]
    env.reset(seed=11)
    np.testing.assert_array_equal(later, env.reset()[0])
    zero = make_games(3).reset(seed=0)[0]  # seed 0 is a seed
    np.testing.assert_array_equal(zero, make_games(3).reset(seed=0)[0])
    np.testing.assert_array_equal(zero, make_games(3).reset(seed=[0, 1, 2])[0])


def test_in_order_game_i_keeps_map_i() -> None:
    env, rng = make_games(5, maps=(VALIDATION_SEEDS, 5), in_order=True), np.random.default_rng(6)
    _, infos = env.reset(seed=3)
    restarts = 0
    for _ in range(120):
        assert infos["map_seed"].tolist() == list(range(VALIDATION_SEEDS, VALIDATION_SEEDS + 5))
        _, _, _, _, infos = env.step(choose_or_pass(rng, infos["action_mask"]))
        restarts += int(infos["reset"].sum())
    assert restarts >= 10
    assert (env.batch.pool.seed < TRAIN_SEEDS).all()


def same(a: Any, b: Any) -> None:
    """Two infos or results say the same."""
    if isinstance(a, dict):
        assert a.keys() == b.keys()
        for name in a:
            same(a[name], b[name])
    else:
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("actions", ["heuristic", "random_k", "masked"])
@pytest.mark.parametrize("reward", ["cash", "shaped", "milestone"])
def test_a_saved_batch_goes_on_as_the_one_that_was_not_saved(actions: str, reward: str) -> None:
    env, rng = make_games(actions=actions, reward=reward), np.random.default_rng(7)
    _, infos = env.reset(seed=8)
    for _ in range(130):  # past two ends and a change of maps
        observed, _, _, _, infos = env.step(choose_or_pass(rng, infos["action_mask"]))
    assert env.batch.next_seed > sum(MAPS)
    saved = env.state_dict()
    assert all(isinstance(value, np.ndarray | int | float | str) for value in saved.values())
    frozen = {name: np.array(value, copy=True) for name, value in saved.items()}
    other = make_games(actions=actions, reward=reward)
    other.reset(seed=99)
    seen, told = other.load_state_dict(saved)
    np.testing.assert_array_equal(observed, seen)
    np.testing.assert_array_equal(infos["action_mask"], told["action_mask"])
    assert not told["reset"].any()
    for _ in range(130):
        action = choose_or_pass(rng, infos["action_mask"])
        result, again = env.step(action), other.step(action)
        for a, b in zip(result, again, strict=True):
            same(a, b)
        infos = result[4]
    same(frozen, saved)  # what was saved is not touched by going on
    same(env.state_dict(), other.state_dict())


def test_games_of_another_size_are_refused_in_one_line() -> None:
    env = make_games(3)
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"saved games take \d+ bytes, 4 games of this version take \d+$"):
        make_games(4).load_state_dict(env.state_dict())


def test_new_maps_replace_only_those_that_nobody_plays_on() -> None:
    env = make_games(3, level="refine")
    observed, _ = env.reset(seed=21)
    batch = env.batch
    used = np.unique(batch.states["map"])
    free = np.setdiff1d(np.arange(8), used)
    assert 0 < len(used) < 8
    before, states = [array.copy() for array in batch.pool], batch.states.tobytes()
    batch.refill_maps()
    assert batch.states.tobytes() == states
    fresh = make_pool(env.level.record(), np.arange(TRAIN_SEEDS + 8, TRAIN_SEEDS + 8 + len(free)))
    for old, now, new in zip(before, batch.pool, fresh, strict=True):
        np.testing.assert_array_equal(now[used], old[used])
        np.testing.assert_array_equal(now[free], new)
    batch.look()
    np.testing.assert_array_equal(batch.observations, observed)  # encodings of maps in use stay, too
    restarted = WaybillVectorEnv(num_envs=3, level="refine", maps=(TRAIN_SEEDS + 8, len(free)), candidates=8)
    want = {seed: row.tobytes() for row, seed in zip(*games_of(restarted), strict=True)}
    got = {seed: row.tobytes() for row, seed in zip(*games_of(env), strict=True)}
    both = want.keys() & got.keys()
    assert both
    for seed in both:  # and those of new maps are theirs
        assert want[seed] == got[seed]


def games_of(env: WaybillVectorEnv) -> tuple[np.ndarray, list[int]]:
    """First observations of many games and the maps they are played on."""
    results = [env.reset(seed=seed) for seed in range(0, 60, 3)]
    return np.concatenate([r[0] for r in results]), [int(m) for r in results for m in r[1]["map_seed"]]


def test_training_never_sees_a_map_of_evaluation() -> None:
    env, rng = make_games(4, maps=(TRAIN_SEEDS, 5)), np.random.default_rng(9)
    _, infos = env.reset(seed=10)
    seen = set(infos["map_seed"].tolist())
    for _ in range(800):
        _, _, _, _, infos = env.step(choose_or_pass(rng, infos["action_mask"]))
        seen |= set(infos["map_seed"].tolist())
    assert min(seen) >= TRAIN_SEEDS
    assert len(seen) > 15
    assert len(set(env.batch.pool.seed.tolist())) == 5
    assert WaybillVectorEnv(num_envs=1).batch.pool.seed.min() == TRAIN_SEEDS == 2**32  # by default, too
