"""For the engine's tests: a map made by hand, a plain Dijkstra as oracle, and random orders that often are legal."""

from __future__ import annotations

import heapq
from typing import Any

import numpy as np

from envs.waybill.core import state as st
from envs.waybill.core.levels import LevelConfig, RecipeConfig
from envs.waybill.core.scratch import make_scratch
from envs.waybill.maps.generate import NEAR
from envs.waybill.maps.pool import MapPool
from envs.waybill.maps.travel import UNREACHABLE
from envs.waybill.rules.game import judge_orders, play_turns, start_games

ROWS = (
    "......",
    ".D.~..",
    "...~..",
    "...~..",
    ".D.^T.",
    "......",
)
TERRAIN = {".": st.PLAIN, "D": st.PLAIN, "T": st.PLAIN, '"': st.FOREST, "^": st.HILL, "~": st.WATER}
NORTH, SOUTH, TOWN, YARD = 7, 25, 28, 26  # two deposits of wood, the town, and the tile between SOUTH and TOWN


def hand_level(**numbers: Any) -> LevelConfig:
    """A level of two wood deposits and a town that buys wood and planks."""
    values: dict[str, Any] = {
        "name": "hand", "side": 6, "deposits": 2, "towns": 1, "raw_goods": ["wood"], "refined_goods": ["planks"],
        "prices": {"wood": 5, "planks": 20}, "recipes": [RecipeConfig({"wood": 2}, "planks")], "horizon": 40,
        "start_cash": 200, "train_steps": 1000, "max_buildings": 3, "max_carts": 2, "extractor_cost": 40,
        "extractor_lead": 2, "extractor_upkeep": 1, "workshop_cost": 60, "workshop_lead": 3, "workshop_upkeep": 2,
        "cart_cost": 20, "cart_upkeep": 1, "cart_capacity": 4, "cart_speed": 4, "refund_percent": 50, "dig_rate": 2,
        "store": 6, "reserve": 10, "renew_turns": 4, "market_depth": 10, "market_turns": 5,
    }  # fmt: skip
    return LevelConfig(**{**values, **numbers})


def dijkstra(terrain: np.ndarray, costs: tuple[int, ...], side: int, start: int) -> np.ndarray:
    """Travel units from a tile to every tile, the naive way: int64 [side * side], UNREACHABLE where there is no way."""
    distance = np.full(side * side, UNREACHABLE, np.int64)
    distance[start] = 0
    queue = [(0, start)]
    while queue:
        far, tile = heapq.heappop(queue)
        if far > distance[tile]:
            continue
        row, column = divmod(tile, side)
        for r, c in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
            if 0 <= r < side and 0 <= c < side and terrain[r * side + c] != st.WATER:
                other = r * side + c
                further = far + costs[terrain[tile]] + costs[terrain[other]]
                if further < distance[other]:
                    distance[other] = further
                    heapq.heappush(queue, (further, other))
    return distance


def costs_of(level: LevelConfig) -> tuple[int, ...]:
    """Cost of each terrain."""
    return (level.terrain.plain_cost, level.terrain.forest_cost, level.terrain.hill_cost, 0)


def hand_pool(level: LevelConfig) -> MapPool:
    """The map above as a pool of one; the town pays 5 for wood and 20 for planks."""
    terrain = np.array([TERRAIN[mark] for row in ROWS for mark in row], np.int8)
    sites = (NORTH, SOUTH, TOWN)
    travel = np.array([dijkstra(terrain, costs_of(level), 6, tile) for tile in sites])
    price = np.zeros((1, 3, 2), np.int16)
    price[0, 2] = (5, 20)
    return MapPool(
        seed=np.array([1], np.uint64),
        terrain=terrain.reshape(1, 36),
        site_tile=np.array([sites], np.int16),
        site_good=np.array([[0, 0, -1]], np.int8),
        site_price=price,
        site_travel=travel.astype(np.uint16).reshape(1, 3, 36),
        near=np.full((1, 3, NEAR), -1, np.int16),
    )


def company(states: Any, seat: int = 0) -> Any:
    """The COMPANY record in a seat of a STATE record; of a STATE array [N], those of all games."""
    found = states["companies"]
    return found[seat] if found.ndim == 1 else found[:, seat]


def views(games: int, seat: int = 0) -> np.ndarray:
    """The same seat in all games, int64 [N, 2]."""
    return np.stack([np.arange(games), np.full(games, seat)], axis=1)


class Play:
    """Games on one map pool, played order by order; ``s`` is game 0 as a STATE record."""

    def __init__(self, level: LevelConfig, pool: MapPool, games: int = 1) -> None:
        self.level, self.pool, self.record, self.scratch = level, pool, level.record(), make_scratch()
        self.seats = 1 + len(level.rivals)
        self.states = st.records(games, st.STATE)
        rows = np.arange(games) % len(pool.seed)
        start_games(self.states, pool, self.record, rows, np.arange(games).astype(np.uint64), 0, games)

    @property
    def s(self) -> Any:
        return self.states[0]

    @property
    def me(self) -> Any:
        """The company in seat 0 of game 0."""
        return company(self.s)

    def step(self, orders: np.ndarray) -> None:
        """One turn of all games, orders [N, seats]; with orders [N], all but the first company pass."""
        if orders.ndim == 1:
            first, orders = orders, st.records(len(orders) * self.seats, st.ORDER).reshape(-1, self.seats)
            orders[:, 0] = first
        play_turns(self.states, self.pool, self.record, orders, self.scratch, 0, len(self.states))

    def order(self, verb: int, tile: int = -1, *, target: int = -1, recipe: int = 0, cart: int = 0) -> Any:
        """One turn of game 0 (of a batch of one) with this order; returns the state."""
        self.step(make_order(verb, tile, target=target, recipe=recipe, cart=cart))
        return self.s

    def wait(self, turns: int) -> Any:
        """PASS for some turns."""
        for _ in range(turns):
            self.order(st.PASS)
        return self.s


def make_order(verb: int, tile: int = -1, *, target: int = -1, recipe: int = 0, cart: int = 0) -> np.ndarray:
    """An ORDER array [1]."""
    one = st.records(1, st.ORDER)
    one["verb"], one["tile"], one["target"], one["recipe"], one["cart"] = verb, tile, target, recipe, cart
    return one


USUAL_VERBS = (st.PASS,) * 24 + (st.EXTRACT, st.WORKSHOP, st.HAUL) * 2 + (st.HAUL, st.DISMANTLE)


def random_orders(
    rng: np.random.Generator, play: Play, verbs: tuple[int, ...] = USUAL_VERBS, tries: int = 24, seat: int = 0
) -> np.ndarray:
    """An order for a seat of each game, ORDER [N]: mostly the first legal one of several of a verb, else the first."""
    games, level, pool = len(play.states), play.level, play.pool
    orders = st.records(games * tries, st.ORDER).reshape(games, tries)
    orders["verb"] = rng.choice(verbs, (games, 1))
    orders["recipe"] = rng.integers(0, max(1, len(level.recipes)), (games, tries))
    orders["cart"] = np.maximum(-1, rng.integers(-2 * level.max_carts, level.max_carts, (games, tries)))
    for i in range(games):
        row = int(play.states["map"][i])
        me = company(play.states[i], seat)
        built = me["buildings"]["tile"][: int(me["n_slots"])]
        near = pool.near[row].ravel()
        places = np.concatenate([pool.site_tile[row], np.tile(built, 4), near[near >= 0]])
        orders["tile"][i], orders["target"][i] = rng.choice(places, (2, tries))
    legal = np.zeros((games, tries), np.bool_)
    judge_orders(play.states, seat, pool, play.record, orders, legal)
    pick = np.where(rng.random(games) < 0.15, 0, legal.argmax(1))
    return np.ascontiguousarray(orders[np.arange(games), pick])


def orders_of_all(rng: np.random.Generator, play: Play, verbs: tuple[int, ...] = USUAL_VERBS) -> np.ndarray:
    """Random orders for all companies, ORDER [N, seats]."""
    return np.stack([random_orders(rng, play, verbs, seat=seat) for seat in range(play.seats)], axis=1)
