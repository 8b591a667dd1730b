"""Is the game worth playing? Skill pays on every level, no loop of orders makes money, no opening wins everywhere."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from proofs import some_as_proofs

from envs.waybill.actions.raw import decode, legal_actions
from envs.waybill.core import levels
from envs.waybill.core import state as st
from envs.waybill.core.jit import kernel
from envs.waybill.core.levels import LevelConfig
from envs.waybill.core.scratch import make_scratch
from envs.waybill.maps.pool import make_pool
from envs.waybill.players import play as players
from envs.waybill.players import scripted
from envs.waybill.rules.game import play_turns, start_games

FIRST_MAP = 3_000_000  # maps that nothing else uses
MAPS = {"chain": 16, "rivals": 8, "fog": 8}  # fewer where the planner takes long


@pytest.mark.parametrize("name", some_as_proofs(levels.names(), MAPS))
def test_skill_pays(name: str) -> None:
    """random < greedy < planner, with clear room between them."""
    maps = FIRST_MAP + np.arange(MAPS.get(name, 24), dtype=np.uint64)
    random, greedy, planner = (
        players.play_games(p, levels.load_level(name), maps).score for p in ("random", "greedy", "planner")
    )
    room = planner.mean() - random.mean()
    assert room > 0
    assert 0.1 < (greedy.mean() - random.mean()) / room < 0.9
    assert (planner >= greedy).mean() > 0.8


@pytest.mark.parametrize("name", levels.names())
def test_the_careless_go_bankrupt(name: str) -> None:
    played = players.play_games("random", levels.load_level(name), FIRST_MAP + np.arange(32, dtype=np.uint64))
    assert played.bankrupt.mean() > 0.5


class Loop:
    """Random orders for one company of a level, biased by ``taste`` [verbs]; what they made of the company's money."""

    def __init__(self, level: LevelConfig, seed: int) -> None:
        self.level, self.record, self.scratch = level, level.record(), make_scratch()
        self.rng = np.random.default_rng(seed)
        self.pool = make_pool(self.record, np.array([FIRST_MAP + seed], np.uint64))
        self.states = st.records(1, st.STATE)

    def orders(self, taste: np.ndarray) -> Any:
        """A legal order: first a verb by taste, then any of that verb."""
        found = legal_numbers(self.states, self.pool, self.record, self.scratch)
        given = st.records(found, st.ORDER)
        write_orders(self.record, self.scratch.actions, given)
        weight = taste[given["verb"]] / np.bincount(given["verb"], minlength=len(st.VERBS))[given["verb"]]
        return given[self.rng.choice(found, p=weight / weight.sum())]

    def play(self, taste: np.ndarray, turns: int) -> list[int]:
        """Coins beside those from sales after each turn: what orders alone make of the starting cash."""
        start_games(self.states, self.pool, self.record, np.zeros(1, np.int64), np.zeros(1, np.uint64), 0, 1)
        worth, seats = [], 1 + len(self.level.rivals)
        for _ in range(turns):
            orders = st.records(seats, st.ORDER).reshape(1, seats)
            orders[0, 0] = self.orders(taste)
            play_turns(self.states, self.pool, self.record, orders, self.scratch, 0, 1)
            company = self.states["companies"][0, 0]
            worth.append(int(company["cash"]) - int(company["cash_ledger"][st.SALES]))
            if self.states["done"][0] or company["bankrupt"]:
                break
        return worth


@kernel
def legal_numbers(states: Any, pool: Any, level: Any, scratch: Any) -> Any:
    """Number of seat 0's legal orders, written to ``scratch.actions``."""
    return legal_actions(states[0], states[0].companies[0], pool, level[0], scratch.order[0], scratch.actions)


@kernel
def write_orders(level: Any, actions: Any, orders: Any) -> None:
    """The orders of the first numbers."""
    for k in range(len(orders)):
        decode(level[0], actions[k], orders[k])


@pytest.mark.parametrize("name", levels.names())
def test_a_search_finds_no_money_pump(name: str) -> None:
    """Money comes from sales alone: without them no loop of orders ever leaves more cash than it began with.

    The search climbs towards tastes (chances of the verbs) whose loops lose least while they still order something.
    """
    best_taste, best = np.ones(len(st.VERBS)), -(10**9)
    rng = np.random.default_rng(7)
    for seed in range(24):
        taste = best_taste * np.exp(rng.normal(0, 1.0, len(st.VERBS)))
        taste[st.PASS] = min(taste[st.PASS], 0.3 * taste[1:].sum())
        worth = Loop(levels.load_level(name), seed).play(taste, turns=40)
        steps = np.diff([levels.load_level(name).start_cash, *worth])
        refunds = steps[steps > 0]
        assert max(worth) <= levels.load_level(name).start_cash
        # the most that a turn can give back is one refund, always below what the building cost before
        assert refunds.sum() <= -steps[steps < 0].sum()
        if len(worth) > 5 and worth[-1] > best:
            best, best_taste = worth[-1], taste


@pytest.mark.parametrize("name", levels.names())
def test_no_more_is_sold_than_was_dug(name: str) -> None:
    """Goods don't come from nothing: in raw units, what was sold, lost and used up is at most what was dug."""
    level = levels.load_level(name)
    taste = np.array([3.0, 1.0, 1.0, 2.0, 0.3])
    for seed in range(4):
        loop = Loop(level, seed)
        loop.play(taste, turns=level.horizon)
        ledger = loop.states["companies"]["goods_ledger"][0, 0].astype(np.int64)
        assert (ledger.sum(axis=1) >= 0).all()  # what is left in stores and carts
        raw = slice(0, len(level.raw_goods))
        assert (
            -(ledger[raw, st.SOLD] + ledger[raw, st.LOST] + ledger[raw, st.CONSUMED]).sum() <= ledger[raw, st.DUG].sum()
        )


@pytest.mark.parametrize("name", levels.names())
def test_no_opening_wins_every_map(name: str) -> None:
    """Greedy play after each possible first order: no good is the best to begin with on all maps."""
    level = dataclasses.replace(levels.load_level(name), rivals=[])
    record, scratch = level.record(), make_scratch()
    maps = FIRST_MAP + np.arange(24, dtype=np.uint64)
    pool = make_pool(record, maps)
    best_good = []
    for i in range(len(maps)):
        scores = []
        for site in range(level.deposits):
            states = st.records(1, st.STATE)
            start_games(states, pool, record, np.array([i]), np.zeros(1, np.uint64), 0, 1)
            first = st.records(1, st.ORDER).reshape(1, 1)
            first["verb"], first["tile"] = st.EXTRACT, pool.site_tile[i, site]
            play_turns(states, pool, record, first, scratch, 0, 1)
            finish(states, pool, record, scratch, st.records(level.horizon, st.ORDER))
            scores.append(int(states["companies"]["cash"][0, 0]))
        best_good.append(int(pool.site_good[i, int(np.argmax(scores))]))
    shares = np.bincount(best_good, minlength=len(level.raw_goods)) / len(maps)
    assert shares.max() < 1.0


@kernel
def finish(states: Any, pool: Any, level: Any, scratch: Any, taken: Any) -> None:
    """Play seat 0 to the end greedily."""
    style = (0.3, 1.0, 0.0, 10.0)
    scripted.finish_greedily(states[0], 0, pool, level[0], scratch, scratch.row, scratch.worth, taken, style, None)
