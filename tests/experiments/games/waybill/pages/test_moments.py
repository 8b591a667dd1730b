"""The moments that decided a game: each rule finds what was put into a course by hand."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from experiments.games.waybill.pages.moments import APART, MOST, Course, game_moments, pair_moments

FLAT = np.full(41, 100)


def course(own: Any = FLAT, rivals: tuple[Any, ...] = (), **changed: Any) -> Course:
    cash = np.stack([np.asarray(own), *map(np.asarray, rivals)], axis=1)
    turns = len(cash) - 1
    values: dict[str, Any] = {
        "cash": cash, "sales": np.zeros(turns + 1, int), "orders": [f"order {k}" for k in range(turns)],
        "acted": [True] * turns, "values": (), "rewards": (), "gamma": 1.0,
    }  # fmt: skip
    return Course(**{**values, **changed})


def titles(found: list[Any]) -> list[tuple[int, str]]:
    return [(moment.turn, moment.title) for moment in found]


def test_nothing_stands_out_of_a_game_in_which_nothing_happens() -> None:
    assert game_moments(course()) == []


def test_the_turn_from_which_on_more_is_earned() -> None:
    own = np.concatenate([np.full(20, 100), 100 + 5 * np.arange(21)])
    found = game_moments(course(own))
    assert titles(found) == [(20, "the greatest gain of profit")]
    assert "bring 50 coins more" in found[0].text


def test_a_turn_that_changed_nothing_is_no_gain_of_profit() -> None:
    own = np.concatenate([np.full(20, 100), 100 + 5 * np.arange(21)])
    acted = [False] * 40
    acted[12] = True
    assert titles(game_moments(course(own, acted=acted))) == [(12, "the greatest gain of profit")]


def test_the_closest_call_and_the_best_sale() -> None:
    own, sales = FLAT.copy(), np.zeros(41, int)
    own[7], sales[30] = 3, 55
    found = game_moments(course(own, sales=sales, acted=[False] * 40))
    assert titles(found) == [(7, "the closest call"), (30, "the best sale")]
    assert found[0].text == "Only 3 coins are left, of 100 at the start."


def test_the_greatest_surprise_is_the_greatest_error_of_temporal_difference() -> None:
    values, rewards = [1.0] * 40, [0.0] * 40
    values[11:] = [4.0] * 29
    found = game_moments(course(values=values, rewards=rewards, gamma=0.5))
    errors = [0.5 * after - now for now, after in zip(values, [*values[1:], 0.0], strict=True)]
    assert found[0].turn == int(np.argmax(np.abs(errors)))
    assert "starting cashes less than the policy had expected" in found[0].text


def test_the_lead_among_rivals_and_the_way_to_bankruptcy() -> None:
    rival = np.where(np.arange(41) < 25, 150, 50)
    assert (25, "the lead changes") in titles(game_moments(course(FLAT, (rival,))))
    own = np.concatenate([np.arange(100, 120), np.arange(120, 101, -1), [-1, -1]])
    found = game_moments(course(own))
    assert (20, "the way down begins") in titles(found)
    assert "went bankrupt in turn 39" in found[-1].text


def test_there_are_at_most_three_and_they_lie_apart() -> None:
    own, sales = FLAT.copy(), np.zeros(41, int)
    own[10], sales[11] = 3, 55
    values = [1.0] * 40
    values[12:] = [9.0] * 28
    found = game_moments(
        course(own, (np.where(np.arange(41) < 25, 150, 50),), sales=sales, values=values, rewards=[0.0] * 40)
    )
    turns = [moment.turn for moment in found]
    assert len(found) <= MOST
    assert all(b - a >= APART for a, b in itertools.pairwise(turns))


def test_two_games_part_and_one_gains_on_the_other() -> None:
    left = np.concatenate([FLAT[:20], np.full(21, 180)])
    other = course(FLAT[:31], orders=["order 0", "order 1", *["pass"] * 28])
    found = pair_moments(course(left), other)
    assert titles(found) == [(2, "the games part"), (10, "the greatest gain on the other"), (20, "the lead changes")]
    assert found[0].text == "Left: order 2. Right: pass."
    assert "the left player gains 80 coins" in found[1].text
