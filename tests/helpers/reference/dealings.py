"""Orders of the reference: which are legal as far as a company knows, and what they do."""

from __future__ import annotations

from collections.abc import Iterator

from carriage import send, stop
from country import Site
from holdings import Building, Cart, Company
from outlook import look_at
from rulebook import EXTRACTOR, PASSING, WORKSHOP, Order
from state_of_world import Land


def takes(company: Company, place: Building | Site, good: str) -> bool:
    """True if a town buys the good, or a workshop works with it."""
    if isinstance(place, Site):
        return place.prices.get(good, 0) > 0
    recipe = company.recipe_of(place)
    return recipe is not None and good in recipe.inputs


def place_at(land: Land, company: Company, tile: int | None) -> Building | Site | None:
    """The company's building on a tile, or else the town there that it knows."""
    own = company.building_at(tile)
    if own is not None:
        return own
    site = land.country.on_tile.get(-1 if tile is None else tile)
    return site if site is not None and site.is_town and site.number in company.known else None


def may_commute(land: Land, company: Company, tile: int | None, target: int | None) -> bool:
    """True if a cart could commute from the building on a tile to the place on another."""
    source, place = company.building_at(tile), place_at(land, company, target)
    if source is None or place is None or source is place:
        return False
    return takes(company, place, source.good)


def cart_may(land: Land, company: Company, order: Order) -> bool:
    """True if the cart of a HAUL can be had, and does not commute there already."""
    if order.cart is None:
        return len(company.carts) < land.book.n["max_carts"] and company.cash >= land.book.n["cart_cost"]
    if not 0 <= order.cart < len(company.carts):
        return False
    cart = company.carts[order.cart]
    there = cart.source is not None and cart.source.tile == order.tile and cart.target.tile == order.target
    return not there


def is_legal(land: Land, company: Company, order: Order) -> bool:
    """True if the order can be carried out as far as the company knows."""
    if order.verb == "pass":
        return True
    if company.bankrupt or land.over:
        return False
    if order.verb == "dismantle":
        return company.building_at(order.tile) is not None
    if order.verb == "haul":
        return may_commute(land, company, order.tile, order.target) and cart_may(land, company, order)
    return order.verb in ("extract", "workshop") and may_build(land, company, order)


def can_pay(land: Land, company: Company, kind: str) -> bool:
    """True if the company has the coins for a building, and room for one more."""
    return company.room() and company.cash >= land.book.cost[kind]


def may_build(land: Land, company: Company, order: Order) -> bool:
    """True if an extractor or workshop can be built, as far as the company knows."""
    kind = EXTRACTOR if order.verb == "extract" else WORKSHOP
    if not can_pay(land, company, kind):
        return False
    site = land.country.on_tile.get(-1 if order.tile is None else order.tile)
    if site is not None and site.number not in company.known:
        site = None
    if kind == EXTRACTOR:
        if site is None or site.is_town or company.building_at(order.tile) is not None:
            return False
        return not company.seen_taken.get(site.number, False)
    if order.recipe is None or not 0 <= order.recipe < len(land.book.recipes) or order.tile is None:
        return False
    return land.country.is_land(order.tile) and site is None and company.building_at(order.tile) is None


def legal_orders(land: Land, company: Company) -> Iterator[Order]:
    """All legal orders there are, by asking of every one that could be; anything else is not legal."""
    yield PASSING
    could_be = [Order("dismantle", tile) for tile in company.on_tile]
    tiles = range(land.country.side**2)
    if can_pay(land, company, EXTRACTOR):
        could_be += [Order("extract", tile) for tile in tiles]
    if can_pay(land, company, WORKSHOP):
        could_be += [Order("workshop", tile, recipe) for recipe in range(len(land.book.recipes)) for tile in tiles]
    yield from (order for order in could_be if is_legal(land, company, order))
    places = dict.fromkeys([*land.country.on_tile, *company.on_tile])
    carts = [None, *range(land.book.n["max_carts"])]
    for source in company.buildings:  # from anywhere else there is nothing to haul, and to anywhere else nowhere
        for target in places:
            if may_commute(land, company, source.tile, target):
                hauls = [Order("haul", source.tile, cart=cart, target=target) for cart in carts]
                yield from (order for order in hauls if is_legal(land, company, order))


def fails(land: Land, company: Company, order: Order) -> bool:
    """True if a legal order fails on what its company does not know: a taken deposit, or a site under its workshop.

    It knows then: of the deposit that it is taken, of the site all that there is to see.
    """
    site = land.country.on_tile.get(-1 if order.tile is None else order.tile)
    if order.verb == "extract" and land.owner[site.number] is not None:
        company.seen_taken[site.number] = True
        return True
    if order.verb == "workshop" and site is not None:
        look_at(land, company, {site.number})
        return True
    return False


def give(land: Land, company: Company, order: Order) -> None:
    """Carry out an order; one that is not legal, or comes too late, does nothing and is counted."""
    if not is_legal(land, company, order) or fails(land, company, order):
        company.illegal += 1
        return
    company.given[order.verb] += 1
    if order.verb == "extract":
        build_extractor(land, company, order.tile)
    elif order.verb == "workshop":
        build_workshop(land, company, order.tile, order.recipe)
    elif order.verb == "haul":
        haul(land, company, order)
    elif order.verb == "dismantle":
        dismantle(land, company, company.building_at(order.tile))


def put_up(company: Company, building: Building) -> None:
    """Pay for a building."""
    company.receive({EXTRACTOR: "extractors", WORKSHOP: "workshops"}[building.kind], -company.book.cost[building.kind])
    company.put_up(building)


def build_extractor(land: Land, company: Company, tile: int) -> None:
    """An extractor on a deposit, which is then taken."""
    site = land.country.on_tile[tile]
    land.owner[site.number] = company.seat
    put_up(company, Building(EXTRACTOR, tile, land.book.lead[EXTRACTOR], site.good, deposit=site.number))
    company.reach("extractor", land.turn)


def build_workshop(land: Land, company: Company, tile: int, recipe: int) -> None:
    """A workshop on free land."""
    output = land.book.recipes[recipe].output
    inputs = dict.fromkeys(land.book.recipes[recipe].inputs, 0)
    put_up(company, Building(WORKSHOP, tile, land.book.lead[WORKSHOP], output, recipe=recipe, inputs=inputs))
    company.workshops[recipe] += 1
    company.reach("workshop", land.turn)


def haul(land: Land, company: Company, order: Order) -> None:
    """Buy a cart at the source, or send one there from wherever it is."""
    source, place = company.building_at(order.tile), place_at(land, company, order.target)
    if order.cart is None:
        company.receive("carts", -land.book.n["cart_cost"])
        company.carts.append(Cart.at(source.tile))
        send(land, company, company.carts[-1], source, place)
    else:
        send(land, company, company.carts[order.cart], source, place)


def dismantle(land: Land, company: Company, building: Building) -> None:
    """Clear a building for a part of its cost; its goods are lost and its carts stop where they are."""
    company.receive("refunds", land.book.refund(building.kind))
    company.count("lost", building.good, -building.stock)
    for good, units in building.inputs.items():
        company.count("lost", good, -units)
    if building.deposit is not None:
        land.owner[building.deposit] = None
    company.clear(building)
    for cart in company.carts:
        if cart.source is building or cart.target is building:
            stop(company, cart)
