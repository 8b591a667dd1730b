"""Buckets against brute force over the raw space: which are legal, and which order each of them stands for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from handmade import Play, company, views
from midgame import SMALL_LEVELS, candidates, mask_of, raw, seen

from envs.waybill import levels, reducers
from envs.waybill.buckets import bucket_mask, bucket_orders
from envs.waybill.env import WaybillVectorEnv
from envs.waybill.raw_actions import NO_ORDER
from envs.waybill.rules import judge_orders
from envs.waybill.state import DISMANTLE, EXTRACT, HAUL, NEW_CART, ORDER, PASS, WORKSHOP, n_raw_actions, records

LARGE_LEVELS = [name for name in levels.names() if name not in SMALL_LEVELS]


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


def masks(play: Play, cells: int) -> np.ndarray:
    """int8 [N, A]."""
    mask = np.full((len(play.states), n_buckets(play.level, cells)), 7, np.int8)
    n = len(mask)
    bucket_mask(play.states, views(n), play.pool, play.record, play.scratch, cells, mask, 0, n)
    return mask


def resolved(play: Play, i: int, cells: int, actions: np.ndarray) -> np.ndarray:
    """What buckets [n] stand for in game i, ORDER [n]."""
    n = len(actions)
    orders = records(n, ORDER)
    where = np.stack([np.full(n, i), np.zeros(n, int)], axis=1)
    bucket_orders(play.states, where, play.pool, play.record, play.scratch, cells, actions, orders, 0, n)
    return orders


@pytest.mark.parametrize("name", SMALL_LEVELS)
@pytest.mark.parametrize("cells", [1, 4, 5])
def test_a_bucket_is_legal_if_an_order_in_it_is_and_stands_for_the_lowest(name: str, cells: int) -> None:
    play, orders = seen(name), raw(name)
    raw_mask, mask = mask_of(play), masks(play, cells)
    several = 0
    for i in range(len(mask)):
        legal = np.flatnonzero(raw_mask[i])
        buckets = numbers_of(play.level, cells, orders[legal])
        wanted = np.unique(buckets)
        np.testing.assert_array_equal(np.flatnonzero(mask[i]), wanted)
        lowest = np.array([legal[buckets == bucket].min() for bucket in wanted])
        np.testing.assert_array_equal(resolved(play, i, cells, wanted), orders[lowest])
        several += len(legal) - len(wanted)
        illegal = np.flatnonzero(mask[i] == 0)[:: max(1, len(mask[i]) // 400)]
        assert (resolved(play, i, cells, illegal)["verb"] == NO_ORDER).all()
    assert several > 100 or (cells > 1 and not play.level.recipes)  # sites lie apart, only workshops share small cells


@pytest.mark.parametrize("name", SMALL_LEVELS)
def test_cells_of_a_tile_are_the_raw_space(name: str) -> None:
    play, orders = seen(name), raw(name)
    mask = masks(play, play.level.side)
    np.testing.assert_array_equal(mask, mask_of(play))
    for i in range(0, len(mask), 4):
        legal = np.flatnonzero(mask[i])
        np.testing.assert_array_equal(resolved(play, i, play.level.side, legal), orders[legal])


@pytest.mark.parametrize("name", LARGE_LEVELS)
def test_where_the_raw_space_is_too_large_to_look_at(name: str) -> None:
    """All that is legal stands for a legal order in its own cells, and every legal order has a bucket."""
    play, cells = seen(name), 4
    mask = masks(play, cells)
    some, _, count = candidates(play, reducers.random_k, 256)
    for i in range(len(mask)):
        actions = np.flatnonzero(mask[i])
        orders = resolved(play, i, cells, actions)
        legal = np.zeros((1, len(orders)), np.bool_)
        judge_orders(play.states[i : i + 1], 0, play.pool, play.record, orders.reshape(1, -1), legal)
        assert legal.all()
        np.testing.assert_array_equal(numbers_of(play.level, cells, orders), actions)
        assert mask[i][numbers_of(play.level, cells, some[i, : count[i]])].all()


def test_cells_by_literals() -> None:
    level = levels.load("haul")  # a side of 9: four cells of 3, 2, 2 and 2 tiles
    rows = [0, 0, 0, 1, 1, 2, 2, 3, 3]
    want = [4 * row + column for row in rows for column in rows]
    orders = records(81, ORDER)
    orders["verb"], orders["tile"] = EXTRACT, np.arange(81)
    assert cells_of(level, 4, np.arange(81)).tolist() == want
    assert numbers_of(level, 4, orders).tolist() == [1 + cell for cell in want]
    assert n_buckets(level, 4) == 1 + 16 + 6 * 16 * 16 + 16 == 1569
    assert n_buckets(levels.load("refine"), 4) == 2369


def test_a_batch_plays_what_buckets_stand_for_and_counts_the_others_as_illegal() -> None:
    env = WaybillVectorEnv(num_envs=16, level="refine", actions="buckets", maps=(2**32, 8))
    rng, given = np.random.default_rng(1), 0
    _, infos = env.reset(seed=3)
    for _ in range(70):
        mask = infos["action_mask"]
        assert mask.shape == (16, 2369)
        actions = (rng.random(mask.shape) * mask).argmax(1)
        wrong = rng.random(16) < 0.2
        actions[wrong] = (rng.random(mask.shape) * (mask == 0)).argmax(1)[wrong]
        orders = env.batch.orders_of(actions)
        np.testing.assert_array_equal(orders["verb"] == NO_ORDER, wrong)
        np.testing.assert_array_equal(numbers_of(env.level, 4, orders[~wrong]), actions[~wrong])
        before: Any = env.states.copy()
        *_, infos = env.step(actions)
        stays = ~infos["reset"]
        np.testing.assert_array_equal(env.batch.given[:, 0][stays], orders[stays])
        told = infos["illegal"] - company(before)["illegal"]
        np.testing.assert_array_equal(told[stays], wrong[stays])
        given += (infos["orders"].sum(1) - company(before)["orders"].sum(1))[stays].sum()
    assert given > 500


def test_looking_and_playing_depend_on_no_threads() -> None:
    ends = []
    for threads in (1, 3):
        env = WaybillVectorEnv(num_envs=100, level="refine", actions="buckets", maps=(2**32, 40), threads=threads)
        rng = np.random.default_rng(2)
        _, infos = env.reset(seed=1)
        for _ in range(30):
            observed, *_, infos = env.step((rng.random((100, 2369)) * infos["action_mask"]).argmax(1))
        ends.append((env.states.tobytes(), observed.tobytes(), infos["action_mask"].tobytes()))
    assert ends[0] == ends[1]
