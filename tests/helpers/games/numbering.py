"""Raw actions and buckets numbered the slow way: as places in the list of all words."""

from __future__ import annotations

import numpy as np
from handmade import Play

from envs.waybill.actions.buckets import bucket_orders
from envs.waybill.core import levels
from envs.waybill.core.state import DISMANTLE, EXTRACT, HAUL, NEW_CART, ORDER, PASS, WORKSHOP, n_raw_actions, records


def n_buckets(level: levels.LevelConfig, cells: int) -> int:
    return n_raw_actions(cells, len(level.recipes), level.max_carts)


def cells_of(level: levels.LevelConfig, cells: int, tiles: np.ndarray) -> np.ndarray:
    """The cell of each tile: the naive twin."""
    return np.array([int(t // level.side * cells / level.side) * cells + int(t % level.side * cells / level.side)
                     for t in tiles.tolist()])  # fmt: skip


def numbers_of(level: levels.LevelConfig, cells: int, orders: np.ndarray) -> np.ndarray:
    """The bucket of each order, int64 [n]: the place of its words in the list of all words, counted out."""
    spots, recipes, carts = range(cells * cells), range(len(level.recipes)), [*range(level.max_carts), NEW_CART]
    words = [
        (PASS,),
        *((EXTRACT, c) for c in spots),
        *((WORKSHOP, r, c) for r in recipes for c in spots),
        *((HAUL, k, c, d) for k in carts for c in spots for d in spots),
        *((DISMANTLE, c) for c in spots),
    ]
    place = {word: i for i, word in enumerate(words)}
    assert len(place) == n_buckets(level, cells)
    source = cells_of(level, cells, orders["tile"].astype(int)).tolist()
    target = cells_of(level, cells, orders["target"].astype(int)).tolist()
    found = []
    for o, c, d in zip(orders, source, target, strict=True):
        verb = int(o["verb"])
        own = {WORKSHOP: (int(o["recipe"]),), HAUL: (int(o["cart"]),)}.get(verb, ())
        found.append(place[(verb, *own, *(() if verb == PASS else (c,)), *((d,) if verb == HAUL else ()))])
    return np.array(found)


def resolved(play: Play, i: int, cells: int, actions: np.ndarray) -> np.ndarray:
    """What buckets [n] stand for in game i, ORDER [n]."""
    n = len(actions)
    orders = records(n, ORDER)
    where = np.stack([np.full(n, i), np.zeros(n, int)], axis=1)
    bucket_orders(play.states, where, play.pool, play.record, play.scratch, cells, actions, orders, 0, n)
    return orders
