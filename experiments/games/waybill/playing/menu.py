"""The legal orders of a person in words, with what each costs and what comes of it: all by the engine's own rules."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from envs.waybill.core import state as st
from envs.waybill.core.notation import order_to_words, recipe_names
from envs.waybill.core.state import MAX_BUILDINGS
from envs.waybill.render import describe_order
from envs.waybill.render.scene import Scene, look
from envs.waybill.render.words import place_name, town_name
from envs.waybill.rules.books import building_at, place_at, price_at, route_units, turns
from experiments.games.waybill.playing.session import PlaySession


class MenuRow(NamedTuple):
    """A legal order: under which head it stands, its own words, coins it costs (less than 0: brings), what follows."""

    order: Any
    head: str
    text: str
    cost: int
    note: str


class Menu:
    """All legal orders of one moment, and the words of those that are asked for."""

    def __init__(self, session: PlaySession) -> None:
        self.orders = session.legal()
        self._state = session.seen_states(session.turn)
        self._scene = look(self._state, session.pool, session.level)
        self._session = session

    def rows(self, chosen: np.ndarray) -> list[MenuRow]:
        """These orders [K] in words."""
        return [_row(order, self._scene) for order in chosen]

    def at_tile(self, tile: int) -> np.ndarray:
        """Orders that concern a tile: what can be built there or is done with what stands there, ORDER [K]."""
        orders = self.orders
        there = (orders["verb"] != st.PASS) & (orders["tile"] == tile)
        return orders[there | ((orders["verb"] == st.HAUL) & (orders["target"] == tile))]

    def of_cart(self, cart: int) -> np.ndarray:
        """Where a cart can be sent, ORDER [K]."""
        return self.orders[(self.orders["verb"] == st.HAUL) & (self.orders["cart"] == cart)]

    def of_verb(self, verb: int) -> np.ndarray:
        """Orders of a verb, ORDER [K]."""
        return self.orders[self.orders["verb"] == verb]

    def places(self) -> dict[str, list[int]]:
        """The tiles that orders of each verb concern; of HAUL where goods come from."""
        found = {}
        for verb in range(st.PASS + 1, len(st.VERBS)):
            found[st.VERBS[verb]] = sorted({int(order["tile"]) for order in self.of_verb(verb)})
        return found

    def described(self, row: MenuRow) -> dict[str, Any]:
        """A row as plain JSON."""
        return {
            "order": order_to_words(row.order, self._session.level),
            "verb": st.VERBS[int(row.order["verb"])],
            "tile": int(row.order["tile"]) if row.order["verb"] != st.PASS else -1,
            "target": int(row.order["target"]) if row.order["verb"] == st.HAUL else -1,
            "whole": describe_order(row.order, self._state[0], self._session.pool, self._session.level),
            **{name: getattr(row, name) for name in ("head", "text", "cost", "note")},
        }


def _row(order: Any, scene: Scene) -> MenuRow:
    verb, level = int(order["verb"]), scene.level
    if verb == st.EXTRACT:
        site = scene.site_tiles().index(int(order["tile"]))
        good = level.goods[int(scene.pool.site_good[scene.row, site])]
        note = _building_note(level.extractor_lead, level.extractor_upkeep)
        return MenuRow(order, "Build here", f"an extractor for {good}", level.extractor_cost, note)
    if verb == st.WORKSHOP:
        recipe = level.recipes[int(order["recipe"])]
        inputs = " and ".join(f"{units} {good}" for good, units in recipe.inputs.items())
        made = f"{inputs} → {recipe.output_units} {recipe.output}"
        note = f"{made}; {_building_note(level.workshop_lead, level.workshop_upkeep)}"
        name = recipe_names(level)[int(order["recipe"])]
        return MenuRow(order, "Build here", f"a workshop for {name}", level.workshop_cost, note)
    if verb == st.HAUL:
        return _haul_row(order, scene)
    if verb == st.DISMANTLE:
        slot = int(building_at(scene.me, np.int64(order["tile"])))
        kind = scene.me["buildings"][slot]["kind"]
        cost = level.extractor_cost if kind == st.EXTRACTOR else level.workshop_cost
        what = "the extractor" if kind == st.EXTRACTOR else "the workshop"
        return MenuRow(order, "Clear", f"dismantle {what}", -(cost * level.refund_percent // 100), "its goods are lost")
    return MenuRow(order, "Wait", "pass", 0, "nothing is ordered this turn")


def _building_note(lead: int, upkeep: int) -> str:
    return f"works after {lead} turn{'s' * (lead != 1)}, costs {upkeep} a turn"


def _haul_row(order: Any, scene: Scene) -> MenuRow:
    level, lv, me = scene.level, scene.record[0], scene.me
    tile, target = np.int64(order["tile"]), np.int64(order["target"])
    slot = building_at(me, tile)
    place = place_at(scene.state, me, scene.pool, lv, target)
    way = int(turns(lv, route_units(scene.state, me, scene.pool, lv, slot, place)))
    good = int(me["buildings"][int(slot)]["output"])
    gets = ""
    if place >= MAX_BUILDINGS:
        gets = f"; {town_name(int(place) - MAX_BUILDINGS)} pays {_known_price(scene, int(place) - MAX_BUILDINGS, good)}"
    head = f"Haul {level.goods[good]} from {place_name(scene, int(tile))} to {place_name(scene, int(target))}"
    note = f"{way} turn{'s' * (way != 1)} one way, up to {level.cart_capacity} a trip{gets}"
    number = int(order["cart"])
    if number == st.NEW_CART:
        return MenuRow(order, head, "with a new cart", level.cart_cost, f"{note}; costs {level.cart_upkeep} a turn")
    cart = scene.carts()[number]
    load = f"; its {int(cart['load'])} {level.goods[int(cart['good'])]} are thrown away" if cart["load"] > 0 else ""
    return MenuRow(order, head, f"with cart {number} ({st.CART_PHASES[int(cart['phase'])]})", 0, f"{note}{load}")


def _known_price(scene: Scene, town: int, good: int) -> int:
    """Coins for the next unit, by what the company last saw of the town."""
    glut = np.int64(scene.me["seen_glut"][town, good])
    return int(price_at(scene.state, scene.pool, scene.record[0], np.int64(town), np.int64(good), glut))
