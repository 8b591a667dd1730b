"""The raw action space against brute force: exactly the orders that do something are legal, each has one number."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from handmade import Play, company, make_order
from midgame import SMALL_LEVELS as LEVELS
from midgame import encode_all, mask_of, raw, seen

from envs.waybill.actions.raw import encode, raw_orders
from envs.waybill.core import levels
from envs.waybill.core.jit import kernel
from envs.waybill.core.state import DISMANTLE, EXTRACT, HAUL, NEW_CART, ORDER, PASS, STATE, WORKSHOP, records
from envs.waybill.rules.game import judge_orders, play_turns

CHUNK = 8192
LONG = pytest.param("chain", 8, marks=pytest.mark.proof)


@pytest.mark.parametrize("name", LEVELS)
def test_the_mask_is_legality_of_every_single_raw_order(name: str) -> None:
    play = seen(name)
    mask = mask_of(play)
    for i in range(len(play.states)):
        legal = np.zeros((1, len(raw(name))), np.bool_)
        judge_orders(play.states[i : i + 1], 0, play.pool, play.record, raw(name).reshape(1, -1), legal)
        np.testing.assert_array_equal(mask[i], legal[0])
    found = np.array([[mask[i][raw(name)["verb"] == verb].sum() for verb in range(5)] for i in range(len(mask))])
    assert (found[:, PASS] == 1).all()
    assert (found.sum(0) > 0).tolist() == [True, True, bool(play.level.recipes), True, True]


def effect(play: Play, i: int, orders: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which of the orders leave another state than PASS does, counters aside, bool [n]; and those counted illegal."""

    def after(given: np.ndarray) -> np.ndarray:
        states = np.repeat(play.states[i : i + 1], len(given))
        play_turns(states, play.pool, play.record, given.reshape(-1, 1), play.scratch, 0, len(states))
        return states

    def bare(states: np.ndarray) -> np.ndarray:
        plain = states.copy()
        company(plain)["illegal"], company(plain)["orders"] = 0, 0
        return plain.view(np.uint8).reshape(len(states), STATE.itemsize)

    passed, states = after(make_order(PASS)), after(orders)
    before = play.states[i]
    given = company(states)["orders"].sum(1) - company(before)["orders"].sum()
    illegal = company(states)["illegal"] - company(before)["illegal"]
    np.testing.assert_array_equal(given + illegal, 1)
    np.testing.assert_array_equal(company(states)["orders"][given == 1, orders["verb"][given == 1]] - 1,
                                  company(before)["orders"][orders["verb"][given == 1]])  # fmt: skip
    return (bare(states) != bare(passed)).any(1), illegal == 1


@pytest.mark.parametrize("name", LEVELS)
def test_legal_orders_change_what_passing_would_not_and_illegal_ones_change_nothing(name: str) -> None:
    play, rng, orders = seen(name), np.random.default_rng(2), raw(name)
    mask = mask_of(play) == 1
    for i in range(len(play.states)):
        legal = np.flatnonzero(mask[i])
        changed, refused = effect(play, i, orders[legal])
        assert changed.tolist() == (orders["verb"][legal] != PASS).tolist()
        assert not refused.any()
        # Few of the many illegal numbers are nearly legal, so those between sites and buildings are all given.
        me = company(play.states[i])
        built = me["buildings"]["tile"][: me["n_slots"]]
        places = np.concatenate([play.pool.site_tile[play.states["map"][i]], built])
        near = np.flatnonzero(~mask[i] & np.isin(orders["tile"], places) & np.isin(orders["target"], [0, *places]))
        far = np.flatnonzero(~mask[i])
        for numbers in (near[:CHUNK], rng.choice(far, 1500)):
            changed, refused = effect(play, i, orders[numbers])
            assert not changed.any()
            assert refused.all()


@pytest.mark.slow
@pytest.mark.parametrize(("name", "every"), [(name, 40 if name == "chain" else 8) for name in LEVELS] + [LONG])
def test_the_same_for_the_whole_raw_space(name: str, every: int) -> None:
    play, orders = seen(name), raw(name)
    mask = mask_of(play) == 1
    for i in range(0, len(play.states), every):
        for first in range(0, len(orders), CHUNK):
            part = slice(first, first + CHUNK)
            changed, refused = effect(play, i, orders[part])
            np.testing.assert_array_equal(refused, ~mask[i, part])
            np.testing.assert_array_equal(changed, mask[i, part] & (orders["verb"][part] != PASS))


@pytest.mark.parametrize("name", LEVELS)
def test_every_number_is_one_order_and_every_order_one_number(name: str) -> None:
    level, orders = seen(name).level, raw(name)
    numbers = np.full(len(orders), -1, np.int64)
    kernel(encode_all)(level.record(), orders, numbers)
    np.testing.assert_array_equal(numbers, np.arange(len(orders)))
    tiles, recipes = level.side**2, max(1, len(level.recipes))
    assert len(np.unique(orders)) == len(orders)
    assert (orders["tile"] >= 0).all()
    assert (orders["tile"] < tiles).all()
    assert (orders["target"] < tiles).all()
    assert (orders["recipe"] < recipes).all()
    hauls = orders["cart"][orders["verb"] == HAUL]
    assert np.unique(hauls).tolist() == [NEW_CART, *range(level.max_carts)]


def test_raw_numbers_by_literals() -> None:
    level = dataclasses.replace(levels.load_level("refine"), side=12, max_carts=8)
    record, orders = level.record(), records(1, ORDER)
    assert level.n_raw_actions == 187_201
    for number, want in {
        0: (PASS, 0, 0, 0, 0),
        1: (EXTRACT, 0, 0, 0, 0),
        144: (EXTRACT, 0, 0, 143, 0),
        145: (WORKSHOP, 0, 0, 0, 0),
        289: (WORKSHOP, 1, 0, 0, 0),
        432: (WORKSHOP, 1, 0, 143, 0),
        433: (HAUL, 0, 0, 0, 0),
        434: (HAUL, 0, 0, 0, 1),
        577: (HAUL, 0, 0, 1, 0),
        21_169: (HAUL, 0, 1, 0, 0),
        166_321: (HAUL, 0, NEW_CART, 0, 0),
        187_056: (HAUL, 0, NEW_CART, 143, 143),
        187_057: (DISMANTLE, 0, 0, 0, 0),
        187_200: (DISMANTLE, 0, 0, 143, 0),
    }.items():
        raw_orders(record, np.array([number]), orders, 0, 1)
        assert orders[0].item() == want, number
        assert encode(record[0], orders[0]) == number
