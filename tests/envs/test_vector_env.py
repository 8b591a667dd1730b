"""The batch of games: it plays what single games play, whatever its size; autoreset, statistics, saving, fresh maps."""

from __future__ import annotations

import re
from operator import attrgetter
from typing import Any

import gymnasium
import numpy as np
import pytest
from batches import MAPS, choose_or_pass, make_batch, make_games
from gymnasium.vector import AutoresetMode
from handmade import company
from midgame import choices

from envs.waybill.batch import Batch
from envs.waybill.core.state import HAUL
from envs.waybill.env import WaybillEnv
from envs.waybill.maps.pool import TRAIN_SEEDS
from envs.waybill.vector_env import WaybillVectorEnv


def begin(batch: Batch, seeds: Any) -> Batch:
    batch.reset(np.asarray(seeds, np.uint64))
    return batch


def test_gymnasium_makes_the_batch_engine() -> None:
    env = gymnasium.make_vec(
        "envs:waybill/Refine-v0", num_envs=3, vectorization_mode="vector_entry_point", maps=MAPS, candidates=5
    )
    assert isinstance(env.unwrapped, WaybillVectorEnv)
    assert env.metadata["autoreset_mode"] == AutoresetMode.NEXT_STEP
    observed, infos = env.reset(seed=1)
    assert observed.shape == env.observation_space.shape == (3, env.unwrapped.layout.size)
    assert observed.dtype == np.float32
    assert infos["action_mask"].shape == (3, 5)
    env.action_space.seed(1)
    action = env.action_space.sample(mask=tuple(infos["action_mask"]))
    observed, r_t, terminated, truncated, infos = env.step(action)
    assert env.observation_space.contains(observed)
    assert [a.dtype for a in (r_t, terminated, truncated)] == [np.float64, np.bool_, np.bool_]
    assert not infos["reset"].any()


@pytest.mark.parametrize(("level", "actions"), choices("heuristic", "random_k", "masked", "buckets", "full"))
def test_game_i_is_the_single_game_of_seed_s_plus_i(level: str, actions: str) -> None:
    games, seed, rng = 3, 50, np.random.default_rng(1)
    parts = {"level": level, "actions": actions, "maps": MAPS, "candidates": 8}
    together = WaybillVectorEnv(num_envs=games, **parts)
    alone = [WaybillEnv(**parts) for _ in range(games)]
    observed, infos = together.reset(seed=seed)
    running = np.ones(games, bool)
    for i, env in enumerate(alone):
        first, info = env.reset(seed=seed + i)
        np.testing.assert_array_equal(observed[i], first)
        assert info["map_seed"] == infos["map_seed"][i]
    while running.any():
        masks = np.stack([env.batch.space.mask[0] for env in alone])
        np.testing.assert_array_equal(infos["action_mask"][running], masks[running])
        action = choose_or_pass(rng, infos["action_mask"])
        observed, r_t, over, _, infos = together.step(action)
        for i in np.flatnonzero(running):
            want = alone[i].step(action[i])
            np.testing.assert_array_equal(observed[i], want[0])
            assert (r_t[i], bool(over[i])) == want[1:3]
            for name in ("score", "bankrupt", "illegal", "is_success", "raw_reward", "potential"):
                assert infos[name][i] == want[4][name], name
            assert infos["orders"][i].tolist() == want[4]["orders"].tolist()
            assert infos["stages"][i].tolist() == want[4]["stages"].tolist()
        running &= ~over


@pytest.mark.parametrize(
    ("level", "actions"), [("refine", "heuristic"), ("haul", "random_k"), ("haul", "masked"), ("haul", "buckets")]
)
def test_no_game_depends_on_the_size_of_its_batch_or_on_threads(level: str, actions: str) -> None:
    games, rng = 64, np.random.default_rng(2)
    parts: dict[str, Any] = {
        "level": level, "actions": actions, "reward": "shaped", "gamma": 0.9, "candidates": 8,
        "encoding": "reference_points", "encoding_options": {}, "maps": (TRAIN_SEEDS, 32), "in_order": False,
    }  # fmt: skip
    seeds = np.arange(games) + 900
    one = begin(make_batch(num_envs=games, threads=1, **parts), seeds)
    two = begin(make_batch(num_envs=games, threads=2, **parts), seeds)
    apart = [begin(make_batch(num_envs=1, threads=1, **parts), [seed]) for seed in seeds]
    restarts = 0
    for _ in range(one.level.horizon + 12):
        action = choose_or_pass(rng, one.space.mask)
        one.step(action)
        two.step(action)
        for i, batch in enumerate(apart):
            batch.step(action[i : i + 1])
        for name in ("observations", "reward", "raw", "potential", "space.mask", "restarted"):
            found = attrgetter(name)
            np.testing.assert_array_equal(found(one), found(two), err_msg=name)
            np.testing.assert_array_equal(found(one), np.concatenate([found(batch) for batch in apart]), err_msg=name)
        assert one.states.tobytes() == two.states.tobytes()
        assert one.states.tobytes() == b"".join(batch.states.tobytes() for batch in apart)
        restarts += int(one.restarted.sum())
    assert restarts >= games  # second games too


def test_the_step_after_the_end_begins_a_new_game_whatever_the_action() -> None:
    env, rng = make_games(6, level="refine", reward="shaped"), np.random.default_rng(3)
    _, infos = env.reset(seed=4)
    assert infos["reset"].all()
    over = np.zeros(6, bool)
    seen, same_map = 0, 0
    for _ in range(150):
        saved, ended, maps = env.state_dict(), over, infos["map_seed"]
        action = choose_or_pass(rng, infos["action_mask"])
        observed, r_t, over, truncated, infos = env.step(action)
        assert not truncated.any()
        np.testing.assert_array_equal(infos["reset"], ended)
        assert (r_t[ended] == 0.0).all()
        assert (infos["raw_reward"][ended] == 0.0).all()
        assert (env.states["turn"][ended] == 0).all()
        assert (env.states["turn"][~ended] > 0).all()
        assert (infos["score"][ended] == 0).all()
        assert not over[ended].any()
        if ended.any():
            other = make_games(6, level="refine", reward="shaped")
            other.load_state_dict(saved)
            changed = np.where(ended, (action + 1) % 8, action)
            again = other.step(changed)
            np.testing.assert_array_equal(observed, again[0])
            np.testing.assert_array_equal(r_t, again[1])
            seen += int(ended.sum())
            same_map += int((infos["map_seed"] == maps)[ended].sum())
    assert seen >= 6
    assert same_map < seen  # each game draws its map anew


@pytest.mark.parametrize("reward", ["sparse", "cash", "shaped"])
def test_an_episode_s_statistics_are_the_sums_of_its_steps(reward: str) -> None:
    games, rng = 5, np.random.default_rng(4)
    env = make_games(games, level="refine", reward=reward)
    _, infos = env.reset(seed=6)
    returns, lengths, ended, finished = np.zeros(games), np.zeros(games, int), np.zeros(games, bool), 0
    for _ in range(170):
        _, r_t, over, _, infos = env.step(choose_or_pass(rng, infos["action_mask"]))
        returns, lengths = np.where(ended, 0.0, returns + r_t), np.where(ended, 0, lengths + 1)
        assert ("finished" in infos) == over.any()
        if over.any():
            np.testing.assert_array_equal(infos["_finished"], over)
            np.testing.assert_allclose(infos["finished"]["r"][over], returns[over], atol=1e-12)
            np.testing.assert_array_equal(infos["finished"]["l"][over], lengths[over])
            np.testing.assert_array_equal(infos["finished"]["l"][over], env.states["turn"][over])
            cash = company(env.states)["cash"].astype(int) - env.level.start_cash
            np.testing.assert_array_equal(infos["finished"]["score"][over], cash[over])
            np.testing.assert_array_equal(infos["is_success"][over], cash[over] > 0)
            finished += int(over.sum())
        assert not infos["is_success"][~over].any()
        ended = over
    assert finished > games


def test_infos_are_copies_that_the_next_step_leaves_alone() -> None:
    env, rng = make_games(level="refine"), np.random.default_rng(5)
    observed, infos = env.reset(seed=1)
    kept = {name: value.tobytes() for name, value in infos.items()}
    seen = observed.tobytes()
    second, r_t, _, _, now = env.step(choose_or_pass(rng, infos["action_mask"]))
    seen_second, paid = second.tobytes(), r_t.tobytes()
    for _ in range(30):
        now = env.step(choose_or_pass(rng, now["action_mask"]))[4]
    assert (seen, seen_second, paid) == (observed.tobytes(), second.tobytes(), r_t.tobytes())
    assert kept == {name: value.tobytes() for name, value in infos.items()}
    assert now["orders"][:, HAUL].sum() > 0


@pytest.mark.parametrize(
    ("actions", "said"),
    [
        ([0, 1.7], "action 1.7 is not a whole number, allowed are 0..31"),
        ([0, np.inf], "action inf is not a whole number, allowed are 0..31"),
        ([0, np.nan], "action nan is not a whole number, allowed are 0..31"),
        ([0, 32], "action 32 is outside the action space, allowed are 0..31"),
        ([-1, 0], "action -1 is outside the action space, allowed are 0..31"),
        ([0], "1 actions for 2 games"),
        ([], "0 actions for 2 games"),
    ],
)
def test_actions_that_are_none_are_refused_and_nothing_is_played(actions: list[float], said: str) -> None:
    env = WaybillVectorEnv(num_envs=2, level="haul", maps=(2**32, 2), threads=1)
    env.reset(seed=0)
    before = env.states.tobytes()
    with pytest.raises(ValueError, match=re.escape(said)):
        env.step(np.array(actions))
    assert env.states.tobytes() == before


def test_no_step_before_the_first_reset() -> None:
    env = WaybillVectorEnv(num_envs=2, level="haul", maps=(2**32, 2), threads=1)
    with pytest.raises(ValueError, match="call reset first"):
        env.step(np.zeros(2, np.int64))


def test_without_copies_observations_stay_until_the_step_after_the_next() -> None:
    envs = [WaybillVectorEnv(num_envs=4, maps=(2**32, 4), threads=1, copy=copy) for copy in (True, False)]
    (kept, infos), (lent, _) = (env.reset(seed=0) for env in envs)
    for _ in range(100):
        actions = infos["action_mask"].sum(1) - 1  # the last candidate of each game
        (kept_t, *_, infos), (lent_t, *_) = (env.step(actions) for env in envs)
        np.testing.assert_array_equal(lent, kept)
        np.testing.assert_array_equal(lent_t, kept_t)
        assert not np.shares_memory(lent, lent_t)
        kept, lent = kept_t, lent_t
