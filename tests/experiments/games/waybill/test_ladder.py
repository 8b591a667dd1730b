"""Games on a ladder of levels: shares, what a move up does to the rows, and that they go on as saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ladder_games import LADDER, games

from envs.waybill.core import levels
from envs.waybill.observation.layout import entities_of
from envs.waybill.vector_env import WaybillVectorEnv
from experiments.games.waybill import environments
from experiments.games.waybill.ladder import LadderGames, shares_of_games
from experiments.runs.loop import make_loop
from tiny import tiny_setup

N = 8


def first_legal(infos: dict[str, Any], rng: np.random.Generator) -> np.ndarray:
    mask = infos["action_mask"]
    return np.array([rng.choice(np.flatnonzero(row)) if row.any() else 0 for row in mask])


def test_the_ladder_is_ordered_by_rung_and_names_follow_it() -> None:
    assert levels.ladder() == ["haul", "refine", "chain", "rivals", "fog"]
    assert levels.names()[:5] == levels.ladder()
    assert [levels.load_level(name).rung for name in levels.ladder()] == [1, 2, 3, 4, 5]


def test_a_rung_says_nothing_of_the_games() -> None:
    haul = levels.load_level("haul")
    other = levels.from_mapping({**haul.numbers(), "rung": 9}, "here")
    assert other == haul
    assert other.numbers() == haul.numbers()
    with pytest.raises(ValueError, match=r"here: level haul: rung=0 is not in 1\.\.1000 or null"):
        levels.from_mapping({**haul.numbers(), "rung": 0}, "here")


@pytest.mark.parametrize(
    ("num_envs", "level_index", "share", "expected"),
    [
        (64, 0, 0.25, [64]),
        (64, 1, 0.25, [48, 16]),
        (64, 2, 0.25, [48, 8, 8]),
        (64, 3, 0.25, [48, 6, 5, 5]),
        (8, 4, 0.25, [6, 1, 1, 0, 0]),
        (8, 2, 1.0, [1, 4, 3]),
        (8, 2, 0.0, [8, 0, 0]),
        (1, 2, 0.5, [1, 0, 0]),
    ],
)
def test_shares_of_games(num_envs: int, level_index: int, share: float, expected: list[int]) -> None:
    assert shares_of_games(num_envs, level_index, share) == expected
    assert sum(expected) == num_envs


def test_all_levels_share_the_layout_of_the_one_with_most_entities(tmp_path: Path) -> None:
    setup = tiny_setup(tmp_path, *LADDER)
    env = games(tmp_path)
    assert env.layout.entities == max(entities_of(levels.load_level(name)) for name in ("haul", "refine", "chain"))
    assert setup.domain.validation(setup).env.layout == env.layout
    higher = environments.batch_env(setup, num_envs=1, maps=(0, 1), level=levels.load_level("fog"))
    assert higher.layout.entities == entities_of(levels.load_level("fog"))


def test_a_move_up_cuts_all_games_off_and_then_begins_new_ones_in_all_rows(tmp_path: Path) -> None:
    env, twin, rng = games(tmp_path), games(tmp_path), np.random.default_rng(0)
    _, infos = env.reset(seed=3)
    twin.reset(seed=3)
    for _ in range(7):
        actions = first_legal(infos, rng)
        *_, truncated, infos = env.step(actions)
        twin.step(actions)
        assert not truncated.any()
    env.move_up()
    with pytest.raises(AssertionError, match="moving up already"):
        env.move_up()
    actions = first_legal(infos, rng)
    obs, r, terminated, truncated, infos = env.step(actions)
    expected, expected_r, expected_over, _, _ = twin.step(actions)
    np.testing.assert_array_equal(obs, expected)  # the true last observations, of the old level
    np.testing.assert_array_equal(r, expected_r)
    np.testing.assert_array_equal(terminated, expected_over)
    np.testing.assert_array_equal(truncated, ~terminated)
    assert not (infos["_finished"] & ~terminated).any()  # what is cut off is no finished game
    obs, r, terminated, truncated, infos = env.step(np.zeros(N, np.int64))
    assert infos["reset"].all()
    assert not r.any()
    assert not (terminated | truncated).any()
    assert [(level.name, count) for level, count in env.active] == [("refine", 6), ("haul", 2)]
    assert obs.shape == (N, env.layout.size)
    assert infos["action_mask"][:, 0].all()
    for name, columns in env.columns.items():
        assert infos[name].shape == (N, len(columns))
    assert env.columns["made"] == ("wood", "ore", "planks", "iron", "tools")
    assert not infos["made"][:, 2:].any()
    assert (infos["made_turn"] == -1).all()
    *_, infos = env.step(np.zeros(N, np.int64))
    assert not infos["reset"].any()


def test_only_games_on_the_present_level_count_as_episodes(tmp_path: Path) -> None:
    env = games(tmp_path)
    env.reset(seed=0)
    env.move_up()
    ends = np.zeros(N, np.int64)
    counted = np.zeros(N, np.int64)
    zeros = np.zeros(N, np.int64)
    env.step(zeros)
    for _ in range(levels.load_level("refine").horizon + 2):
        *_, terminated, _, infos = env.step(zeros)
        ends += terminated
        counted += infos["_finished"]
        assert "finished" in infos or not infos["_finished"].any()
        if infos["_finished"].any():
            assert (infos["finished"]["l"][infos["_finished"]] == levels.load_level("refine").horizon).all()
    assert ends.tolist() == [1] * N
    assert counted.tolist() == [1] * 6 + [0] * 2


@pytest.mark.parametrize("saved_at", [5, 10, 11, 12, 20])
def test_saved_games_go_on_bit_for_bit_also_in_the_middle_of_a_move(saved_at: int, tmp_path: Path) -> None:
    """The move is asked for after step 10: the 11th cuts off, the 12th begins anew."""
    grows = ("actions.candidates_start=3", "steps=240", "actions.candidates_growth=1.0")
    env, other, rng = games(tmp_path, *grows), games(tmp_path, *grows), np.random.default_rng(1)
    obs, infos = env.reset(seed=0)
    for step in range(1, 31):
        actions = first_legal(infos, rng)
        if step - 1 == 10:
            env.move_up()
            if saved_at < 10:
                other.move_up()
        if step - 1 == saved_at:
            loaded, loaded_infos = other.load_state_dict(env.state_dict())
            np.testing.assert_array_equal(loaded, obs)
            np.testing.assert_array_equal(loaded_infos["action_mask"], infos["action_mask"])
        obs, *columns, infos = env.step(actions)
        if step - 1 >= saved_at:
            copy, *others, copied = other.step(actions)
            np.testing.assert_array_equal(copy, obs)
            for a, b in zip(columns, others, strict=True):
                np.testing.assert_array_equal(a, b)
            for name in ("action_mask", "action_group", "reset", "score", "stages", "_finished"):
                np.testing.assert_array_equal(copied[name], infos[name])
    assert env.level_index == other.level_index == 1


# --- candidates that grow --------------------------------------------------------------------------------------------
def test_the_limit_grows_linearly_rounded_down(tmp_path: Path) -> None:
    actions = tiny_setup(tmp_path, "actions.candidates_start=4").config.actions  # type: ignore[attr-defined]
    steps = (0, 99, 250, 499, 500, 1000)
    assert [actions.limit(step, 1000) for step in steps] == [4, 9, 18, 31, 32, 32]
    at_once = tiny_setup(tmp_path, "actions.candidates_start=4", "actions.candidates_growth=0").config
    assert at_once.actions.limit(0, 1000) == 32  # type: ignore[attr-defined]


@pytest.mark.parametrize("reducer", ["heuristic", "random_k"])
def test_there_are_never_more_candidates_than_the_limit(reducer: str, tmp_path: Path) -> None:
    setup = tiny_setup(tmp_path, f"actions={reducer}", "actions.candidates_start=2", "steps=600")
    env, rng = environments.training_env(setup), np.random.default_rng(0)
    _, infos = env.reset(seed=0)
    most, step = [], 0
    while step < 600:
        limit = setup.config.actions.limit(max(0, step - N), 600)  # type: ignore[attr-defined]
        count = infos["action_mask"].sum(1)
        assert count.max() <= limit
        most.append(int(count.max()))
        *_, infos = env.step(first_legal(infos, rng))
        step += N
    assert most[0] == 2
    assert max(most[len(most) // 2 :]) > 4


def test_a_limit_of_all_slots_changes_nothing(tmp_path: Path) -> None:
    plain = environments.training_env(tiny_setup(tmp_path))
    grown = environments.training_env(tiny_setup(tmp_path, "actions.candidates_start=32"))
    assert isinstance(plain, WaybillVectorEnv)
    assert isinstance(grown, LadderGames)
    rng = np.random.default_rng(0)
    (obs, infos), (other, _) = plain.reset(seed=4), grown.reset(seed=4)
    for _ in range(60):
        np.testing.assert_array_equal(obs, other)
        actions = first_legal(infos, rng)
        obs, *columns, infos = plain.step(actions)
        other, *others, _ = grown.step(actions)
        for a, b in zip(columns, others, strict=True):
            np.testing.assert_array_equal(a, b)


def test_candidates_grow_in_games_against_past_selves_too(tmp_path: Path) -> None:
    level = ("level=rivals", "rivals=[self]", "level.horizon=80", "actions.candidates_start=3", "steps=240")
    setup = tiny_setup(tmp_path, *level, "actions.candidates_growth=1.0")
    loop: Any = make_loop(setup, validation=setup.domain.validation(setup))
    counts = []
    for step in range(0, 240, N):
        loop._step(step)
        counts.append(int(loop.mask.sum(1).max()))
        assert counts[-1] <= setup.config.actions.limit(step, 240)  # type: ignore[attr-defined]
    assert max(counts) > 3
    assert loop.games[0].parts[0].pool.steps == [0]


def test_policies_play_no_rivals_on_a_ladder(tmp_path: Path) -> None:
    line = "^rivals=self: curriculum=ladder plays against rules only, which are random, greedy, planner$"
    with pytest.raises(ValueError, match=line):
        environments.training_env(tiny_setup(tmp_path, "level=rivals", "curriculum=ladder", "rivals=[self]"))


def test_a_ladder_may_go_without_advice_on_its_last_level(tmp_path: Path) -> None:
    usual, without = games(tmp_path), games(tmp_path, "curriculum.own_advice=false")
    for level in range(3):
        told, heard = [], []
        for env, found in ((usual, told), (without, heard)):
            _, infos = env.reset(seed=3) if not level else env.step(np.zeros(N, np.int64))[3:]
            for _ in range(12):
                found.append(infos["advice"])
                *_, infos = env.step(first_legal(infos, np.random.default_rng(1)))
            if level < 2:
                env.move_up()
                env.step(np.zeros(N, np.int64))
        own = usual.active[0][1] if level == 2 else 0
        for all_of_them, some in zip(told, heard, strict=True):
            assert (all_of_them >= 0).all()
            assert some[:own].tolist() == [-1] * own
            assert some[own:].tolist() == all_of_them[own:].tolist()
    assert 0 < own < N
