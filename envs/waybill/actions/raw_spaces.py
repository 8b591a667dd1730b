"""Action spaces without candidates: every number is an order for good, whether it is legal now or not.

A space is a class marked ``@named``, found by its name in lower case; a new one is one class here and one config file.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from envs.waybill.actions.base import ActionSpace, GameArrays
from envs.waybill.actions.buckets import bucket_mask, bucket_orders
from envs.waybill.actions.raw import raw_mask, raw_orders
from envs.waybill.core.parts import named
from envs.waybill.core.state import DISMANTLE, EXTRACT, HAUL, NEW_CART, ORDER, VERBS, WORKSHOP, n_raw_actions, records
from envs.waybill.options import GameOptions
from groundwork.errors import WaybillError


class RawSpace(ActionSpace):
    """The numbering that all of them share: PASS | EXTRACT | WORKSHOP | HAUL | DISMANTLE, with places for tiles.

    Args:
        places: places a side: tiles, or cells of them.
        views: R.
    """

    def __init__(self, options: GameOptions, views: int, places: int) -> None:
        self._level, self._places = options.level, places
        recipes, carts = len(self._level.recipes), self._level.max_carts
        self._sizes = (1, places**2, recipes * places**2, (carts + 1) * places**4, places**2)
        super().__init__(views=views, n_actions=n_raw_actions(places, recipes, carts), slots=0)

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

    def offers(self, games: GameArrays, scratch: Any, orders: np.ndarray) -> np.ndarray:
        """As in ``ActionSpace``: an order is offered where its number stands for it."""
        found = records(len(orders), ORDER)
        self.fill_orders(games, scratch, self.actions_of(orders), found, 0, len(orders))
        return found == orders


@named
class Full(RawSpace):
    """The raw action space with nothing masked: an order that is not legal does nothing and is counted."""

    mask_is_constant = True
    compiled: tuple[Any, ...] = (raw_orders,)

    def __init__(self, options: GameOptions, views: int) -> None:
        super().__init__(options, views, options.level.side)

    def look(self, games: GameArrays, scratch: Any, low: int, high: int) -> None:
        """Nothing is masked."""

    def fill_orders(
        self, games: GameArrays, scratch: Any, actions: np.ndarray, orders: np.ndarray, low: int, high: int
    ) -> None:
        """As in ``ActionSpace``."""
        raw_orders(games[3], actions, orders, low, high)


@named
class Masked(Full):
    """The raw action space with its illegal actions masked."""

    mask_is_constant = False
    compiled = (raw_orders, raw_mask)

    def look(self, games: GameArrays, scratch: Any, low: int, high: int) -> None:
        """Mask what is not legal in views low..high-1."""
        raw_mask(*games, scratch, self.mask, low, high)


@named
class Buckets(RawSpace):
    """The raw action space with ``cells`` a side in place of tiles, see ``buckets.py``.

    Raises:
        WaybillError: if the level has fewer tiles a side than ``cells``.
    """

    compiled = (bucket_orders, bucket_mask)

    def __init__(self, options: GameOptions, views: int) -> None:
        level, cells = options.level, options.cells
        if not 1 <= cells <= level.side:
            raise WaybillError(f"cells={cells}, allowed are 1..{level.side}, the side of level {level.name}")
        super().__init__(options, views, cells)

    def look(self, games: GameArrays, scratch: Any, low: int, high: int) -> None:
        """Mask the numbers that stand for no legal order in views low..high-1."""
        bucket_mask(*games, scratch, self._places, self.mask, low, high)

    def fill_orders(
        self, games: GameArrays, scratch: Any, actions: np.ndarray, orders: np.ndarray, low: int, high: int
    ) -> None:
        """As in ``ActionSpace``; NO_ORDER for a bucket in which no order is legal."""
        bucket_orders(*games, scratch, self._places, actions, orders, low, high)
