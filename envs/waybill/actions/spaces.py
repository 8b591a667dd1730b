"""Action spaces without candidates: ``full``, ``masked`` and ``buckets`` as a batch of games plays them."""

from __future__ import annotations

from typing import Any

import numpy as np

from envs.waybill.actions.buckets import bucket_mask, bucket_orders
from envs.waybill.actions.raw import raw_mask, raw_orders
from envs.waybill.core.levels import LevelConfig
from envs.waybill.core.state import DISMANTLE, EXTRACT, HAUL, NEW_CART, VERBS, WORKSHOP, n_raw_actions

RAW_SPACES = ("full", "masked", "buckets")
Games = tuple[Any, Any, Any, Any]  # states, views, pool, level record


class RawSpace:
    """One of RAW_SPACES on a level; ``n_actions`` is A.

    Args:
        cells: a side, for ``buckets``.

    Raises:
        ValueError: if the level has fewer tiles a side than ``cells``.
    """

    def __init__(self, name: str, level: LevelConfig, cells: int) -> None:
        self._name, self._cells, self._level = name, cells, level
        if name == "buckets" and not 1 <= cells <= level.side:
            raise ValueError(f"cells={cells}, allowed are 1..{level.side}, the side of level {level.name}")
        places, recipes, carts = cells if name == "buckets" else level.side, len(level.recipes), level.max_carts
        self.n_actions = n_raw_actions(places, recipes, carts)
        self._places = places
        self._sizes = (1, places**2, recipes * places**2, (carts + 1) * places**4, places**2)

    def fill_mask(self, games: Games, scratch: Any, mask: np.ndarray, low: int, high: int) -> None:
        """Legality in views low..high-1 into int8 [R, A]; ``full`` leaves it as it is."""
        if self._name == "masked":
            raw_mask(*games, scratch, mask, low, high)
        elif self._name == "buckets":
            bucket_mask(*games, scratch, self._cells, mask, low, high)

    def fill_orders(
        self, games: Games, scratch: Any, actions: np.ndarray, orders: np.ndarray, low: int, high: int
    ) -> None:
        """What actions [R] stand for in views low..high-1, into ORDER [R]."""
        if self._name == "buckets":
            bucket_orders(*games, scratch, self._cells, actions, orders, low, high)
        else:
            raw_orders(games[3], actions, orders, low, high)

    def actions_of(self, orders: np.ndarray) -> np.ndarray:
        """The number that each order [n] has, whether or not it stands for that order now: int64 [n]."""
        side, places, carts = self._level.side, self._places, self._level.max_carts
        verb, recipe, cart = (orders[key].astype(np.int64) for key in ("verb", "recipe", "cart"))
        rows, columns = np.divmod(np.stack([orders["tile"], orders["target"]]).astype(np.int64), side)
        tile, target = rows * places // side * places + columns * places // side
        first = np.cumsum((0, *self._sizes))[verb]
        own = np.select([verb == WORKSHOP, verb == HAUL], [recipe, np.where(cart == NEW_CART, carts, cart)], 0)
        number = own * places**2 + np.where(np.isin(verb, (EXTRACT, WORKSHOP, HAUL, DISMANTLE)), tile, 0)
        return first + np.where(verb == HAUL, number * places**2 + target, number)

    def verbs(self) -> np.ndarray:
        """The verb of every action, int8 [A]."""
        return np.repeat(np.arange(len(VERBS), dtype=np.int8), self._sizes)
