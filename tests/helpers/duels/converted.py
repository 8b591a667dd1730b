"""From the engine's arrays to the reference: maps and levels, which are given, and orders both ways."""

from __future__ import annotations

from typing import Any

import numpy as np
from country import Country, Site
from rulebook import PASSING, TERRAINS, Order, Rulebook

from envs.waybill.core.levels import LevelConfig
from envs.waybill.core.state import HAUL, NEW_CART, ORDER, PASS, VERBS, WORKSHOP, records
from envs.waybill.maps.pool import MapPool


def book_of(level: LevelConfig) -> Rulebook:
    """The level's numbers."""
    return Rulebook(level.numbers())


def country_of(book: Rulebook, pool: MapPool, row: int) -> Country:
    """The map in a row of a pool."""
    sites = []
    for number, (tile, good) in enumerate(zip(pool.site_tile[row].tolist(), pool.site_good[row].tolist(), strict=True)):
        prices = dict(zip(book.goods, pool.site_price[row, number].tolist(), strict=True))
        sites.append(Site(number, tile, None, prices) if good < 0 else Site(number, tile, book.goods[good]))
    terrain = [TERRAINS[kind] for kind in pool.terrain[row].tolist()]
    return Country(book, int(pool.seed[row]), terrain, sites)


def order_of(numbers: tuple[int, ...]) -> Order:
    """An order in words from an ORDER record's (verb, recipe, cart, tile, target)."""
    verb, recipe, cart, tile, target = numbers
    if verb == HAUL:
        return Order("haul", tile, None, None if cart == NEW_CART else cart, target)
    if verb == WORKSHOP:
        return Order("workshop", tile, recipe)
    return PASSING if verb == PASS else Order(VERBS[verb], tile)


def fill(record: Any, order: Order) -> None:
    """Write an order into an ORDER record."""
    record["verb"] = VERBS.index(order.verb) if order.verb in VERBS else -1
    record["tile"] = 0 if order.tile is None else order.tile
    record["target"] = 0 if order.target is None else order.target
    record["recipe"] = 0 if order.recipe is None else order.recipe
    record["cart"] = NEW_CART if order.cart is None and order.verb == "haul" else order.cart or 0


def records_of(orders: list[Order]) -> np.ndarray:
    """Orders as an array, ORDER [K]."""
    array = records(len(orders), ORDER)
    for record, order in zip(array, orders, strict=True):
        fill(record, order)
    return array


def order_numbered(book: Rulebook, number: int) -> Order:
    """The order of an action of the raw space: 1 + T + R·T + (C + 1)·T² + T of them, verb by verb."""
    tiles, recipes, carts = book.n["side"] ** 2, len(book.recipes), book.n["max_carts"]
    if number == 0:
        return PASSING
    number -= 1
    if number < tiles:
        return Order("extract", number)
    number -= tiles
    if number < recipes * tiles:
        return Order("workshop", number % tiles, recipe=number // tiles)
    number -= recipes * tiles
    if number < (carts + 1) * tiles**2:
        cart, way = divmod(number, tiles**2)
        return Order("haul", way // tiles, cart=None if cart == carts else cart, target=way % tiles)
    return Order("dismantle", number - (carts + 1) * tiles**2)
