"""Engine and reference play the same orders, and are compared after each turn."""

from __future__ import annotations

from math import isclose
from typing import Any

import numpy as np
from compared import Disagreement, EnginePicture, ReferencePicture, first_difference
from converted import book_of, country_of, order_of, records_of
from dealings import is_legal, legal_orders
from payouts import Payouts
from rulebook import Order
from world import World

from envs.waybill.actions.legal import write_legal
from envs.waybill.core.levels import LevelConfig
from envs.waybill.core.parts import find_part
from envs.waybill.core.scratch import make_scratch
from envs.waybill.core.state import CAPITAL, ORDER, STATE, records
from envs.waybill.maps.pool import MapPool, make_pool
from envs.waybill.rewards import functions
from envs.waybill.rules.game import judge_orders, play_turns, start_games

GAMMA, BONUS = 0.97, 0.25
REWARDS = ("sparse", "cash", "shaped", "milestone")


class EngineReward:
    """One of the engine's rewards, for all companies of one game."""

    def __init__(self, name: str, companies: int) -> None:
        self._run, self._numbers = find_part(name, "reward", functions), functions.Numbers(GAMMA, BONUS)
        self._views = np.array([[0, seat] for seat in range(companies)])
        self._potential, self._raw, self._paid = (np.zeros(companies) for _ in range(3))

    def after(self, match: Match) -> list[float]:
        """What it pays each company for the turn just played."""
        arrays = (match.states, self._views, match.pool, match.record, self._numbers)
        self._run(*arrays, self._potential, self._raw, self._paid, 0, len(self._views))
        return self._paid.tolist()


class Match:
    """One game in both; ``states`` is the engine's, STATE [1], ``world`` the reference's."""

    def __init__(self, level: LevelConfig, pool: MapPool, row: int, seed: int) -> None:
        self.level, self.pool, self.record, self.scratch = level, pool, level.record(), make_scratch()
        self.book = book_of(level)
        country = country_of(self.book, pool, row)
        self.states: Any = records(1, STATE)
        self.states.view(np.uint8)[:] = 255  # a new game takes nothing over from what was there before
        start_games(self.states, pool, self.record, np.array([row]), np.array([seed], np.uint64), 0, 1)
        self.world = World(self.book, country, seed)
        self._picture = EnginePicture(
            self.book.goods, level.deposits, level.towns, self.book.companies, len(self.book.recipes)
        )
        self._found, self._count = records(len(self.scratch.actions), ORDER), np.zeros(1, np.int64)
        self.given: list[Order] = []
        companies = self.world.companies
        self._payouts = [Payouts(self.world.land, company, GAMMA, BONUS) for company in companies]
        self._rewards = {name: EngineReward(name, len(companies)) for name in REWARDS}
        for reward in self._rewards.values():
            reward.after(self)
        self.check()

    @property
    def over(self) -> bool:
        """True once the engine's game is over."""
        return bool(self.states["done"][0] != 0)

    def legal(self, seat: int) -> list[Order]:
        """All legal orders of a seat, after both agree on them.

        Raises:
            Disagreement: naming an order that is legal in one of them only.
        """
        write_legal(self.states, seat, self.pool, self.record, self.scratch, self._found, self._count)
        here = [order_of(numbers) for numbers in self._found[: self._count[0]].tolist()]
        there = set(legal_orders(self.world.land, self.world.companies[seat]))
        if len(here) != len(set(here)):
            raise Disagreement(f"{self._when()}: the engine lists an order of seat {seat} twice")
        for order in sorted(there ^ set(here), key=str):
            where = "the reference" if order in there else "the engine"
            raise Disagreement(f"{self._when()}: '{order}' of seat {seat} is legal in {where} only")
        return here

    def judge(self, seat: int, orders: list[Order]) -> None:
        """Any orders, legal or not or not even of this level: both say the same of each.

        Raises:
            Disagreement: naming the first one of which they don't.
        """
        judged = np.zeros((1, len(orders)), np.bool_)
        judge_orders(self.states, seat, self.pool, self.record, records_of(orders).reshape(1, -1), judged)
        for order, here in zip(orders, judged[0].tolist(), strict=True):
            if here != is_legal(self.world.land, self.world.companies[seat], order):
                which = "legal" if here else "not legal"
                raise Disagreement(f"{self._when()}: '{order}' of seat {seat} is {which} in the engine only")

    def set_cash(self, seat: int, coins: int) -> None:
        """Give or take capital, so that a company has so many coins; the books are told."""
        company, more = self.world.companies[seat], coins - self.world.companies[seat].cash
        company.receive("capital", more)
        self.states["companies"]["cash"][0, seat] += more
        self.states["companies"]["cash_ledger"][0, seat, CAPITAL] += more

    def play(self, orders: list[Order]) -> None:
        """One order of each company and a turn of the world, in both."""
        self.given = orders
        play_turns(self.states, self.pool, self.record, records_of(orders).reshape(1, -1), self.scratch, 0, 1)
        self.world.play(orders)
        self.check()
        self._check_rewards()

    def check(self) -> None:
        """Compare both.

        Raises:
            Disagreement: with the turn, the orders and the first difference.
        """
        difference = first_difference(self._picture.of(self.states[0]), ReferencePicture(self.world).of())
        if difference is not None:
            raise Disagreement(f"{self._when()}, {difference}")

    def _check_rewards(self) -> None:
        paid = {name: reward.after(self) for name, reward in self._rewards.items()}
        for seat, payouts in enumerate(self._payouts):
            for name, coins in payouts.of_turn().items():
                if not isclose(coins, paid[name][seat], rel_tol=1e-9, abs_tol=1e-9):
                    both = f"{paid[name][seat]} in the engine, {coins} in the reference"
                    raise Disagreement(f"{self._when()}, seat {seat}, reward {name}: {both}")

    def _when(self) -> str:
        after = "; ".join(f"{seat}: {order}" for seat, order in enumerate(self.given))
        what = f"level {self.level.name}, map {self.world.land.country.seed}, turn {int(self.states['turn'][0])}"
        return f"{what}, after {after or 'the start'}"


def matches(level: LevelConfig, seeds: range) -> list[Match]:
    """A match on each map of a range of map seeds."""
    pool = make_pool(level.record(), np.array(list(seeds), np.uint64))
    return [Match(level, pool, row, seed) for row, seed in enumerate(seeds)]
