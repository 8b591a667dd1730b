"""Carts of the reference: how they are sent, drive, load and unload."""

from __future__ import annotations

from country import Site
from holdings import Building, Cart, Company, Phase
from rulebook import WORKSHOP
from state_of_world import Land


def throw_away(company: Company, cart: Cart) -> None:
    """What a cart carries is lost."""
    if cart.load:
        company.count("lost", cart.good, -cart.load)
        cart.load = 0


def send(land: Land, company: Company, cart: Cart, source: Building, target: Building | Site) -> None:
    """A cart shall commute from a building to a place; it turns round wherever it is.

    It goes on by the end of its leg or back by the start, whichever is sooner, and the new leg begins there.
    """
    throw_away(company, cart)
    on, back = turns_between(land, cart.leg_to, source.tile), turns_between(land, cart.leg_from, source.tile)
    to_end, to_start = cart.leg_left, abs(cart.leg_turns - cart.leg_left)
    if to_end + on <= to_start + back:
        cart.leg_from, cart.leg_turns, cart.leg_left = cart.leg_to, on, to_end + on
    else:
        cart.leg_turns, cart.leg_left = back, to_start + back
    cart.leg_to = source.tile
    cart.source, cart.target, cart.good = source, target, source.good
    cart.route = land.book.turns(land.country.way(source.tile, target.tile))
    cart.road_driven = False
    cart.phase = Phase.TO_SOURCE if cart.leg_left > 0 else Phase.LOADING


def turns_between(land: Land, start: int, end: int) -> int:
    """Turns from a tile to another, none to itself."""
    return 0 if start == end else land.book.turns(land.country.way(start, end))


def stop(company: Company, cart: Cart) -> None:
    """A cart stays where it is, without a route."""
    throw_away(company, cart)
    cart.phase, cart.source, cart.target = Phase.IDLE, None, None


def run(land: Land, company: Company, cart: Cart) -> None:
    """A turn of a cart: it drives, then loads or unloads if it has arrived."""
    if cart.phase in (Phase.TO_SOURCE, Phase.TO_TARGET):
        cart.leg_left -= 1
        if cart.leg_left > 0:
            return
        cart.phase = Phase.LOADING if cart.phase is Phase.TO_SOURCE else Phase.UNLOADING
    if cart.phase is Phase.LOADING:
        load(land, cart)
    elif cart.phase is Phase.UNLOADING:
        unload(land, company, cart)


def depart(cart: Cart, phase: Phase, leg_from: int, leg_to: int) -> None:
    """Set out on the route."""
    cart.phase, cart.leg_from, cart.leg_to = phase, leg_from, leg_to
    cart.leg_turns = cart.leg_left = cart.route


def load(land: Land, cart: Cart) -> None:
    """Load what fits; a cart sets out once it is at least half full."""
    capacity = land.book.n["cart_capacity"]
    units = min(cart.source.stock, capacity - cart.load)
    cart.source.stock -= units
    cart.load += units
    if 2 * cart.load >= capacity:
        depart(cart, Phase.TO_TARGET, cart.source.tile, cart.target.tile)


def unload(land: Land, company: Company, cart: Cart) -> None:
    """Sell everything to a town, or fill a workshop's store and wait while it is full; then drive back."""
    if isinstance(cart.target, Site):
        sell(land, company, cart)
    else:
        assert cart.target.kind == WORKSHOP
        units = min(cart.load, land.book.n["store"] - cart.target.inputs[cart.good])
        cart.target.inputs[cart.good] += units
        cart.load -= units
        if units > 0:
            company.reach("deliver", land.turn)
    if cart.load == 0:
        cart.road_driven = True
        depart(cart, Phase.TO_SOURCE, cart.target.tile, cart.source.tile)


def sell(land: Land, company: Company, cart: Cart) -> None:
    """Sell a cart's load unit by unit at the falling price."""
    town = cart.target.number
    while cart.load > 0:
        price = land.price(town, cart.good)
        company.receive("sales", price)
        company.sales += price
        company.count("sold", cart.good, -1)
        land.glut[town, cart.good] += 1
        cart.load -= 1
    company.reach("sell", land.turn)
