"""Several companies in one world: ties, bankrupt rivals, public sales, books, and rivals that play by a rule."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from handmade import NORTH, SOUTH, TOWN, Play, company, hand_level, hand_pool, make_order
from rivalry import contested, games_of, mixed_orders, swapped

from envs.waybill.core.scratch import make_scratch
from envs.waybill.core.state import (
    EXTRACT,
    GREEDY,
    HAUL,
    NEW_CART,
    NOBODY,
    ORDER,
    OUTSIDE,
    PASS,
    RANDOM,
    SALES,
    WORKSHOP,
    records,
)
from envs.waybill.players.planner import make_planner_scratch, plan_ahead
from envs.waybill.players.play import RULE_PLAYERS
from envs.waybill.players.scripted import decide_scripted

MASK = 2**64 - 1


def splitmix(x: int) -> int:
    """splitmix64's output function in plain integers."""
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def by_hand(games: int = 1, **numbers: Any) -> Play:
    level = hand_level(rivals=["greedy"], **numbers)
    return Play(level, hand_pool(level), games)


def both(first: np.ndarray, second: np.ndarray, games: int = 1) -> np.ndarray:
    """The orders of two companies in each game, ORDER [N, 2]."""
    return np.tile(np.concatenate([first, second]).reshape(1, 2), (games, 1))


WAIT = make_order(PASS)


# --- ties -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("turn", [0, 1, 5])
def test_of_two_that_want_a_deposit_the_draw_of_their_keys_picks_one(turn: int) -> None:
    games, want = 600, make_order(EXTRACT, SOUTH)
    play = by_hand(games)
    for _ in range(turn):
        play.step(both(WAIT, WAIT, games))
    play.step(both(want, want, games))
    keys = play.states["companies"]["key"][:, :2]
    stir = splitmix(turn + 1)
    first = np.array([splitmix(int(a) ^ stir) > splitmix(int(b) ^ stir) for a, b in keys]).astype(int)
    np.testing.assert_array_equal(play.states["owner"][:, 1], first)
    assert abs(first.mean() - 0.5) < 5 * 0.5 / games**0.5
    for seat in range(2):
        me, lost = company(play.states, seat), first != seat
        assert (me["illegal"] == lost).all()
        assert (me["cash"] == np.where(lost, 200, 159)).all()
        assert (me["n_slots"] == ~lost).all()
        assert (me["seen_taken"][:, 1] == lost).all()
        assert (me["orders"][:, EXTRACT] == ~lost).all()


def test_the_draw_is_a_new_one_every_turn() -> None:
    wins = []
    for turn in range(2):
        play = by_hand(200, start_cash=100)
        for _ in range(turn):
            play.step(both(WAIT, WAIT, 200))
        play.step(both(make_order(EXTRACT, SOUTH), make_order(EXTRACT, SOUTH), 200))
        wins.append(play.states["owner"][:, 1])
    assert 0.3 < (wins[0] == wins[1]).mean() < 0.7


def test_of_two_that_unload_at_once_the_first_gets_the_better_price() -> None:
    games = 200
    play = by_hand(games)
    play.step(both(make_order(EXTRACT, SOUTH), make_order(EXTRACT, NORTH), games))
    for me in (company(play.states, seat) for seat in range(2)):
        me["buildings"]["tile"][:, 0], me["buildings"]["stock"][:, 0] = SOUTH, 6  # both as if they stood in the south
    haul = make_order(HAUL, SOUTH, target=TOWN, cart=NEW_CART)
    play.step(both(haul, haul, games))
    play.states["companies"]["carts"]["leg_left"][:, :2, 0] = 1
    play.states["companies"]["carts"]["route"][:, :2, 0] = 3
    play.step(both(WAIT, WAIT, games))
    sales = play.states["companies"]["sales"][:, :2]
    assert (np.sort(sales, axis=1) == [3 + 3 + 3 + 2, 5 + 4 + 4 + 3]).all()  # 50 // (10 + glut)
    assert 0.35 < (sales[:, 0] == 16).mean() < 0.65


# --- bankrupt rivals --------------------------------------------------------------------------------------------------
def test_a_bankrupt_company_gives_its_deposits_up_and_the_game_goes_on() -> None:
    play = by_hand(start_cash=41, horizon=9)
    play.step(both(WAIT, make_order(EXTRACT, SOUTH)))
    gone, s = company(play.s, 1), play.s
    assert (int(gone["cash"]), int(gone["bankrupt"]), s["owner"][:2].tolist()) == (0, 0, [NOBODY, 1])
    assert company(s)["seen_taken"][:2].tolist() == [0, 1]
    play.step(both(make_order(EXTRACT, SOUTH), WAIT))
    assert (int(gone["cash"]), int(gone["bankrupt"]), int(s["done"])) == (-1, 1, 0)
    assert (s["owner"][:2].tolist(), int(company(s)["illegal"])) == ([NOBODY, NOBODY], 1)
    play.step(both(make_order(EXTRACT, SOUTH), make_order(EXTRACT, NORTH)))
    end = gone.tobytes()
    assert s["owner"][:2].tolist() == [NOBODY, 0]
    play.step(both(WAIT, WAIT))
    assert (int(company(s)["bankrupt"]), int(s["done"]), int(s["turn"])) == (1, 1, 4)  # now nobody is left
    assert gone.tobytes() == end


def test_the_game_of_those_who_stand_goes_on_to_the_horizon() -> None:
    play = by_hand(start_cash=41, horizon=9)
    play.step(both(make_order(EXTRACT, SOUTH), WAIT))
    for _ in range(20):
        play.step(both(WAIT, WAIT))
    s = play.s
    assert (int(s["turn"]), int(s["done"])) == (9, 1)
    assert s["companies"]["bankrupt"].tolist() == [1, 0, 0, 0]
    assert s["companies"]["cash"][:2].tolist() == [-1, 41]


# --- sales and books --------------------------------------------------------------------------------------------------
def test_sales_are_public_one_turn_late() -> None:
    play, rng = games_of(contested(start_cash=300), 16), np.random.default_rng(3)
    late, faded = 0, 0
    for _ in range(play.level.horizon):
        before = play.states["companies"].copy()
        running, out = play.states["done"] == 0, before["bankrupt"] == 1
        play.step(mixed_orders(rng, play))
        after = play.states["companies"]
        np.testing.assert_array_equal(after["public_sales"][running], before["sales"][running])
        total = after["cash_ledger"][:, :, SALES] - after["sales"]
        np.testing.assert_array_equal(after["public_total"][running], total[running])
        late += (after["sales"] > 0).sum()
        kept = before["public_recent"] * 7 // 8  # those of the bankrupt fade, too
        np.testing.assert_array_equal(after["public_recent"][running], (kept + before["sales"])[running])
        faded += (before["public_recent"] > 0)[out & running[:, None]].sum()
    assert late > 50
    assert faded > 10
    assert (play.states["companies"]["bankrupt"] == 1).any()


# --- rivals by rule ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("name", "script"), [("greedy", GREEDY), ("random", RANDOM)])
@pytest.mark.parametrize("sight", [0, 8])
def test_a_scripted_rival_plays_as_the_player_of_its_name_would(name: str, script: int, sight: int) -> None:
    play, rng = games_of(contested("greedy", sight=sight)), np.random.default_rng(4)
    n, scratch, search = len(play.states), make_scratch(), make_planner_scratch(play.level)
    given = records(n * 2, ORDER).reshape(n, 2)
    acted = 0
    for _ in range(30):
        play.scratch.script[:] = (OUTSIDE, script, OUTSIDE, OUTSIDE)
        decide_scripted(play.states, play.pool, play.record, play.scratch, given, 0, n)
        mirror, taken = swapped(play.states, 0, 1), records(n * 60, ORDER).reshape(n, 60)
        for i in range(n):
            RULE_PLAYERS[name](mirror, 0, play.pool, play.record, scratch, search, taken, i)
        alive = (company(play.states, 1)["bankrupt"] == 0) & (play.states["done"] == 0)
        turn = play.states["turn"]
        np.testing.assert_array_equal(given[alive, 1], taken[np.arange(n), np.minimum(turn, 59)][alive])
        acted += (given[alive, 1]["verb"] != PASS).sum()
        orders = mixed_orders(rng, play)
        orders[1::2, 1] = given[1::2, 1]
        play.step(orders)
    assert acted > 30


def test_a_planner_plans_alike_in_every_seat() -> None:
    play = games_of(contested("greedy", horizon=14, deposits=3), 2)
    scratch, search = make_scratch(), make_planner_scratch(play.level)
    here, there = (records(2 * 14, ORDER).reshape(2, 14) for _ in range(2))
    mirror = swapped(play.states, 0, 1)
    for i in range(2):
        plan_ahead(play.states, 1, play.pool, play.record, scratch, search, here, i)
        plan_ahead(mirror, 0, play.pool, play.record, scratch, search, there, i)
    np.testing.assert_array_equal(here, there)
    assert {EXTRACT, WORKSHOP} & set(here["verb"].ravel().tolist())
    assert (play.states["turn"] == 0).all()


def test_up_to_three_rivals_of_all_kinds_have_a_place_and_no_more() -> None:
    level = hand_level(rivals=["random", "greedy", "planner"])
    assert level.script().tolist() == [OUTSIDE, RANDOM, GREEDY, 3]
    with pytest.raises(ValueError, match="4 rivals, allowed are 0..3"):
        dataclasses.replace(level, rivals=["random"] * 4)
