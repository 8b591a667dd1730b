"""Reducers: their candidates are legal, different, worth what they say, and drawn or picked as they should be."""

from __future__ import annotations

import numpy as np
import pytest
from handmade import company
from midgame import SMALL_LEVELS, candidates, copies_of, encode_all, mask_of, raw, seen

from envs.waybill.actions import reducers
from envs.waybill.core import levels
from envs.waybill.core.jit import kernel
from envs.waybill.core.state import EXTRACT, HAUL, PASS
from envs.waybill.forecasts.estimates import estimate
from envs.waybill.forecasts.flows import measure_flows
from envs.waybill.rules.game import judge_orders
from envs.waybill.vector_env import WaybillVectorEnv

LEVELS = levels.names()


@pytest.mark.parametrize("name", LEVELS)
@pytest.mark.parametrize("reducer", ["heuristic", "random_k"])
@pytest.mark.parametrize("k", [2, 5, 64])
def test_candidates_are_legal_and_different_and_begin_with_pass(name: str, reducer: str, k: int) -> None:
    play = seen(name)
    orders, worth, count = candidates(play, getattr(reducers, reducer), k)
    legal = np.zeros(orders.shape, np.bool_)
    judge_orders(play.states, 0, play.pool, play.record, orders, legal)
    filled = np.arange(k) < count[:, None]
    assert (orders["verb"][:, 0] == PASS).all()
    assert (worth[:, 0] == 0).all()
    assert legal[filled].all()
    assert (orders["verb"][:, 1:][filled[:, 1:]] != PASS).all()
    assert ((count >= 1) & (count <= k)).all()
    assert count.max() == k or (k == 64 and count.max() > 3)
    for i in range(len(orders)):
        assert len(np.unique(orders[i, : count[i]])) == count[i]


@pytest.mark.parametrize("name", LEVELS)
@pytest.mark.parametrize("reducer", ["heuristic", "random_k"])
def test_worth_is_the_estimate_of_the_order(name: str, reducer: str) -> None:
    play = seen(name)
    orders, worth, count = candidates(play, getattr(reducers, reducer), 32)
    level, one = play.record[0], np.zeros(2, np.float32)
    for i in range(len(orders)):
        measure_flows(play.states[i], company(play.states[i]), play.pool, level, play.scratch.flows)
        for k in range(1, count[i]):
            estimate(play.states[i], company(play.states[i]), play.pool, level, play.scratch.flows, orders[i, k], one)
            np.testing.assert_array_equal(worth[i, k], one)


@pytest.mark.parametrize("name", LEVELS)
def test_the_heuristic_lets_in_only_what_pays_and_can_be_paid_for(name: str) -> None:
    play = seen(name)
    _, worth, count = candidates(play, reducers.heuristic, 64)
    for i in range(len(worth)):
        value, outlay = worth[i, 1 : count[i]].T
        assert (value > 0).all()
        assert (outlay >= 0).all()
        assert (outlay <= company(play.states)["cash"][i]).all()
    assert (worth[..., 1] > 0).any()


@pytest.mark.parametrize("name", LEVELS)
def test_with_too_few_slots_the_heuristic_keeps_the_most_valuable(name: str) -> None:
    play = seen(name)
    _, many, found = candidates(play, reducers.heuristic, 64)
    for k in (2, 4):
        _, few, count = candidates(play, reducers.heuristic, k)
        np.testing.assert_array_equal(count, np.minimum(found, k))
        for i in range(len(few)):
            best = np.sort(many[i, 1 : found[i], 0])[::-1][: k - 1]
            np.testing.assert_array_equal(np.sort(few[i, 1 : count[i], 0])[::-1], best)


@pytest.mark.parametrize("name", SMALL_LEVELS)
def test_the_heuristic_forgets_no_free_deposit_and_no_route_that_pays(name: str) -> None:
    play, orders = seen(name), raw(name)
    proposed, _, count = candidates(play, reducers.heuristic, 64)
    mask, one, level = mask_of(play) == 1, np.zeros(2, np.float32), play.record[0]
    wanted = 0
    for i in range(len(play.states)):
        have = {proposed[i, k].item() for k in range(count[i])}
        carts = {order[2] for order in have if order[0] == HAUL}
        assert len(carts) <= 1  # the rule picks the executor
        measure_flows(play.states[i], company(play.states[i]), play.pool, level, play.scratch.flows)
        for number in np.flatnonzero(mask[i] & np.isin(orders["verb"], (EXTRACT, HAUL))):
            order = orders[number]
            if order["verb"] == HAUL and order["cart"] not in carts:
                continue
            estimate(play.states[i], company(play.states[i]), play.pool, level, play.scratch.flows, order, one)
            if one[0] > 0 and one[1] <= company(play.states)["cash"][i]:
                assert order.item() in have
                wanted += 1
    assert wanted > 40


@pytest.mark.parametrize("name", SMALL_LEVELS)
def test_random_k_gives_all_legal_orders_when_they_fit(name: str) -> None:
    play = seen(name)
    mask, numbers = mask_of(play), np.zeros(256, np.int64)
    orders, _, count = candidates(play, reducers.random_k, 256)
    np.testing.assert_array_equal(count, np.minimum(mask.sum(1, dtype=np.int64), 256))
    for i in np.flatnonzero(count < 256):
        kernel(encode_all)(play.record, orders[i], numbers)
        np.testing.assert_array_equal(np.sort(numbers[: count[i]]), np.flatnonzero(mask[i]))


@pytest.mark.parametrize("name", SMALL_LEVELS)
@pytest.mark.parametrize("k", [2, 6])
def test_random_k_draws_legal_orders_alike_often(name: str, k: int) -> None:
    play, n = seen(name), 6000
    choices = mask_of(play).sum(1)
    i = int(np.where(choices >= 10, choices, 10**6).argmin())
    copies = copies_of(play, i, n)
    orders, _, count = candidates(copies, reducers.random_k, k)
    legal = int(mask_of(play)[i].sum()) - 1
    assert (count == k).all()
    _, times = np.unique(orders[:, 1:], return_counts=True)
    assert len(times) == legal  # each comes up
    share = (k - 1) / legal
    z = (times - n * share) / np.sqrt(n * share * (1 - share))
    assert abs(z).max() < 5
    assert (z**2).sum() < legal + 5 * np.sqrt(2 * legal)


def test_looking_twice_at_a_turn_shows_the_same_and_the_next_turn_others() -> None:
    env = WaybillVectorEnv(num_envs=8, level="refine", actions="random_k", candidates=6, maps=(2**32, 8))
    first, _ = env.reset(seed=3)
    orders = env.batch.space.orders.copy()
    env.batch.look()
    np.testing.assert_array_equal(env.batch.space.orders, orders)
    np.testing.assert_array_equal(env.batch.observations, first)
    env.step(np.zeros(8, int))
    assert (env.batch.space.orders[:, 1:] != orders[:, 1:]).any(1).all()
    play = seen("refine")
    drawn = candidates(copies_of(play, 0, 50), reducers.random_k, 4)[0]
    assert len({row.tobytes() for row in drawn}) > 40  # and each game its own


@pytest.mark.parametrize("actions", ["heuristic", "random_k"])
def test_a_slot_without_a_candidate_is_masked_and_playing_it_is_an_illegal_order(actions: str) -> None:
    envs = [
        WaybillVectorEnv(num_envs=4, level="refine", actions=actions, candidates=256, maps=(2**32, 8)) for _ in range(2)
    ]
    for env in envs:
        _, infos = env.reset(seed=2)
        company(env.batch.states)["cash"] = 30  # a cart can be paid for, nothing else
        env.batch.look()
    count = envs[0].batch.space.count
    np.testing.assert_array_equal(envs[0].batch.space.mask, np.arange(256) < count[:, None])
    assert (count < 256).all()
    assert envs[0].batch.space.groups is not None
    assert (envs[0].batch.space.groups[np.arange(256) >= count[:, None]] == 0).all()
    slots = np.array([255, 255, 254, count[3]])  # never filled, and filled before the cash was gone
    *_, infos = envs[0].step(slots)
    *_, passed = envs[1].step(np.zeros(4, int))
    assert infos["illegal"].tolist() == [1] * 4
    assert passed["illegal"].tolist() == [0] * 4
    assert infos["orders"].sum() == 0
    for env in envs:
        company(env.batch.states)["illegal"], company(env.batch.states)["orders"] = 0, 0
    assert envs[0].states.tobytes() == envs[1].states.tobytes()
