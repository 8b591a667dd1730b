"""A game in words: names of places and goods, orders, and the tables that stand beside the map."""

from __future__ import annotations

from typing import Any

from envs.waybill.core import state as st
from envs.waybill.core.levels import LevelConfig
from envs.waybill.core.notation import recipe_names
from envs.waybill.maps.pool import MapPool
from envs.waybill.render.scene import Scene, look


def spot(tile: int, side: int) -> str:
    """A tile as (row,column)."""
    return f"({tile // side},{tile % side})"


def town_name(town: int) -> str:
    """Towns are A, B, C …"""
    return chr(ord("A") + town)


def good_letters(level: LevelConfig) -> list[str]:
    """One lower-case letter per good: its first letter that no earlier good has taken."""
    letters: list[str] = []
    for good in level.goods:
        free = [letter for letter in good.lower() + "abcdefghijklmnopqrstuvwxyz" if letter not in letters]
        letters.append(free[0])
    return letters


def place_name(scene: Scene, tile: int) -> str:
    """What stands on a tile and where: "(3,4) extractor", "town B (9,2)", or the bare place.

    A site that the company has never seen has no name: an order that is not legal may point at one.
    """
    where = spot(tile, scene.side)
    for _, building in scene.buildings():
        if building["tile"] == tile:
            return f"{where} {'extractor' if building['kind'] == st.EXTRACTOR else 'workshop'}"
    site = _known_site(scene, tile)
    if site is None:
        return where
    town = site - scene.level.deposits
    return f"{where} deposit" if town < 0 else f"town {town_name(town)} {where}"


def _known_site(scene: Scene, tile: int) -> int | None:
    """The site on a tile that the company has seen; None if there is none."""
    tiles = scene.site_tiles()
    site = tiles.index(tile) if tile in tiles else None
    return site if site is not None and scene.knows(site) else None


def describe_order(order: Any, state: Any, pool: MapPool, level_config: LevelConfig) -> str:
    """An order in words, such as "haul wood from (3,4) extractor to (5,6) workshop with cart 2".

    Args:
        order: ORDER record.
        state: STATE record that the order is given in; ``pool`` is the map pool it points into.
    """
    scene, verb, tile = look(state, pool, level_config), int(order["verb"]), int(order["tile"])
    where = place_name(scene, tile)
    if verb == st.EXTRACT:
        site = _known_site(scene, tile)
        good = -1 if site is None else int(scene.pool.site_good[scene.row, site])  # -1 of a town, too
        return (
            f"build an extractor for {level_config.goods[good]} at {spot(tile, scene.side)}"
            if good >= 0
            else f"build an extractor at {where}"
        )
    if verb == st.WORKSHOP:
        names, recipe = recipe_names(level_config), int(order["recipe"])
        product = names[recipe] if 0 <= recipe < len(names) else f"recipe {recipe}"
        return f"build a workshop for {product} at {spot(tile, scene.side)}"
    if verb == st.HAUL:
        outputs = [int(b["output"]) for _, b in scene.buildings() if b["tile"] == tile]
        good_name = f"{level_config.goods[outputs[0]]} " if outputs else ""
        cart = "a new cart" if order["cart"] == st.NEW_CART else f"cart {int(order['cart'])}"
        return f"haul {good_name}from {where} to {place_name(scene, int(order['target']))} with {cart}"
    if verb == st.DISMANTLE:
        return f"dismantle {where}"
    return "pass" if verb == st.PASS else "no order (an empty candidate)"


def game_status(scene: Scene) -> str:
    """How the game stands: "playing", "over" or "bankrupt"."""
    if scene.me["bankrupt"]:
        return "bankrupt"
    return "over" if scene.state["done"] else "playing"


def money_rows(scene: Scene) -> list[tuple[str, int]]:
    """(account, coins that came in or, negative, went out)."""
    return list(zip(st.CASH_ACCOUNTS, map(int, scene.me["cash_ledger"]), strict=True))


def goods_rows(scene: Scene) -> list[tuple[str, list[int]]]:
    """(good, [in store, on carts, dug, consumed, produced, sold, lost])."""
    ledger = scene.me["goods_ledger"]
    return [(name, [*scene.stored(i), *(abs(int(v)) for v in ledger[i])]) for i, name in enumerate(scene.level.goods)]


def price_rows(scene: Scene) -> list[tuple[int, int, int, int, int]]:
    """(town, good, price now, price in an empty market, glut), for all that is bought."""
    towns, goods = range(scene.level.towns), range(len(scene.level.goods))
    return [
        (town, good, scene.price(town, good), scene.base_price(town, good), int(scene.state["glut"][town, good]))
        for town in towns
        for good in goods
        if scene.base_price(town, good) > 0
    ]


def building_line(scene: Scene, building: Any) -> str:
    """One building: where, what, what it holds, or the turns until it works."""
    name = place_name(scene, int(building["tile"]))
    output = scene.level.goods[int(building["output"])]
    held = f"{output} {int(building['stock'])}"
    if building["kind"] == st.EXTRACTOR:
        held += f", {int(scene.state['reserve'][int(building['site'])])} left in the ground"
    else:
        held = ", ".join([*(f"{scene.level.goods[g]} {units}" for g, units in scene.inputs(building)), f"→ {held}"])
    if building["ready_in"] > 0:
        held = f"{output}, works in {int(building['ready_in'])}"
    return f"{name}: {held}"


def cart_line(scene: Scene, number: int, cart: Any) -> str:
    """One cart: its phase, load and route."""
    phase = st.CART_PHASES[int(cart["phase"])]
    if cart["phase"] == st.IDLE:
        return f"cart {number}: idle"
    source, target = (place_name(scene, scene.place_tile(int(cart[end]))) for end in ("source", "target"))
    load = f"{int(cart['load'])} {scene.level.goods[int(cart['good'])]}"
    left = f" {int(cart['leg_left'])}" if cart["leg_left"] > 0 else ""
    return f"cart {number}: {phase}{left}, {load}, from {source} to {target}"


def rival_row(rival: Scene) -> list[tuple[str, str]]:
    """(what, value) of one rival; only its sales are public, and a turn later."""
    me = rival.me
    sales, last = int(me["public_total"] + me["sales"]), int(me["sales"])
    figures = {"sales": sales, "last turn": last, "cash": int(me["cash"]), "buildings": len(rival.buildings())}
    return [(name, str(value)) for name, value in {**figures, "carts": len(rival.carts())}.items()]


def rival_line(rival: Scene, *, public: bool = False) -> str:
    """One rival: its number, the rule it plays by, and how it stands; only its sales if no more is ``public``."""
    figures = ", ".join(f"{name} {value}" for name, value in rival_row(rival)[: 1 if public else None])
    end = ", bankrupt" if rival.me["bankrupt"] else ""
    return f"rival {rival.seat} ({rival.level.rivals[rival.seat - 1]}): {figures}{end}"


def best_candidates(candidates: list[tuple[str, float, bool]], count: int) -> list[tuple[str, float, bool]]:
    """The ``count`` candidates of highest value, best first; the chosen one is always among them."""
    ranked = sorted(candidates, key=lambda row: -row[1])
    shown = ranked[:count]
    chosen = [row for row in ranked[count:] if row[2]]
    return [*shown[: count - len(chosen)], *chosen]
