"""Exploration: groups first, then actions; schedules and ladders."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from agents.acting.exploration import EpsilonGreedy, LinearSchedule, random_legal


def draw(rows: int, mask: np.ndarray, groups: np.ndarray | None, weights: list[float] | None = None) -> np.ndarray:
    """Share of each action over many draws from one mask [A]."""
    actions = random_legal(
        generator=np.random.default_rng(0),
        mask=np.repeat(mask[None], rows, 0),
        groups=groups,
        group_weights=None if weights is None else np.array(weights),
    )
    return np.bincount(actions, minlength=len(mask)) / rows


def close(shares: np.ndarray, expected: list[float], rows: int) -> bool:
    """Within five standard errors everywhere, and exactly 0 where nothing is expected."""
    p = np.array(expected)
    return bool((np.abs(shares - p) <= 5 * np.sqrt(p * (1 - p) / rows)).all())


MASK = np.array([1, 1, 0, 1, 1, 1, 1, 0], np.int8)
GROUPS = np.array([0, 1, 1, 1, 3, 3, 3, 2], np.int8)  # group 2 has no legal action


@pytest.mark.parametrize("groups", [GROUPS, np.repeat(GROUPS[None], 40_000, 0)], ids=["shared", "per row"])
def test_groups_are_equally_likely_and_actions_within_them(groups: np.ndarray) -> None:
    shares = draw(40_000, MASK, groups)
    assert close(shares, [1 / 3, 1 / 6, 0, 1 / 6, 1 / 9, 1 / 9, 1 / 9, 0], 40_000)


def test_without_groups_all_legal_actions_are_equally_likely() -> None:
    assert close(draw(40_000, MASK, None), [1 / 6, 1 / 6, 0, 1 / 6, 1 / 6, 1 / 6, 1 / 6, 0], 40_000)


def test_group_weights() -> None:
    shares = draw(40_000, MASK, GROUPS, [1.0, 6.0, 100.0, 3.0])
    assert close(shares, [0.1, 0.3, 0, 0.3, 0.1, 0.1, 0.1, 0], 40_000)


def test_groups_beyond_the_weights_weigh_nothing() -> None:
    assert close(draw(1_000, MASK, GROUPS, [1.0]), [1, 0, 0, 0, 0, 0, 0, 0], 1_000)


def test_weights_that_rule_out_everything_at_hand_are_ignored() -> None:
    mask = np.array([1, 1, 0, 0, 0, 0, 0, 0], np.int8)
    assert close(draw(40_000, mask, GROUPS, [0.0, 0.0, 1.0, 0.0]), [0.5, 0.5, 0, 0, 0, 0, 0, 0], 40_000)


def test_everything_legal_needs_no_mask() -> None:
    generator = np.random.default_rng(0)
    groups = np.array([0] + [1] * 999)
    actions = random_legal(generator=generator, mask=None, groups=groups, shape=(20_000, 1000))
    assert close(np.array([(actions == 0).mean()]), [0.5], 20_000)
    plain = random_legal(generator=generator, mask=None, shape=(20_000, 4))
    assert close(np.bincount(plain) / 20_000, [0.25] * 4, 20_000)


def test_rows_are_independent_and_always_legal() -> None:
    """Every row has a mask and groups of its own."""
    rng = np.random.default_rng(3)
    for _ in range(200):
        mask = rng.random((13, 9)) < 0.3
        groups = rng.integers(0, 4, (13, 9)).astype(np.int8)
        actions = random_legal(generator=rng, mask=mask, groups=groups, group_weights=rng.random(4))
        has_any = mask.any(1)
        assert mask[np.arange(13), actions][has_any].all()
        assert (actions[~has_any] == 0).all()


def test_one_legal_action_is_taken() -> None:
    mask = np.eye(5, dtype=np.int8)
    assert random_legal(generator=np.random.default_rng(0), mask=mask, groups=None).tolist() == [0, 1, 2, 3, 4]


def test_no_rows_and_nothing_legal() -> None:
    rng = np.random.default_rng(0)
    assert random_legal(generator=rng, mask=np.zeros((0, 3), np.int8)).shape == (0,)
    assert random_legal(generator=rng, mask=np.zeros((2, 3), np.int8), groups=GROUPS[:3]).tolist() == [0, 0]


@pytest.mark.parametrize(("step", "value"), [(0, 1.0), (25, 0.55), (50, 0.1), (99, 0.1)])
def test_linear_schedule(step: int, value: float) -> None:
    assert LinearSchedule(start=1.0, end=0.1, steps=50)(step) == pytest.approx(value)


def test_a_schedule_over_no_steps_is_at_its_end() -> None:
    assert LinearSchedule(start=1.0, end=0.0, steps=0)(0) == 0.0


def explorer(epsilon: float, ladder: float = 0.0, **options: Any) -> EpsilonGreedy:
    schedule, generator = LinearSchedule(start=epsilon, end=epsilon, steps=1), np.random.default_rng(0)
    return EpsilonGreedy(schedule=schedule, ladder=ladder, group_weights=None, generator=generator, **options)


def test_ladder_is_that_of_apex() -> None:
    """eps = 0.4, alpha = 7, 3 games: 0.4, 0.4^4.5, 0.4^8."""
    assert explorer(0.4, ladder=7.0).epsilon(0, 3) == pytest.approx([0.4, 0.4**4.5, 0.4**8])
    assert explorer(0.4).epsilon(0, 3) == pytest.approx([0.4] * 3)
    assert explorer(0.4, ladder=7.0).epsilon(0, 1) == pytest.approx([0.4])


def test_share_of_explorers() -> None:
    chosen = explorer(0.3).explorers(0, 20_000)
    assert close(np.array([chosen.mean()]), [0.3], 20_000)
    assert not explorer(0.0).explorers(0, 1_000).any()
    assert explorer(1.0).explorers(0, 1_000).all()


def follower() -> EpsilonGreedy:
    return explorer(0.5, advised=LinearSchedule(start=0.5, end=0.0, steps=100), advised_turns=3)


def test_followers_follow_for_some_turns_on_end() -> None:
    """Lots are drawn anew every three turns; the share falls from a half to none."""
    part = follower()
    turns = [part.followers(0, 4_000) for _ in range(6)]
    assert all((turn == turns[0]).all() for turn in turns[:3])
    assert all((turn == turns[3]).all() for turn in turns[3:])
    assert close(np.array([turns[0].mean(), (turns[0] & turns[3]).mean()]), [0.5, 0.25], 4_000)
    part = follower()
    before = part.followers(0, 4_000)
    assert not (part.followers(50, 4_000) & ~before).any()  # who follows at a smaller share followed before
    assert not part.followers(100, 4_000).any()


def test_nobody_follows_without_a_share() -> None:
    assert not explorer(1.0).followers(0, 100).any()


def test_state_round_trip() -> None:
    first = follower()
    for _ in range(2):
        first.explorers(0, 7)
        first.followers(0, 7)
    second = follower()
    second.load_state_dict(first.state_dict())
    for _ in range(5):
        assert first.explorers(0, 7).tolist() == second.explorers(0, 7).tolist()
        assert first.followers(0, 7).tolist() == second.followers(0, 7).tolist()
