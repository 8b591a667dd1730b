"""States that are kept and set back: the same actions give the same to the bit, whatever was played in between."""

from __future__ import annotations

import dataclasses
import pickle
import re
from typing import Any

import numpy as np
import pytest
from batches import MAPS, choose_or_pass, make_games

from envs.waybill.core.levels import LevelConfig, load_level
from envs.waybill.env import WaybillEnv
from envs.waybill.game_state import GameState
from envs.waybill.vector_env import WaybillVectorEnv
from groundwork.errors import WaybillError

ACTIONS = ("heuristic", "random_k", "masked", "buckets", "full")


def level_of(name: str, **numbers: Any) -> LevelConfig:
    """A level made short; ``planned`` is one with a rival that plans ahead, in fog."""
    if name == "planned":
        numbers = {"rivals": ["planner", "random", "greedy"], "sight": 9, "planner_effort": 1, **numbers}
        return dataclasses.replace(load_level("refine"), name=name, horizon=14, **numbers)
    return dataclasses.replace(load_level(name), horizon=14, **numbers)


def make_game(level: str | LevelConfig = "haul", **changed: Any) -> WaybillEnv:
    level = level_of(level) if isinstance(level, str) else level
    return WaybillEnv(**{"level": level, "maps": MAPS, "candidates": 8, **changed})


def same(a: Any, b: Any) -> None:
    """Nested results are equal to the bit, their types included."""
    assert type(a) is type(b)
    if isinstance(a, dict):
        assert a.keys() == b.keys()
        for key in a:
            same(a[key], b[key])
    elif isinstance(a, tuple | list):
        assert len(a) == len(b)
        for one, other in zip(a, b, strict=True):
            same(one, other)
    elif isinstance(a, np.ndarray):
        assert a.dtype == b.dtype
        assert a.tobytes() == b.tobytes()
    else:
        assert a == b


def played(env: WaybillEnv, seed: int, turns: int = 100) -> list[Any]:
    """What random legal actions give from here on, to the end at most."""
    rng, results = np.random.default_rng(seed), []
    while len(results) < turns and not (results and results[-1][2]):
        mask = env.action_masks()
        results.append(env.step(int(choose_or_pass(rng, mask[None])[0])))
    return results


@pytest.mark.parametrize("actions", ACTIONS)
@pytest.mark.parametrize("level", ["haul", "planned"])
@pytest.mark.parametrize("reward", ["shaped", "milestone"])
def test_the_same_actions_give_the_same_after_a_game_was_set_back(level: str, actions: str, reward: str) -> None:
    env = make_game(level, actions=actions, reward=reward, dated=level == "planned", cells=3)
    start = env.reset(seed=3)
    first, begun = env.get_state(), played(env, 1, 5)
    state, rest = env.get_state(), played(env, 2)
    assert rest[-1][2], "to the end"
    same(env.set_state(state), (begun[-1][0], begun[-1][4]))
    same(played(env, 2), rest)
    env.reset(seed=9)
    played(env, 3)
    told = env.set_state(first)
    same(told[0], start[0])
    same([told[1][key] for key in told[1]], [start[1][key] for key in told[1]])
    same(played(env, 1, 5), begun)
    assert env.get_state() == state
    same(played(env, 2), rest)


def test_a_state_goes_into_an_environment_of_the_same_kind_and_a_batch() -> None:
    env, other = make_game(), make_game(maps=(0, 2))
    env.reset(seed=3)
    played(env, 1, 4)
    state = env.get_state()
    rest = played(env, 2)
    last = env.get_state()
    other.set_state(pickle.loads(pickle.dumps(state)))
    same(played(other, 2), rest)
    batch = make_games(3, level=level_of("haul"), maps=(0, 8))
    batch.reset(seed=1)
    others = batch.get_state([0, 2])
    observed, infos = batch.set_state([state], [1])
    assert observed[1].tobytes() != observed[0].tobytes()
    assert batch.get_state([0, 2]) == others
    rng = np.random.default_rng(2)
    for step in rest:
        actions = np.array([0, choose_or_pass(rng, infos["action_mask"][[1]])[0], 0])
        observed, reward, over, _, infos = batch.step(actions)
        assert observed[1].tobytes() == step[0].tobytes()
        assert (reward[1], over[1]) == step[1:3]
        assert infos["potential"][1] == step[4]["potential"]
    assert infos["finished"]["r"][1] == rest[-1][4]["finished"]["r"]
    assert infos["finished"]["l"][1] == rest[-1][4]["finished"]["l"] == 14
    assert dataclasses.replace(batch.get_state([1])[0], seed=last.seed) == last


@pytest.mark.parametrize("seats", [(0,), (2, 0)])
@pytest.mark.parametrize("whole", [False, True])
def test_batches_go_on_past_the_ends_of_games(seats: tuple[int, ...], whole: bool) -> None:
    level = level_of("planned", start_cash=60)
    games = make_games(3, level=level, seats=seats, whole_games=whole, in_order=True, maps=(0, 3))

    def go_on(infos: dict[str, Any]) -> list[Any]:
        rng, results = np.random.default_rng(4), []
        for _ in range(40):
            results.append(games.step(choose_or_pass(rng, infos["action_mask"])))
            infos = results[-1][4]
        return results

    _, infos = games.reset(seed=3)
    for _ in range(17):
        step = games.step(choose_or_pass(np.random.default_rng(1), infos["action_mask"]))
        infos = step[4]
    states = games.get_state()
    assert len(set(states)) == 3
    rest = go_on(infos)
    observed, told = games.set_state(states)
    assert observed.tobytes() == step[0].tobytes()
    same({**told, "reset": infos["reset"]}, infos)
    assert not told["reset"].any()
    same(go_on(told), rest)


def test_what_was_given_out_before_stays_as_it_was() -> None:
    games = make_games(2)
    _, infos = games.reset(seed=1)
    states = games.get_state()
    observed, reward, _, _, infos = games.step(infos["advice"])
    kept = pickle.dumps((observed, reward, infos))
    hashes = [hash(state) for state in states]
    games.set_state(states[::-1])
    games.step(np.zeros(2, np.int64))
    assert pickle.dumps((observed, reward, infos)) == kept
    assert [hash(state) for state in states] == hashes
    assert games.get_state() != states


def test_a_state_is_a_value() -> None:
    env = make_game("planned")
    env.reset(seed=1)
    first, again = env.get_state(), env.get_state()
    assert first == again
    assert len({first, again, pickle.loads(pickle.dumps(first))}) == 1
    env.step(0)
    assert env.get_state() != first
    assert first.record()["turn"].tolist() == [0]
    first.record()["turn"] = 5  # a copy
    assert first.record()["turn"].tolist() == [0]
    assert len(first.plans) == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        first.seed = 3  # type: ignore[misc]


def test_a_map_chosen_for_one_game_is_there_again_and_leaves_the_pool_as_it_was() -> None:
    env = make_game()
    env.reset(seed=1, options={"map_seed": 77})
    state, rest = env.get_state(), played(env, 5)
    first = env.reset(seed=2)
    env.set_state(state)
    same(played(env, 5), rest)
    same(env.reset(seed=2), first)


def test_maps_that_a_batch_no_longer_has_are_made_again() -> None:
    games = make_games(4, maps=(0, 5), in_order=False)
    games.reset(seed=1)
    states = games.get_state()
    results = [games.step(np.zeros(4, np.int64)) for _ in range(3)]
    games.reset(seed=100)
    for _ in range(3):
        games.batch.refill_maps()
        games.reset(seed=200)
    assert not set(games.batch.pool.seed.tolist()) & {0, 1, 2, 3, 4} or games.batch.pool.seed.max() >= 5
    games.set_state(states)
    seeds = games.batch.pool.seed[games.states["map"]]
    np.testing.assert_array_equal(seeds, games.states["map_seed"])
    again = [games.step(np.zeros(4, np.int64)) for _ in range(3)]
    for one, other in zip(results, again, strict=True):
        same(one, other)


def test_a_pool_with_too_few_rows_says_so_and_nothing_changes() -> None:
    one, other = make_games(2, maps=(0, 1)), make_games(2, maps=(5, 2), in_order=True)
    one.reset(seed=1)
    other.reset(seed=1)
    before = one.get_state()
    with pytest.raises(WaybillError, match=r"^set_state: 2 maps are not in the pool, and 1 of its 1 are free; maps="):
        one.set_state(other.get_state())
    assert one.get_state() == before


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"level": level_of("refine")}, "level=refine, this environment level=haul; a state fits"),
        ({"level": level_of("haul", start_cash=151)}, "level's numbers="),
        ({"reward": "sparse"}, "reward=sparse, this environment reward=shaped"),
        ({"gamma": 0.5}, "gamma=0.5, this environment gamma=0.99"),
        ({"actions": "masked"}, "actions=masked, this environment actions=heuristic"),
        ({"candidates": 9}, "candidates=9, this environment candidates=8"),
        ({"encoding_options": {"count": 3}}, 'encoding_options={"count": 3}, this environment encoding_options={}'),
    ],
)
def test_a_state_of_another_kind_of_game_is_refused(changed: dict[str, Any], told: str) -> None:
    env, other = make_game(), make_game(**changed)
    env.reset(seed=1)
    other.reset(seed=1)
    before = env.get_state()
    with pytest.raises(WaybillError, match=re.escape(told)) as error:
        env.set_state(other.get_state())
    assert "\n" not in str(error.value)
    assert env.get_state() == before


def test_a_state_of_other_rules_or_seats_or_another_number_of_candidates_is_refused() -> None:
    games = make_games(2, level=level_of("rivals"), seats=(0,))
    games.reset(seed=1)
    state = games.get_state([0])[0]
    older = tuple((name, "0" * 16 if name == "rules" else value) for name, value in state.made_of)
    for wrong, told in (
        (dataclasses.replace(state, made_of=older), "the state has rules=0000000000000000, this environment rules="),
        (dataclasses.replace(state, game=state.game[:-1]), "game of the state is not as get_state gave it"),
        (dataclasses.replace(state, seed=-1), "seed of the state is not as get_state gave it"),
        (dataclasses.replace(state, returns=(1,)), "returns of the state is not as get_state gave it"),
        (dataclasses.replace(state, plans=(b"",)), "plans of the state is not as get_state gave it"),
        (dataclasses.replace(state, made_of=7), "made_of of the state is not as get_state gave it"),
        (state.game, "a bytes is no state that get_state gave"),
        (None, "a NoneType is no state"),
    ):
        with pytest.raises(WaybillError, match=re.escape(told)):
            games.set_state([state, wrong])
    games.batch.space.limit = 5
    with pytest.raises(WaybillError, match="has candidates in use=8, this environment candidates in use=5"):
        games.set_state([state], [0])
    both = make_games(1, level=level_of("rivals"), seats=(0, 1))
    both.reset(seed=1)
    with pytest.raises(WaybillError, match=re.escape("has seats=[0], this environment seats=[0, 1]")):
        both.set_state([state])


def test_games_are_named_by_numbers_that_exist_and_once() -> None:
    games = make_games(3)
    with pytest.raises(WaybillError, match="get_state: no game has begun, call reset first"):
        games.get_state()
    with pytest.raises(WaybillError, match="get_state: no game has begun, call reset first"):
        make_game().get_state()
    games.reset(seed=1)
    states: list[GameState] = games.get_state()
    for wrong in (3, -1, "a", 0.5):
        with pytest.raises(WaybillError, match=re.escape(f"get_state: game {wrong!r} is not one of 0..2")):
            games.get_state([wrong])  # type: ignore[list-item]
    with pytest.raises(WaybillError, match=re.escape("get_state: games=1, allowed are lists of numbers of games")):
        games.get_state(1)  # type: ignore[arg-type]
    with pytest.raises(WaybillError, match="set_state: a GameState, allowed are lists of states"):
        games.set_state(states[0])  # type: ignore[arg-type]
    with pytest.raises(WaybillError, match=re.escape("set_state: 3 states for the games [1], each needs one")):
        games.set_state(states, [1])
    with pytest.raises(WaybillError, match=re.escape("set_state: 2 states for the games [1, 1], each needs one")):
        games.set_state(states[:2], [1, 1])
    fresh = make_games(3)
    with pytest.raises(WaybillError, match="the other games have not begun, call reset first"):
        fresh.set_state(states[:1], [1])
    fresh.set_state(states)
    assert fresh.get_state() == states
    fresh.set_state([], [])
    assert isinstance(fresh, WaybillVectorEnv)
