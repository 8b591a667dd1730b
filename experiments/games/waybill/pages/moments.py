"""The three moments that decided a game, found in its books, and in the policy's value where there is one.

Each rule finds at most one moment. They are asked in this order, and the first three that find something, at least
three turns apart, are the game's moments, in the order of their turns:

1. the end came early: the turn before the cash of a company that went bankrupt last stood at its highest;
2. the lead changed for the last time: the turn from which on the company had more cash than every rival, or no longer;
3. the greatest surprise: the turn after which reward plus discounted value (r + γ·max Q') missed the value expected
   (max Q) by most, for better or worse: the largest error of temporal difference (Sutton 1988);
4. the greatest gain of profit: of the turns whose order was carried out and was no PASS, the one where the profit of
   the ten turns after exceeds that of the ten turns before by most;
5. the closest call: the turn with the least cash, if it was less than a quarter of the cash at the start;
6. the best sale: the turn that brought the most coins.

They say what stands out in the figures, not what caused it. Two games on one map have moments of their own: where their
orders first differ, where one gained most on the other within ten turns, and where the lead between them last changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

MOMENT_TURNS = 10  # turns before and after
APART, MOST = 3, 3


class Moment(NamedTuple):
    """A turn that decided something: a title of a few words, and a sentence."""

    turn: int
    title: str
    text: str


class Course(NamedTuple):
    """A game of T turns in figures."""

    cash: np.ndarray  # int64 [T + 1, companies], -1 after bankruptcy
    sales: np.ndarray  # int64 [T + 1], coins of the last turn
    orders: Sequence[str]  # [T], in words
    acted: Sequence[bool]  # [T], the order was carried out and was no PASS
    values: Sequence[float]  # [T], of the best action; empty without a policy
    rewards: Sequence[float]  # [T], of training; empty without a policy
    gamma: float


def game_moments(course: Course) -> list[Moment]:
    """The three moments of a game; fewer where nothing stands out."""
    rules = (_peak_before_the_end, _last_lead, _surprise, _gain, _closest_call, _best_sale)
    found: list[Moment] = []
    for rule in rules:
        for moment in rule(course):
            if len(found) < MOST and all(abs(moment.turn - other.turn) >= APART for other in found):
                found.append(moment)
    return sorted(found)


def pair_moments(one: Course, other: Course) -> list[Moment]:
    """The moments of two games on one map, of the first player's lead over the second."""
    length = max(len(one.cash), len(other.cash))
    lead = _held(one.cash[:, 0], length) - _held(other.cash[:, 0], length)
    found = [
        Moment(turn, "the games part", f"Left: {a}. Right: {b}.")
        for turn, (a, b) in enumerate(zip(one.orders, other.orders, strict=False))
        if a != b
    ][:1]
    if length > MOMENT_TURNS:
        gains = lead[MOMENT_TURNS:] - lead[:-MOMENT_TURNS]
        turn = int(np.argmax(np.abs(gains)))
        side = "left" if gains[turn] > 0 else "right"
        text = f"Within {MOMENT_TURNS} turns the {side} player gains {abs(int(gains[turn])):,} coins on the other."
        found.append(Moment(turn, "the greatest gain on the other", text))
    found += list(_changes(np.sign(lead), "the lead changes", "the left player leads", "the right player leads"))
    return sorted(found)


def _held(cash: np.ndarray, length: int) -> np.ndarray:
    """A series drawn out to a length with its last value, as a game that is over stands still."""
    return np.concatenate([cash, np.full(length - len(cash), cash[-1])])


def _peak_before_the_end(course: Course) -> Iterator[Moment]:
    own = course.cash[:, 0]
    if own[-1] < 0:
        turn = int(len(own) - 1 - np.argmax(own[::-1]))
        end = int(np.argmax(own < 0))
        text = f"With {int(own[turn]):,} coins the company never had more again; it went bankrupt in turn {end}."
        yield Moment(turn, "the way down begins", text)


def _last_lead(course: Course) -> Iterator[Moment]:
    if course.cash.shape[1] > 1:
        lead = np.sign(course.cash[:, 0] - course.cash[:, 1:].max(axis=1))
        yield from _changes(lead, "the lead changes", "the company has the most cash", "a rival has more cash")


def _changes(signs: np.ndarray, title: str, ahead: str, behind: str) -> Iterator[Moment]:
    """The last turn in which a lead changed its side."""
    turns = np.flatnonzero(signs[1:] != signs[:-1])
    if len(turns):
        turn = int(turns[-1]) + 1
        says = ahead if signs[turn] > 0 else behind if signs[turn] < 0 else "both are equal"
        yield Moment(turn, title, f"From here to the end {says}.")


def _surprise(course: Course) -> Iterator[Moment]:
    if len(course.values) > 1:
        v, r = np.array(course.values), np.array(course.rewards)
        errors = r + course.gamma * np.append(v[1:], 0.0) - v
        turn = int(np.argmax(np.abs(errors)))
        better = "more" if errors[turn] > 0 else "less"
        missed = f"{abs(errors[turn]):.2f} starting cashes {better}"
        text = f"What came was worth {missed} than the policy had expected of: {course.orders[turn]}."
        yield Moment(turn, "the greatest surprise", text)


def _gain(course: Course) -> Iterator[Moment]:
    own, best = course.cash[:, 0], (0, 0)
    for turn in range(MOMENT_TURNS, len(own) - MOMENT_TURNS):
        rise = int((own[turn + MOMENT_TURNS] - own[turn]) - (own[turn] - own[turn - MOMENT_TURNS]))
        if course.acted[turn] and rise > best[0]:
            best = rise, turn
    rise, turn = best
    if rise > 0:
        more = f"{MOMENT_TURNS} turns after bring {rise:,} coins more than the {MOMENT_TURNS} before"
        text = f"The {more}: {course.orders[turn]}."
        yield Moment(turn, "the greatest gain of profit", text)


def _closest_call(course: Course) -> Iterator[Moment]:
    own = course.cash[:, 0]
    turn = int(np.argmin(own))
    if 0 <= own[turn] < own[0] / 4:
        text = f"Only {int(own[turn]):,} coins are left, of {int(own[0]):,} at the start."
        yield Moment(turn, "the closest call", text)


def _best_sale(course: Course) -> Iterator[Moment]:
    turn = int(np.argmax(course.sales))
    if course.sales[turn] > 0:
        yield Moment(turn, "the best sale", f"The towns pay {int(course.sales[turn]):,} coins in this turn.")
