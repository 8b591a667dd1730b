"""The invariants find what is broken: a unit, a coin or a building too many is named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from drawn_games import DrawnGame, drawn_games
from hypothesis import given, settings
from invariants import broken
from rivalry import midgame

from envs.waybill.core import state as st


def _first(kind: str) -> Callable[[Any], tuple[int, int, int]]:
    """Game, seat and number of the first thing of that kind."""

    def found(states: Any) -> tuple[int, int, int]:
        things = states["companies"][:, :3][kind]
        there = things["kind"] == st.WORKS if kind == "buildings" else things["phase"] != st.NO_CART
        return tuple(np.argwhere(there)[0].tolist())

    return found


def add(states: Any, kind: str, field: str, amount: int) -> None:
    game, seat, number = _first(kind)(states)
    states["companies"][kind][field][game, seat, number] += amount


HARM: dict[str, Callable[[Any], object]] = {
    "every coin is booked": lambda s: np.add.at(s["companies"]["cash"], (0, 0), 1),
    "every unit is booked": lambda s: add(s, "buildings", "stock", 1),
    "what was dug came from deposits": lambda s: np.add.at(s["renewed"], (0, 0), 1),
    "reserves are between none and full": lambda s: np.add.at(s["reserve"], (0, 0), 1000),
    "markets hold no more than was sold": lambda s: np.add.at(s["glut"], (0, 0, 0), 10**6),
    "who is bankrupt is in debt, and nobody else": lambda s: np.add.at(s["companies"]["bankrupt"], (0, 0), 1),
    "stores hold what they can": lambda s: add(s, "buildings", "stock", 10_000),
    "workshops hold what they can": lambda s: add(s, "buildings", "inputs", -1000),
    "carts hold what they can": lambda s: add(s, "carts", "load", 500),
    "no more carts than allowed": lambda s: np.add.at(s["companies"]["n_carts"], (0, 0), 99),
    "carts are on their way": lambda s: add(s, "carts", "leg_left", -10_000),
    "units sell at prices between nothing and the highest": lambda s: np.add.at(
        s["companies"]["cash_ledger"], (0, 0, st.SALES), 10**8
    ),
    "seat 1 holds the deposits it digs": lambda s: s["owner"].__setitem__((slice(None), 0), 1),
    "games end at the horizon, or when all are bankrupt": lambda s: s["done"].__setitem__(0, 1),
    "the map is the one that the game names": lambda s: np.add.at(s["map_seed"], 0, 7),
    "nobody sits in other seats": lambda s: np.add.at(s["companies"]["cash_ledger"], (0, 3, 0), 7),
    "goods beyond the level's are none": lambda s: np.add.at(s["companies"]["goods_ledger"], (0, 0, 7, 0), 7),
    "no more buildings than allowed": lambda s: s["companies"]["buildings"]["kind"].__setitem__((0, 0), st.WORKS),
    "what earns coins was sold": lambda s: s["companies"]["goods_ledger"].__setitem__((..., st.SOLD), 0),
}


@pytest.mark.parametrize("name", HARM)
def test_what_is_broken_is_named(name: str) -> None:
    play = midgame()
    states = play.states.copy()
    assert broken(play.level, play.pool, states) == []
    HARM[name](states)
    assert name in [fault.partition(":")[0] for fault in broken(play.level, play.pool, states)]


SEEN: Counter[str] = Counter()


@settings(max_examples=400)  # enough that rare things come, whatever is drawn
@given(drawn_games())
def play_and_note(game: DrawnGame) -> None:
    """What happens in the drawn games: that they are not idle."""
    play = game.begun()
    for turn in range(len(game.turns)):
        play.step(game.orders(play, turn)[None])
    me = play.states["companies"][0, : play.seats]
    SEEN["games"] += 1
    SEEN["sold"] += me["cash_ledger"][:, st.SALES].max() > 0
    SEEN["refined"] += me["goods_ledger"][:, :, st.PRODUCED].max() > 0
    SEEN["lost"] += me["goods_ledger"][:, :, st.LOST].min() < 0
    SEEN["cleared"] += me["orders"][:, st.DISMANTLE].max() > 0
    SEEN["bankrupt"] += me["bankrupt"].max() > 0
    SEEN["refused"] += me["illegal"].max() > 0
    SEEN["in company"] += play.seats > 1


def test_drawn_games_are_not_idle() -> None:
    SEEN.clear()
    play_and_note()
    assert SEEN["games"] >= 400
    for told in ("sold", "refined", "lost", "cleared", "bankrupt", "refused", "in company"):
        assert SEEN[told] >= 2, (told, SEEN)
