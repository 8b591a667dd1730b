"""What holds in every game on drawn levels, whatever the orders: nothing comes from nothing, a copy goes on alike."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest
from holdings import Company
from odd_levels import odd_level
from styles import STYLES
from versus import Match, matches

from envs.waybill.core.state import STATE

SEEDS = range(500, 524)


def played(seed: int, style: str = "spiteful") -> list[Match]:
    """The same game twice, played alike to a turn in its midst."""
    level = odd_level(seed)
    pair = [matches(level, range(seed, seed + 1))[0] for _ in range(2)]
    stop = random.Random(seed).randint(1, level.horizon)
    for match in pair:
        choose, rng = STYLES[style](), random.Random(seed)
        for _ in range(stop):
            if not match.over:
                match.play(choose(match, rng))
    return pair


def held(company: Company) -> Counter[str]:
    """Units of each good that a company has, in stores and on carts."""
    units: Counter[str] = Counter()
    for building in company.buildings:
        units[building.good] += building.stock
        units.update(building.inputs)
    for cart in company.carts:
        if cart.good is not None:
            units[cart.good] += cart.load
    return units


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_comes_from_nothing_and_nothing_vanishes(seed: int) -> None:
    match = played(seed)[0]
    land, goods = match.world.land, match.book.goods
    for company in match.world.companies:
        assert company.cash == sum(company.coins.values())
        booked = {good: sum(units for (of, _), units in company.units.items() if of == good) for good in goods}
        assert booked == {good: held(company)[good] for good in goods}
        assert min(held(company).values(), default=0) >= 0
        capacity, store = match.level.cart_capacity, match.level.store
        assert all(cart.load <= capacity for cart in company.carts)
        assert all(max(b.stock, *b.inputs.values(), 0) <= store for b in company.buildings)
    for good in match.book.raw:
        deposits = [site.number for site in land.country.deposits if site.good == good]
        gone = sum(match.level.reserve + land.renewed[d] - land.reserve[d] for d in deposits)
        assert gone == sum(company.units[good, "dug"] for company in match.world.companies)
        assert all(0 <= land.reserve[d] <= match.level.reserve for d in deposits)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_price_is_never_above_the_base_price_and_more_glut_never_raises_it(seed: int) -> None:
    land = played(seed)[0].world.land
    for town in land.country.towns:
        for good, base in town.prices.items():
            now = land.price(town.number, good)
            land.glut[town.number, good] += 1
            assert 0 <= land.price(town.number, good) <= now <= base


@pytest.mark.parametrize("seed", SEEDS)
def test_a_game_played_again_and_a_copy_of_it_are_the_same_to_the_byte(seed: int) -> None:
    first, again = played(seed)
    assert first.states.tobytes() == again.states.tobytes()
    kept = np.frombuffer(first.states.tobytes(), STATE).copy()
    choose, rng = STYLES["greedy"](), random.Random(seed)
    orders = []
    while not first.over and len(orders) < 20:
        orders.append(choose(first, rng))
        first.play(orders[-1])
    again.states[:] = kept
    for given in orders:
        again.play(given)
    assert first.states.tobytes() == again.states.tobytes()
