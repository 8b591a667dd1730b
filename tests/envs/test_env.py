"""One game as a Gymnasium environment: the checkers of Gymnasium and SB3 on every choice of parts, seeds, errors."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import yaml
from gymnasium.utils.env_checker import check_env as check_as_gymnasium
from handmade import company
from stable_baselines3.common.env_checker import check_env as check_as_sb3

import envs  # noqa: F401 - registers the ids
from envs.waybill.actions import reducers
from envs.waybill.actions.raw import encode
from envs.waybill.core import levels
from envs.waybill.core.parts import parts_of
from envs.waybill.core.state import EXTRACT, HAUL, PASS, VERBS
from envs.waybill.env import WaybillEnv
from envs.waybill.maps.pool import TRAIN_SEEDS
from envs.waybill.observation.reference_points import DISTANCE_METRICS, POINTS
from envs.waybill.players.play import play_games
from envs.waybill.vector_env import WaybillVectorEnv

CONF = Path(__file__).resolve().parents[2] / "conf"
MAPS = (TRAIN_SEEDS, 4)
IDS = sorted(name for name in gymnasium.registry if name.startswith("waybill/"))
# What the checkers say of any environment with an unbounded observation.
HARMLESS = (r".*A Box observation space (minimum|maximum) value is -?infinity.*",)


def parts(group: str) -> dict[str, dict[str, Any]]:
    """The config files of a group, name → values."""
    found = {path.stem: yaml.safe_load(path.read_text()) for path in sorted((CONF / group).glob("*.yaml"))}
    assert found, group
    return found


def encodings() -> list[tuple[str, dict[str, Any]]]:
    """Every encoding with the options of its file."""
    return [(name, values.get("options", {})) for name, values in parts("encoding").items()]


def level_of(id: str) -> levels.LevelConfig:
    return levels.load_level(id.removeprefix("waybill/").removesuffix("-v0").lower())


def fits(id: str, actions: str, encoding: str) -> bool:
    """Whether a level's raw space can be looked at as a whole, and its sites may be told of."""
    level = level_of(id)
    small = actions not in ("full", "masked") or level.n_raw_actions < 600_000
    return small and (encoding != "pairwise" or level.sight == 0)


PLACES = ("reference_points", {"points": "fixed"})
HAUL_ID = "waybill/Haul-v0"
# All parts with one another on the smallest level, and every part on every level.
COMBINATIONS = [
    (*names, *encoding)
    for *names, encoding in [
        *itertools.product([HAUL_ID], parts("reward"), parts("actions"), encodings()),
        *itertools.product(IDS, parts("reward"), ["heuristic"], [PLACES]),
        *itertools.product(IDS, ["shaped"], parts("actions"), [PLACES]),
        *itertools.product(IDS, ["shaped"], ["heuristic", "buckets"], encodings()),
    ]
    if fits(names[0], names[2], encoding[0])
] + [
    (IDS[-1], "shaped", "heuristic", "reference_points", {"metric": metric, "points": points, "count": 3})
    for metric, points in itertools.product(DISTANCE_METRICS, POINTS)
]


def make(**changed: Any) -> WaybillEnv:
    env = gymnasium.make(f"envs:{changed.pop('id', 'waybill/Haul-v0')}", maps=MAPS, candidates=6, **changed)
    return env.unwrapped  # type: ignore[return-value]


def test_every_level_file_and_no_other_has_an_id() -> None:
    assert sorted(f"waybill/{name.capitalize()}-v0" for name in levels.names()) == IDS


@pytest.mark.parametrize(("name", "reward", "actions", "encoding", "options"), COMBINATIONS)
def test_checkers_of_gymnasium_and_sb3_are_content(
    name: str, reward: str, actions: str, encoding: str, options: dict[str, Any]
) -> None:
    env = make(id=name, reward=reward, actions=actions, encoding=encoding, encoding_options=options)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for message in HARMLESS:
            warnings.filterwarnings("ignore", message)
        check_as_gymnasium(env, skip_render_check=True)
        check_as_sb3(env, skip_render_check=True)
    assert env.observation_space.shape == (env.layout.size,)
    assert (env.layout.candidates > 0) == (actions in parts_of(reducers))


@pytest.mark.parametrize("name", IDS)
def test_both_ways_to_draw_it(name: str) -> None:
    for mode in ("ansi", "rgb_array"):
        env = make(id=name, render_mode=mode)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for message in HARMLESS:
                warnings.filterwarnings("ignore", message)
            check_as_gymnasium(env)
        env.reset(seed=2)
        first = env.render()
        env.step(int(np.flatnonzero(env.action_masks())[-1]))
        second = env.render()
        if mode == "ansi":
            assert isinstance(first, str)
            assert first.count("\n") >= env.level.side
            assert first != second
        else:
            assert isinstance(first, np.ndarray)
            assert first.dtype == np.uint8
            assert first.ndim == 3
            assert first.shape[2] == 3
            assert len(np.unique(first)) > 8
            assert isinstance(second, np.ndarray)
            assert (first != second).any()
    assert make(id=name).render() is None


@pytest.mark.parametrize("actions", parts("actions"))
def test_masks_are_int8_and_can_be_drawn_from(actions: str) -> None:
    env = make(actions=actions)
    _, info = env.reset(seed=4)
    assert isinstance(env.action_space, gymnasium.spaces.Discrete)
    env.action_space.seed(1)
    for _ in range(12):
        mask = info["action_mask"]
        assert mask.dtype == np.int8
        assert mask.shape == (env.action_space.n,)
        assert set(np.unique(mask)) <= {0, 1}
        assert mask[0] == 1  # PASS is always legal
        assert env.action_masks().dtype == np.bool_
        np.testing.assert_array_equal(env.action_masks(), mask != 0)
        action = env.action_space.sample(mask=mask)
        assert mask[action] == 1
        _, _, over, _, info = env.step(action)
        assert actions == "full" or info["illegal"] == 0
        if over:
            break
    assert env.mask_is_constant == (actions == "full")


def test_a_group_is_the_verb_of_an_action() -> None:
    env = make(actions="heuristic", id="waybill/Refine-v0")
    _, info = env.reset(seed=4)
    assert env.action_groups is None
    verbs = env.batch.space.orders["verb"][0]
    filled = info["action_mask"] == 1
    np.testing.assert_array_equal(info["action_group"][filled], verbs[filled])
    assert info["action_group"].dtype == np.int8
    assert VERBS[info["action_group"][0]] == "pass"
    assert EXTRACT in info["action_group"]
    env = make(actions="masked")
    _, info = env.reset(seed=4)
    assert "action_group" not in info
    groups, tiles = env.action_groups, env.level.side**2
    assert groups is not None
    assert groups.dtype == np.int8
    assert groups[[0, 1, tiles, tiles + 1]].tolist() == [PASS, EXTRACT, EXTRACT, HAUL]  # haul has no recipes
    assert np.bincount(groups, minlength=5).tolist() == [1, tiles, 0, 6 * tiles**2, tiles]


def test_a_seed_is_a_game() -> None:
    env, other = make(actions="random_k"), make(actions="random_k")
    first, info = env.reset(seed=7)
    np.testing.assert_array_equal(first, other.reset(seed=7)[0])
    env.step(1)
    again, info_again = env.reset(seed=7)
    np.testing.assert_array_equal(first, again)
    assert info["map_seed"] == info_again["map_seed"]
    later = [env.reset()[0] for _ in range(3)]
    other.reset(seed=7)
    for want in later:  # games after a seed follow from it
        np.testing.assert_array_equal(want, other.reset()[0])
    assert len({env.reset(seed=seed)[0].tobytes() for seed in range(24)}) > 8  # 4 maps, candidates by seed
    assert {env.reset(seed=seed)[1]["map_seed"] for seed in range(48)} == set(range(TRAIN_SEEDS, TRAIN_SEEDS + 4))


def test_a_map_can_be_asked_for() -> None:
    env = make(encoding="reference_points")
    observed, info = env.reset(seed=3, options={"map_seed": 12345})
    assert info["map_seed"] == 12345
    other = WaybillEnv(level="haul", maps=(12345, 1), candidates=6)
    np.testing.assert_array_equal(observed, other.reset(seed=3)[0])
    for _ in range(5):
        np.testing.assert_array_equal(env.step(1)[0], other.step(1)[0])
    assert env.reset(seed=3)[1]["map_seed"] in range(TRAIN_SEEDS, TRAIN_SEEDS + 4)  # and is not kept
    assert env.reset(options={"map_seed": 0})[1]["map_seed"] == 0


def test_what_an_episode_was_worth_and_whether_it_succeeded() -> None:
    """The greedy player's orders, given as raw actions, end with the same score as in its own games."""
    level, first = levels.load_level("haul"), 2**31
    games = play_games("greedy", level, np.arange(first, first + 4, dtype=np.uint64), threads=1)
    assert (games.score > 0).all()
    for number in range(4):
        env = WaybillEnv(level="haul", actions="full", reward="cash", maps=(first + number, 1))
        _, info = env.reset(seed=0)
        rewards, turns, over = [], 0, False
        while not over:
            assert info["is_success"] is False
            action = encode(level.record()[0], games.orders[number, turns])
            _, reward, over, truncated, info = env.step(action)
            assert truncated is False
            rewards.append(reward)
            turns += 1
        assert info["score"] == games.score[number] == company(env.state)["cash"] - level.start_cash
        assert info["is_success"] is True
        assert info["bankrupt"] is False
        assert info["illegal"] == 0
        assert info["orders"].sum() == turns == level.horizon
        assert info["finished"] == {"r": pytest.approx(sum(rewards)), "l": turns, "score": info["score"]}
        assert info["finished"]["r"] == pytest.approx(info["score"] / level.start_cash)
        assert info["stages"].tolist() == [True] * 3
    assert env.columns["stages"] == ("extractor", "dig", "sell")
    assert env.columns["workshops"] == ()


def test_going_bankrupt_is_an_end_and_no_success() -> None:
    env = make(actions="full", level=levels.LevelConfig(
        name="dear", side=8, deposits=2, towns=1, raw_goods=["ore"], refined_goods=[], prices={"ore": 5}, horizon=50,
        start_cash=41, train_steps=1, extractor_cost=40, extractor_upkeep=1,
    ))  # fmt: skip
    env.reset(seed=0)
    tile = int(env.batch.pool.site_tile[env.state["map"], 0])
    _, _, over, _, info = env.step(1 + tile)  # 41 - 40 - 1 = 0 coins: not bankrupt yet
    assert (over, info["bankrupt"], info["score"]) == (False, False, -41)
    _, _, over, truncated, info = env.step(0)
    assert (over, truncated, info["bankrupt"], info["score"], info["is_success"]) == (True, False, True, -42, False)
    assert info["finished"]["l"] == 2


def after_the_end() -> None:
    env = make()
    env.reset(seed=0)
    while not env.step(0)[2]:
        pass
    env.step(0)


def one_step(action: int) -> None:
    env = make()
    env.reset(seed=0)
    env.step(action)


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        (lambda: make().reset(options={"mapseed": 1}), ["'mapseed'", "map_seed"]),
        (lambda: one_step(6), ["action 6", "0..5"]),
        (lambda: one_step(-1), ["action -1", "0..5"]),
        (after_the_end, ["over", "reset"]),
        (lambda: make(reward="shapd"), ["reward='shapd'", "cash", "milestone", "shaped", "sparse"]),
        (lambda: make(actions="heuristics"), ["actions='heuristics'", "buckets", "full", "heuristic", "masked"]),
        (lambda: make(encoding="onehot"), ["encoding='onehot'", "coordinates", "fourier", "one_hot", "pairwise"]),
        (lambda: make(actions="buckets", cells=10), ["cells=10", "1..9", "haul"]),
        (lambda: make(encoding_options={"metric": "taxi"}), ["metric='taxi'", "travel", "straight"]),
        (lambda: make(level="hall"), ["'hall'", "haul", "refine"]),
        (lambda: WaybillEnv(render_mode="human", maps=MAPS), ["render_mode='human'", "ansi", "rgb_array"]),
        (lambda: make(gamma=1.5), ["gamma=1.5", "0..1"]),
        (lambda: make(rewrd="cash"), ["WaybillEnv", "'rewrd'", "reward", "encoding_options", "seat", "render_mode"]),
        (lambda: gymnasium.make("waybill/Haul-v0", rewrd="cash"), ["WaybillEnv", "'rewrd'", "reward"]),
        (lambda: WaybillVectorEnv(seed=1), ["WaybillVectorEnv", "'seed'", "num_envs", "whole_games", "reward"]),
        (lambda: WaybillEnv(candidates=1, maps=MAPS), ["candidates=1", "2..256"]),
        (lambda: WaybillEnv(candidates=257, maps=MAPS), ["candidates=257", "2..256"]),
        (lambda: WaybillEnv(maps=(-1, 4)), ["maps=(-1, 4)"]),
        (lambda: WaybillEnv(maps=(0, 0)), ["maps=(0, 0)"]),
        (lambda: WaybillVectorEnv(num_envs=0, maps=MAPS), ["num_envs=0", "1"]),
        (lambda: WaybillVectorEnv(num_envs=5, maps=MAPS, in_order=True), ["maps=", "one a game"]),
        (lambda: WaybillVectorEnv(maps=MAPS, render_mode="ansi"), ["render_mode='ansi'", "gymnasium.make"]),
        (lambda: WaybillVectorEnv(num_envs=2, maps=MAPS).step(np.zeros(3, int)), ["3 actions for 2 games"]),
    ],
)
def test_a_mistake_is_one_line_that_names_it(mistake: Callable[[], Any], said: list[str]) -> None:
    with pytest.raises(ValueError, match=".") as caught:
        mistake()
    line = str(caught.value)
    assert "\n" not in line
    for word in said:
        assert word in line
