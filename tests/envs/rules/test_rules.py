"""What each order and each turn does, by literal numbers on a map made by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from handmade import NORTH, SOUTH, TOWN, YARD, Play, company, hand_level, hand_pool, make_order

from envs.waybill.core import levels
from envs.waybill.core import state as st
from envs.waybill.core.state import DISMANTLE, EXTRACT, HAUL, NEW_CART, PASS, WORKSHOP


def by_hand(**numbers: Any) -> Play:
    level = hand_level(**numbers)
    return Play(level, hand_pool(level))


def cart(s: Any, number: int = 0) -> dict[str, int]:
    row = company(s)["carts"][number]
    return {name: int(row[name]) for name in ("phase", "load", "leg_left")}


def test_pass_costs_nothing_but_the_turn() -> None:
    s = by_hand().order(PASS)
    me = company(s)
    assert (s["turn"], me["cash"], me["illegal"], me["orders"].tolist()) == (1, 200, 0, [1, 0, 0, 0, 0])


def test_extractor_digs_after_its_lead_until_its_store_is_full() -> None:
    game = by_hand()
    s = game.order(EXTRACT, SOUTH)
    assert (company(s)["cash"], company(s)["stage_turn"][st.STAGE_EXTRACTOR]) == (159, 0)  # 200 − 40 − upkeep 1
    stock, reserve = [], []
    for _ in range(6):
        stock.append(int(company(s)["buildings"][0]["stock"]))
        reserve.append(int(s["reserve"][1]))
        s = game.order(PASS)
    assert stock == [0, 0, 2, 4, 6, 6]
    assert reserve == [10, 10, 8, 7, 5, 5]  # a unit grew back in turn 3
    assert company(s)["stage_turn"][st.STAGE_DIG] == 2
    assert company(s)["cash"] == 200 - 40 - 7


def test_workshop_refines_a_batch_a_turn_after_its_lead() -> None:
    game = by_hand()
    s = game.order(WORKSHOP, YARD)
    assert (company(s)["cash"], company(s)["buildings"][0]["ready_in"]) == (138, 2)
    company(s)["buildings"][0]["inputs"][0] = 5
    batches = []
    for _ in range(5):
        s = game.order(PASS)
        batches.append((int(company(s)["buildings"][0]["inputs"][0]), int(company(s)["buildings"][0]["stock"])))
    assert batches == [(5, 0), (5, 0), (3, 1), (1, 2), (1, 2)]
    assert company(s)["goods_ledger"][:2, st.CONSUMED].tolist() == [-4, 0]
    assert company(s)["goods_ledger"][:2, st.PRODUCED].tolist() == [0, 2]


def test_a_cart_hauls_and_sells_at_a_falling_price_that_recovers() -> None:
    game = by_hand()
    game.order(EXTRACT, SOUTH)
    game.wait(4)  # 6 wood in store
    s = game.order(HAUL, SOUTH, target=TOWN, cart=NEW_CART)
    assert cart(s) == {"phase": st.TO_TARGET, "load": 4, "leg_left": 3}  # 10 travel units at 4 a turn
    assert (company(s)["buildings"][0]["stock"], company(s)["carts"][0]["route"]) == (2, 3)
    before = int(company(game.wait(2))["cash"])
    s = game.order(PASS)
    assert int(company(s)["cash"]) - before == 5 + 4 + 4 + 3 - 2  # 50 // (10 + glut), less upkeep
    assert cart(s) == {"phase": st.TO_SOURCE, "load": 0, "leg_left": 3}
    assert company(s)["stage_turn"][st.STAGE_SELL] == 8
    glut = [int(s["glut"][0, 0])]
    for _ in range(4):
        glut.append(int(game.order(PASS)["glut"][0, 0]))
    assert glut[:3] == [3, 2, 1]
    assert cart(game.s)["phase"] == st.TO_TARGET  # back, loaded and off again in one turn


def test_a_cart_waits_until_it_is_half_full() -> None:
    game = by_hand(dig_rate=1)
    game.order(EXTRACT, SOUTH)
    s = game.order(HAUL, SOUTH, target=TOWN, cart=NEW_CART)
    assert cart(s) == {"phase": st.LOADING, "load": 0, "leg_left": 0}
    assert cart(game.wait(1)) == {"phase": st.LOADING, "load": 1, "leg_left": 0}
    assert cart(game.wait(1)) == {"phase": st.TO_TARGET, "load": 2, "leg_left": 3}


def test_the_whole_chain_from_the_ground_to_the_town() -> None:
    game = by_hand(start_cash=300)
    game.order(EXTRACT, SOUTH)
    game.order(WORKSHOP, YARD)
    game.order(HAUL, SOUTH, target=YARD, cart=NEW_CART)
    game.order(HAUL, YARD, target=TOWN, cart=NEW_CART)
    s = game.wait(5)
    assert company(s)["stage_turn"].tolist() == [0, 2, 1, 3, 4, 8]
    assert company(s)["cash_ledger"][st.SALES] == 20 + 18
    assert company(s)["goods_ledger"][1].tolist() == [0, 0, 4, -2, 0]


def test_unloading_waits_while_the_workshop_is_full() -> None:
    game = by_hand(recipes=[levels.RecipeConfig({"wood": 3}, "planks")], workshop_lead=1000, horizon=200, store=3)
    game.order(EXTRACT, SOUTH)
    game.order(WORKSHOP, YARD)
    s = game.order(HAUL, SOUTH, target=YARD, cart=NEW_CART)
    s = game.wait(15)
    assert company(s)["buildings"][1]["inputs"][0] == 3
    assert cart(s)["phase"] == st.UNLOADING
    assert cart(s)["load"] > 0


def test_turning_a_cart_round_takes_the_way_it_has_gone() -> None:
    game = by_hand(dig_rate=4)
    game.order(EXTRACT, SOUTH)
    game.order(EXTRACT, NORTH)
    game.wait(2)
    s = game.order(HAUL, SOUTH, target=TOWN, cart=NEW_CART)
    assert cart(s) == {"phase": st.TO_TARGET, "load": 4, "leg_left": 3}
    s = game.order(HAUL, NORTH, target=TOWN, cart=0)
    # no turn driven yet: back at SOUTH, then 6 travel units (2 turns) to NORTH, one of them in this tick
    assert cart(s) == {"phase": st.TO_SOURCE, "load": 0, "leg_left": 1}
    assert company(s)["goods_ledger"][0, st.LOST] == -4
    s = game.order(PASS)
    assert cart(s) == {"phase": st.TO_TARGET, "load": 4, "leg_left": 4}


@pytest.mark.parametrize(("turns", "back"), [(0, 7), (6, 1), (7, 0), (9, 2)])
def test_a_cart_turned_round_twice_is_no_faster_than_its_way(turns: int, back: int) -> None:
    """Eight turns on the road from SOUTH it is sent to NORTH, which is by SOUTH, and some turns later to SOUTH."""
    game = by_hand(dig_rate=4, cart_speed=1, horizon=100, start_cash=500)
    game.order(EXTRACT, SOUTH)
    game.order(EXTRACT, NORTH)
    game.wait(2)
    game.order(HAUL, SOUTH, target=TOWN, cart=NEW_CART)
    assert cart(game.wait(8)) == {"phase": st.TO_TARGET, "load": 4, "leg_left": 2}
    s = game.order(HAUL, NORTH, target=TOWN, cart=0)
    assert cart(s) == {"phase": st.TO_SOURCE, "load": 0, "leg_left": 8 + 6 - 1}
    game.wait(turns)
    s = game.order(HAUL, SOUTH, target=TOWN, cart=0)
    there = {"phase": st.TO_TARGET, "load": 4, "leg_left": 10}
    assert cart(s) == (there if back <= 1 else {"phase": st.TO_SOURCE, "load": 0, "leg_left": back - 1})


def test_dismantling_refunds_a_part_and_leaves_carts_idle() -> None:
    game = by_hand()
    game.order(EXTRACT, SOUTH)
    game.wait(4)
    game.order(HAUL, SOUTH, target=TOWN, cart=NEW_CART)
    before = int(company(game.s)["cash"])
    s = game.order(DISMANTLE, SOUTH)
    assert int(company(s)["cash"]) - before == 20 - 1  # half of 40; the cart is still kept
    assert cart(s)["phase"] == st.IDLE
    assert cart(s)["load"] == 0
    assert company(s)["goods_ledger"][0, st.LOST] == -6  # 4 on the cart, 2 in store
    assert (company(s)["buildings"][0]["kind"], company(s)["n_carts"]) == (st.EMPTY, 1)
    s = game.order(EXTRACT, SOUTH)  # the slot and the cart serve again
    assert (company(s)["n_slots"], company(s)["orders"].tolist()) == (1, [4, 2, 0, 1, 1])
    assert company(game.order(HAUL, SOUTH, target=TOWN, cart=0))["illegal"] == 0


@pytest.mark.parametrize(
    ("what", "order"),
    [
        ("extract on plain land", make_order(EXTRACT, 0)),
        ("extract in a town", make_order(EXTRACT, TOWN)),
        ("extract twice", make_order(EXTRACT, SOUTH)),
        ("extract off the map", make_order(EXTRACT, 36)),
        ("extract nowhere", make_order(EXTRACT, -1)),
        ("workshop on water", make_order(WORKSHOP, 9)),
        ("workshop on a deposit", make_order(WORKSHOP, NORTH)),
        ("workshop in a town", make_order(WORKSHOP, TOWN)),
        ("workshop on a workshop", make_order(WORKSHOP, YARD)),
        ("unknown recipe", make_order(WORKSHOP, 0, recipe=1)),
        ("negative recipe", make_order(WORKSHOP, 0, recipe=-1)),
        ("haul from nothing", make_order(HAUL, NORTH, target=TOWN, cart=NEW_CART)),
        ("haul to nothing", make_order(HAUL, SOUTH, target=0, cart=NEW_CART)),
        ("haul to a place that does not take it", make_order(HAUL, YARD, target=SOUTH, cart=NEW_CART)),
        ("haul from a place to itself", make_order(HAUL, YARD, target=YARD, cart=NEW_CART)),
        ("haul with a cart that is not there", make_order(HAUL, SOUTH, target=TOWN, cart=1)),
        ("haul as it does already", make_order(HAUL, SOUTH, target=YARD, cart=0)),
        ("haul off the map", make_order(HAUL, SOUTH, target=99, cart=0)),
        ("dismantle nothing", make_order(DISMANTLE, NORTH)),
        ("dismantle a town", make_order(DISMANTLE, TOWN)),
        ("no such verb", make_order(7, SOUTH)),
        ("no such verb either", make_order(-1, SOUTH)),
    ],
)
def test_an_illegal_order_is_a_pass_that_is_counted(what: str, order: np.ndarray) -> None:
    games = [by_hand(start_cash=500) for _ in range(2)]
    for game in games:
        game.order(EXTRACT, SOUTH)
        game.order(WORKSHOP, YARD)
        game.order(HAUL, SOUTH, target=YARD, cart=NEW_CART)
    passed, tried = games
    passed.order(PASS)
    tried.step(order)
    assert company(tried.s)["illegal"] == 1, what
    company(tried.s)["illegal"], company(tried.s)["orders"][PASS] = 0, 1
    assert tried.states.tobytes() == passed.states.tobytes(), what


def test_no_order_beyond_the_purse_or_the_limits() -> None:
    assert company(by_hand(start_cash=39).order(EXTRACT, SOUTH))["illegal"] == 1
    assert company(by_hand(start_cash=40).order(EXTRACT, SOUTH))["illegal"] == 0
    assert company(by_hand(start_cash=59).order(WORKSHOP, YARD))["illegal"] == 1
    game = by_hand(start_cash=1000)
    for tile in (0, 1, 2):
        assert company(game.order(WORKSHOP, tile))["illegal"] == 0
    assert company(game.order(WORKSHOP, 3))["illegal"] == 1  # max_buildings is 3
    for _ in range(2):
        assert company(game.order(HAUL, 0, target=TOWN, cart=NEW_CART))["illegal"] == 1
    assert company(game.order(HAUL, 0, target=TOWN, cart=NEW_CART))["illegal"] == 2  # max_carts is 2


def test_bankruptcy_ends_the_game_for_good() -> None:
    game = by_hand(start_cash=41)
    s = game.order(EXTRACT, SOUTH)
    me = company(s)
    assert (me["cash"], s["done"], me["bankrupt"]) == (0, 0, 0)  # nothing left is not yet less than nothing
    s = game.order(PASS)
    assert (me["cash"], s["done"], me["bankrupt"], s["turn"]) == (-1, 1, 1, 2)
    end = game.states.tobytes()
    game.order(DISMANTLE, SOUTH)
    assert game.states.tobytes() == end


def test_the_horizon_ends_the_game() -> None:
    game = by_hand(horizon=3)
    assert game.wait(2)["done"] == 0
    s = game.order(PASS)
    assert (s["done"], company(s)["bankrupt"], s["turn"]) == (1, 0, 3)
    end = game.states.tobytes()
    game.order(EXTRACT, SOUTH)
    assert game.states.tobytes() == end
