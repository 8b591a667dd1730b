"""What companies of the reference see and know."""

from __future__ import annotations

from collections.abc import Iterable

from holdings import Cart, Company
from state_of_world import Land


def seen_from_tile(land: Land, tile: int) -> frozenset[int]:
    """Sites within sight of a tile."""
    return land.country.near_road(tile, tile, 2 * land.book.n["sight"])


def seen_from_road(land: Land, cart: Cart) -> frozenset[int]:
    """Sites by the road of a cart, once it has driven it: the detour by the site is at most twice the sight."""
    if not cart.road_driven or cart.source is None or cart.target is None:
        return frozenset()
    return land.country.near_road(cart.source.tile, cart.target.tile, 2 * land.book.n["sight"])


def in_sight(land: Land, company: Company) -> set[int]:
    """The sites that a company sees now."""
    if not land.book.fog:
        return {site.number for site in land.country.sites}
    seen: set[int] = set()
    for building in company.buildings:
        seen |= seen_from_tile(land, building.tile)
    for cart in company.carts:
        seen |= seen_from_road(land, cart)
    return seen


def look_at(land: Land, company: Company, sites: Iterable[int]) -> None:
    """Remember sites as they are now."""
    for number in sites:
        company.known.add(number)
        company.seen_turn[number] = land.turn
        site = land.country.sites[number]
        if site.is_town:
            for good in land.book.goods:
                company.seen_glut[number, good] = land.glut[number, good]
        else:
            company.seen_reserve[number] = land.reserve[number]
            company.seen_taken[number] = land.owner[number] not in (None, company.seat)


def found(land: Land, company: Company) -> None:
    """What a new company knows: all in sight of home, of each raw good the nearest deposit, of each good for sale the
    nearest town that buys it."""
    home = land.country.sites[company.home].tile
    look_at(land, company, seen_from_tile(land, home) if land.book.fog else in_sight(land, company))
    for good in land.book.goods:
        sellers = [site for site in land.country.deposits if site.good == good]
        buyers = [site for site in land.country.towns if site.prices.get(good, 0) > 0]
        for sites in (sellers, buyers):
            if sites:
                nearest = min(sites, key=lambda site: (land.country.way(home, site.tile), site.number))
                look_at(land, company, {nearest.number})
