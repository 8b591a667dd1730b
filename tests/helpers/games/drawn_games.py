"""Levels and games that Hypothesis draws: within what a level may say, and the smallest of them are small indeed."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from handmade import Play
from hypothesis import reject
from hypothesis import strategies as some

from envs.waybill.actions.legal import legal_orders
from envs.waybill.core import state as st
from envs.waybill.core.levels import LevelConfig, RecipeConfig, TerrainConfig
from envs.waybill.maps.pool import make_pool
from envs.waybill.players.scripted import decide_scripted
from groundwork.errors import WaybillError

RAW, REFINED = ["wood", "ore", "clay", "coal"], ["planks", "iron", "bricks", "tools"]
NUMBERS: dict[str, tuple[int, ...]] = {  # usual values, then the ends of what is allowed
    "start_cash": (400, 30, 3000, 1, 100_000), "max_buildings": (4, 16, 1), "max_carts": (3, 16, 1),
    "extractor_cost": (40, 1, 10_000), "extractor_lead": (1, 0, 1000), "extractor_upkeep": (1, 0, 1000),
    "workshop_cost": (50, 1, 10_000), "workshop_lead": (1, 0, 1000), "workshop_upkeep": (1, 0, 1000),
    "cart_cost": (20, 1, 10_000), "cart_upkeep": (1, 0, 1000), "cart_capacity": (4, 1, 1000),
    "cart_speed": (6, 1, 1000),
    "refund_percent": (50, 0, 99), "dig_rate": (3, 1, 100), "store": (12, 4, 10_000), "reserve": (20, 1, 30_000),
    "renew_turns": (2, 1, 10_000), "price_spread_percent": (30, 0, 90), "market_depth": (5, 1, 10_000),
    "market_turns": (5, 1, 10_000), "sight": (0, 4, 1000), "horizon": (40, 2, 9, 2000),
}  # fmt: skip


@some.composite
def levels(draw: some.DrawFn, *, most_rivals: int = 3) -> LevelConfig:
    """A level: the usual numbers, but for some that are at the ends of what is allowed."""
    raw, refined = RAW[: draw(some.integers(1, 3))], REFINED[: draw(some.integers(0, 3))]
    recipes = []
    for place, output in enumerate(refined):
        before = [*raw, *refined[:place]]
        inputs = draw(some.lists(some.sampled_from(before), min_size=1, max_size=2, unique=True))
        units = some.integers(1, 4)
        recipes.append(RecipeConfig({good: draw(units) for good in inputs}, output, draw(units)))
    prices = {good: draw(some.sampled_from([8, 0, 90, 1000])) for good in [*raw, *refined]}
    odd = draw(some.sets(some.sampled_from(sorted(NUMBERS)), max_size=6))
    numbers = {key: draw(some.sampled_from(NUMBERS[key])) if key in odd else NUMBERS[key][0] for key in NUMBERS}
    water = draw(some.sampled_from([0, 14, 40]))
    try:
        return LevelConfig(
            name="drawn", side=draw(some.sampled_from([6, 8, 11])), deposits=len(raw), towns=draw(some.integers(1, 2)),
            raw_goods=raw, refined_goods=refined, prices=prices, recipes=recipes, train_steps=1,
            rivals=["greedy"] * draw(some.integers(0, most_rivals)), terrain=TerrainConfig(water_percent=water),
            **numbers,
        )  # fmt: skip
    except WaybillError:
        reject()


class DrawnGame(NamedTuple):
    """A game to be played: for each turn a choice of each seat."""

    level: LevelConfig
    map_seed: int
    turns: list[list[tuple[int, int]]]

    def begun(self) -> Play:
        """The game at its start."""
        return Play(self.level, make_pool(self.level.record(), np.array([self.map_seed], np.uint64)))

    def orders(self, play: Play, turn: int) -> np.ndarray:
        """The orders of all companies now, ORDER [seats]."""
        chosen = self.turns[turn][: play.seats]
        return np.concatenate([chosen_order(play, seat, *choice) for seat, choice in enumerate(chosen)])


SENSIBLE, ANY_VERB = len(st.VERBS), len(st.VERBS) + 1  # what greedy play would do; any numbers in an order's fields


def chosen_order(play: Play, seat: int, verb: int, number: int) -> np.ndarray:
    """The ``number``-th legal order of a verb for a seat of game 0, PASS if there is none: ORDER [1].

    ``SENSIBLE`` is what greedy play does; ``ANY_VERB`` an order whose fields are digits of the number, so mostly one
    that is not legal.
    """
    order = st.records(1, st.ORDER)
    if verb == SENSIBLE:
        ruled = st.records(play.seats, st.ORDER).reshape(1, -1)
        play.scratch.script[:] = st.GREEDY
        decide_scripted(play.states, play.pool, play.record, play.scratch, ruled, 0, 1)
        return ruled[0, seat : seat + 1]
    if verb == ANY_VERB:
        tiles = play.level.side**2 + 2
        order["verb"], order["recipe"], order["cart"] = number % 7, number // 7 % 6 - 1, number // 42 % 19 - 2
        order["tile"], order["target"] = number // 798 % tiles - 1, number // 798 // tiles % tiles - 1
        return order
    legal = legal_orders(play.states[:1], seat, play.pool, play.record)
    legal = legal[legal["verb"] == verb]
    return legal[number % len(legal)].reshape(1) if len(legal) else order


def choices_of_turn() -> some.SearchStrategy[list[tuple[int, int]]]:
    """A choice for each of ``MAX_SEATS`` seats."""
    ruled = [SENSIBLE] * 6
    verbs = some.sampled_from([st.PASS, *ruled, st.EXTRACT, st.HAUL, st.WORKSHOP, st.HAUL, st.DISMANTLE, ANY_VERB])
    return some.lists(some.tuples(verbs, some.integers(0, 10**7)), min_size=st.MAX_SEATS, max_size=st.MAX_SEATS)


def drawn_games(most_turns: int = 30, **limits: Any) -> some.SearchStrategy[DrawnGame]:
    """Games of at most so many turns on drawn levels."""
    length = some.sampled_from([0, most_turns // 2])  # long ones are rare otherwise
    turns = length.flatmap(lambda least: some.lists(choices_of_turn(), min_size=least, max_size=most_turns))
    return some.builds(DrawnGame, levels(**limits), some.integers(0, 2**40), turns)
