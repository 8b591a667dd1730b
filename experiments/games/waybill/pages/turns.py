"""One turn of a game as plain JSON: whole numbers, names and lists, for a page that knows no rule of the game.

Nothing here knows how the game is played or by whom: a turn is made from states, their map and their level, whether
they come from a record or from a game that goes on. With ``seat`` it holds only what the company in that seat knows.

Rows of buildings, carts and goods are lists; ``COLUMNS`` names their places and goes with the map. Tiles are flat
row-major numbers, -1 for none; goods, sites and companies are numbers into the lists of the map.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from envs.waybill.core import state as st
from envs.waybill.core.levels import LevelConfig
from envs.waybill.maps.pool import MapPool
from envs.waybill.maps.uncleared import shown_terrain
from envs.waybill.render import words
from envs.waybill.render.canvas import BLUE
from envs.waybill.render.icons import CART_COLOURS, RIVAL_COLOURS, good_colour
from envs.waybill.render.scene import Scene, look
from envs.waybill.render.svg import hex_colour
from envs.waybill.rules.books import price_at
from experiments.games.waybill.pages.happenings import happened_to

COLUMNS: dict[str, list[str]] = {
    "building": ["slot", "kind", "tile", "good", "ready_in", "stock", "site", "inputs"],  # inputs: [good, units] each
    "cart": ["phase", "source", "target", "good", "load", "leg_from", "leg_to", "leg_turns", "leg_left"],
    "goods": ["in store", "on carts", *st.GOODS_ACCOUNTS],
    "money": list(st.CASH_ACCOUNTS),
    "kinds": ["nothing", "extractor", "workshop"],
    "phases": list(st.CART_PHASES),
}
Ways = dict[str, list[list[int]]]  # "from-to" → [tile, travel units from the start] of each tile on the way


def map_data(pool: MapPool, row: int, level: LevelConfig) -> dict[str, Any]:
    """What stays the same in a game: the land (under sites, too), the sites, the goods and the companies' names."""
    letters = words.good_letters(level)
    goods = [
        {"name": name, "letter": letters[k], "colour": hex_colour(good_colour(name, k))}
        for k, name in enumerate(level.goods)
    ]
    rivals = [f"rival {k} ({rule})" for k, rule in enumerate(level.rivals, start=1)]
    return {
        "level": level.name,
        "map_seed": int(pool.seed[row]),
        "side": level.side,
        "horizon": level.horizon,
        "reserve": level.reserve,
        "sight": level.sight,
        "capacity": level.cart_capacity,
        "leads": [0, level.extractor_lead, level.workshop_lead],
        "terrain": "".join(str(int(kind)) for kind in shown_terrain(pool, row, level).ravel()),
        "terrains": list(st.TERRAINS),
        "goods": goods,
        "sites": _sites(pool, row, level),
        "companies": ["the player", *rivals],
        "colours": {
            "carts": [hex_colour(colour) for colour in CART_COLOURS],
            "rivals": [hex_colour(colour) for colour in RIVAL_COLOURS],
            "companies": [hex_colour(colour) for colour in (BLUE, *RIVAL_COLOURS[: len(level.rivals)])],
        },
        "columns": COLUMNS,
    }


def _sites(pool: MapPool, row: int, level: LevelConfig) -> list[dict[str, Any]]:
    """Deposits, then towns. A town's ``base`` are the coins that it pays in an empty market, 0: does not buy."""
    found: list[dict[str, Any]] = []
    for site, tile in enumerate(pool.site_tile[row]):
        if site < level.deposits:
            found.append({"kind": "deposit", "tile": int(tile), "good": int(pool.site_good[row, site])})
        else:
            base = [int(price) for price in pool.site_price[row, site, : len(level.goods)]]
            name = words.town_name(site - level.deposits)
            found.append({"kind": "town", "tile": int(tile), "name": name, "base": base})
    return found


def turn_data(
    states: np.ndarray,
    pool: MapPool,
    level: LevelConfig,
    *,
    seat: int | None = None,
    sent: set[str] | None = None,
) -> dict[str, Any]:
    """One turn as plain JSON.

    Args:
        states: STATE [2], the state before and the present one, for what happened between them; or [1] at the start.
        pool: the map pool that they point into.
        seat: leaves out what the company in this seat does not know; None tells everything.
        sent: keys of the ways that the page has; those told now are added to it.
    """
    scene = look(states[-1], pool, level)
    before = look(states[0], pool, level) if len(states) > 1 else None
    seats = range(1 + len(level.rivals)) if seat is None else (seat,)
    told = [replace(scene, seat=k) for k in range(1 + len(level.rivals))]
    found: dict[str, Any] = {
        "turn": int(scene.state["turn"]),
        "over": bool(scene.state["done"]),
        "truth": _truth(scene) if seat is None else None,
        "companies": [_company(told[k], before) if k in seats else None for k in range(len(told))],
        "known": [known_to(told[k]) if k in seats else None for k in range(len(told))],
    }
    found["ways"] = _ways([told[k] for k in seats], set() if sent is None else sent)
    return found


def _truth(scene: Scene) -> dict[str, Any]:
    """The world as it is: reserves [deposits], who has an extractor there (-1: nobody), prices [towns, goods]."""
    level, state = scene.level, scene.state
    return {
        "reserves": _numbers(state["reserve"][: level.deposits]),
        "owners": _numbers(state["owner"][: level.deposits]),
        "prices": [[scene.price(town, good) for good in range(len(level.goods))] for town in range(level.towns)],
    }


def known_to(scene: Scene) -> dict[str, Any]:
    """What the company of a scene knows of the world beside its own things; None for what it has never seen.

    ``seen`` is the turn in which each site was last seen, -1 never; reserves, deposits taken by others and prices are
    those of that turn. ``sales`` are all coins that each company is known to have taken.
    """
    level, me, goods = scene.level, scene.me, range(len(scene.level.goods))
    deposits = [site if scene.knows(site) else None for site in range(level.deposits)]
    towns = [town if scene.knows(level.deposits + town) else None for town in range(level.towns)]
    rivals = [replace(scene, seat=seat).me for seat in range(1 + len(level.rivals))]
    return {
        "seen": [
            int(turn) if scene.knows(site) else -1
            for site, turn in enumerate(me["seen_turn"][: level.deposits + level.towns])
        ],
        "reserves": [None if site is None else int(me["seen_reserve"][site]) for site in deposits],
        "taken": [None if site is None else int(me["seen_taken"][site]) for site in deposits],
        "prices": [None if town is None else [_remembered(scene, town, good) for good in goods] for town in towns],
        "sales": [
            int(other["public_total"]) + (int(other["sales"]) if seat == scene.seat else 0)
            for seat, other in enumerate(rivals)
        ],
    }


def _remembered(scene: Scene, town: int, good: int) -> int:
    """Coins that a town paid for the next unit when the company last saw it."""
    glut = np.int64(scene.me["seen_glut"][town, good])
    return int(price_at(scene.state, scene.pool, scene.record[0], np.int64(town), np.int64(good), glut))


def _company(scene: Scene, before: Scene | None) -> dict[str, Any]:
    """A company's own things and books, and what happened to it since the state ``before``."""
    me = scene.me
    past = None if before is None else replace(before, seat=scene.seat)
    mark, happened = ("nothing", []) if past is None else happened_to(past, scene)
    return {
        "cash": int(me["cash"]),
        "score": scene.score,
        "sales": int(me["sales"]),
        "illegal": int(me["illegal"]),
        "status": words.game_status(scene),
        "buildings": [_building_row(scene, slot, building) for slot, building in scene.buildings()],
        "carts": [_cart_row(scene, cart) for cart in scene.carts()],
        "money": [coins for _, coins in words.money_rows(scene)],
        "goods": [numbers for _, numbers in words.goods_rows(scene)],
        "mark": mark,
        "happened": happened,
    }


def _building_row(scene: Scene, slot: int, building: Any) -> list[Any]:
    numbers = [slot, *(int(building[name]) for name in ("kind", "tile", "output", "ready_in", "stock", "site"))]
    return [*numbers, [list(pair) for pair in scene.inputs(building)]]


def _cart_row(scene: Scene, cart: Any) -> list[int]:
    ends = [-1, -1]
    if cart["phase"] != st.IDLE:
        ends = [scene.place_tile(int(cart[end])) for end in ("source", "target")]
    rest = (int(cart[name]) for name in ("good", "load", "leg_from", "leg_to", "leg_turns", "leg_left"))
    return [int(cart["phase"]), *ends, *rest]


def _ways(scenes: list[Scene], sent: set[str]) -> Ways:
    """The ways of all routes and of the legs that carts drive, but for those that were ``sent``."""
    found: Ways = {}
    for scene in scenes:
        for cart in scene.carts():
            phase, source, target, _, _, start, end, *_ = _cart_row(scene, cart)
            pairs = [] if phase == st.IDLE else [(source, target), (start, end), (end, start)]
            for one, other in pairs:
                key = f"{one}-{other}"
                if one >= 0 and other >= 0 and key not in sent:
                    sent.add(key)
                    found[key] = way_data(scene, one, other)
    return found


def way_data(scene: Scene, start: int, end: int) -> list[list[int]]:
    """A shortest way: [tile, travel units from the start] of each tile on it."""
    tiles = scene.path(start, end)
    costs = [int(scene.record[0]["terrain_cost"][scene.pool.terrain[scene.row][tile]]) for tile in tiles]
    units = np.cumsum([0, *(one + other for one, other in zip(costs[1:], costs[:-1], strict=True))])
    return [[tile, int(far)] for tile, far in zip(tiles, units, strict=True)]


def _numbers(values: Any) -> list[int]:
    return [int(value) for value in values]
