"""Buckets against brute force over the raw space: which are legal, and which order each of them stands for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from handmade import Play, company, views
from midgame import SMALL_LEVELS, candidates, mask_of, raw, seen
from numbering import cells_of, n_buckets, numbers_of, resolved

from envs.waybill.actions import reducers
from envs.waybill.actions.buckets import bucket_mask
from envs.waybill.actions.raw import NO_ORDER
from envs.waybill.core import levels
from envs.waybill.core.state import EXTRACT, ORDER, records
from envs.waybill.rules.game import judge_orders
from envs.waybill.vector_env import WaybillVectorEnv

LARGE_LEVELS = [name for name in levels.names() if name not in SMALL_LEVELS]


def masks(play: Play, cells: int) -> np.ndarray:
    """int8 [N, A]."""
    mask = np.full((len(play.states), n_buckets(play.level, cells)), 7, np.int8)
    n = len(mask)
    bucket_mask(play.states, views(n), play.pool, play.record, play.scratch, cells, mask, 0, n)
    return mask


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
    level = levels.load_level("haul")  # a side of 9: four cells of 3, 2, 2 and 2 tiles
    rows = [0, 0, 0, 1, 1, 2, 2, 3, 3]
    want = [4 * row + column for row in rows for column in rows]
    orders = records(81, ORDER)
    orders["verb"], orders["tile"] = EXTRACT, np.arange(81)
    assert cells_of(level, 4, np.arange(81)).tolist() == want
    assert numbers_of(level, 4, orders).tolist() == [1 + cell for cell in want]
    assert n_buckets(level, 4) == 1 + 16 + 6 * 16 * 16 + 16 == 1569
    assert n_buckets(levels.load_level("refine"), 4) == 2369


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
