"""A state with its map and level side by side, and the few things that text and pictures both need to know of it.

A game is shown as it is, rivals and what the player hasn't seen included; what it doesn't know of is marked.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from envs.waybill.core import state as st
from envs.waybill.core.levels import LevelConfig
from envs.waybill.core.scratch import Scratch, make_scratch
from envs.waybill.core.state import MAX_BUILDINGS
from envs.waybill.maps.pool import MapPool
from envs.waybill.maps.travel import travel_field
from envs.waybill.maps.uncleared import shown_terrain
from envs.waybill.rules.books import price_at

Candidate = tuple[str, float, bool]  # text, Q-value, chosen


@dataclass(frozen=True, eq=False)
class Scene:
    """One state to be shown, from one seat. ``state`` is a STATE record, ``pool`` the map pool it points into."""

    state: Any
    pool: MapPool
    level: LevelConfig
    record: np.ndarray  # LEVEL [1]
    scratch: Scratch
    seat: int = 0

    @property
    def me(self) -> Any:
        """The COMPANY record in the seat: the player whose game is shown, or a rival."""
        return self.state["companies"][self.seat]

    def rivals(self) -> list[Scene]:
        """The same state as each rival's."""
        return [replace(self, seat=seat) for seat in range(1, 1 + len(self.level.rivals))]

    def knows(self, site: int) -> bool:
        """True if the company has ever seen a site."""
        return bool(int(self.me["known"]) >> site & 1)

    @property
    def row(self) -> int:
        """Row of the game's map in the pool."""
        return int(self.state["map"])

    @property
    def side(self) -> int:
        """Tiles along one side of the map."""
        return self.level.side

    @property
    def score(self) -> int:
        """Profit so far in coins."""
        return int(self.me["cash"]) - self.level.start_cash

    def terrain(self) -> np.ndarray:
        """Terrain of the map, int8 [side, side]."""
        return self.pool.terrain[self.row].reshape(self.side, self.side)

    def shown_terrain(self) -> np.ndarray:
        """The same as it can be shown to a company that has not seen all sites: nothing of it tells where they are."""
        return shown_terrain(self.pool, self.row, self.level)

    def site_tiles(self) -> list[int]:
        """Tiles of the deposits, then of the towns."""
        return [int(tile) for tile in self.pool.site_tile[self.row]]

    def town_tile(self, town: int) -> int:
        """Tile of a town."""
        return int(self.pool.site_tile[self.row, self.level.deposits + town])

    def buildings(self) -> list[tuple[int, Any]]:
        """(slot, BUILDING record) of all that stands."""
        slots = self.me["buildings"][: int(self.me["n_slots"])]
        return [(slot, building) for slot, building in enumerate(slots) if building["kind"] != st.EMPTY]

    def carts(self) -> list[Any]:
        """CART records of the carts owned."""
        return list(self.me["carts"][: int(self.me["n_carts"])])

    def place_tile(self, place: int) -> int:
        """Tile of a place: a building's slot, or MAX_BUILDINGS + town."""
        if place >= MAX_BUILDINGS:
            return self.town_tile(place - MAX_BUILDINGS)
        return int(self.me["buildings"][place]["tile"])

    def inputs(self, building: Any) -> list[tuple[int, int]]:
        """(good, units in store) of a workshop's inputs; nothing for an extractor."""
        if building["kind"] != st.WORKS:
            return []
        recipe = self.record[0]["recipes"][int(building["recipe"])]
        count = int(recipe["n_inputs"])
        return [(int(recipe["inputs"][j]), int(building["inputs"][j])) for j in range(count)]

    def base_price(self, town: int, good: int) -> int:
        """Coins a town pays for one unit in an empty market, 0: does not buy."""
        return int(self.pool.site_price[self.row, self.level.deposits + town, good])

    def price(self, town: int, good: int) -> int:
        """Coins a town pays for the next unit."""
        glut = np.int64(self.state["glut"][town, good])
        return int(price_at(self.state, self.pool, self.record[0], np.int64(town), np.int64(good), glut))

    def stored(self, good: int) -> tuple[int, int]:
        """Units of a good in buildings and on carts."""
        stock = sum(int(b["stock"]) for _, b in self.buildings() if b["output"] == good)
        stock += sum(units for _, b in self.buildings() for other, units in self.inputs(b) if other == good)
        return stock, sum(int(cart["load"]) for cart in self.carts() if cart["good"] == good)

    def path(self, start: int, end: int) -> list[int]:
        """Tiles of a shortest path between two tiles, both included: down the field of travel times to the end."""
        terrain, cost = self.pool.terrain[self.row], self.record[0]["terrain_cost"]
        travel_field(terrain, cost, np.int64(self.side), np.int64(end), self.scratch)
        tiles = [start]
        while tiles[-1] != end:
            row, column = divmod(tiles[-1], self.side)
            steps = ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1))
            ahead = [r * self.side + c for r, c in steps if 0 <= r < self.side and 0 <= c < self.side]
            tiles.append(min(ahead, key=lambda tile: int(self.scratch.distance[tile]) + int(cost[terrain[tile]])))
        return tiles

    def cart_at(self, cart: Any) -> tuple[float, float]:
        """Row and column of a cart, between two tiles while it drives."""
        whole = int(cart["leg_turns"])
        driven = 1.0 if whole == 0 else max(0.0, 1.0 - int(cart["leg_left"]) / whole)  # 0: not yet at the start
        path = self.path(int(cart["leg_from"]), int(cart["leg_to"]))
        rows, columns = np.divmod(np.array(path), self.side)
        costs = self.record[0]["terrain_cost"][self.pool.terrain[self.row][path]].astype(float)
        at = np.concatenate([[0.0], np.cumsum(costs[1:] + costs[:-1])])  # travel units from the start
        return tuple(float(np.interp(driven * at[-1], at, values)) for values in (rows, columns))  # type: ignore[return-value]


def look(state: Any, pool: MapPool, level: LevelConfig) -> Scene:
    """The scene of a state: a STATE record, or an array of one."""
    record = state[0] if getattr(state, "shape", ()) else state
    return Scene(record, pool, level, level.record(), make_scratch())
