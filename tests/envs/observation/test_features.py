"""Observations: their layout, rows that are not there, and the numbers of a first turn worked out by hand."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from handmade import company
from midgame import choices

from envs.waybill.core import levels
from envs.waybill.core.scratch import make_scratch
from envs.waybill.core.state import EMPTY, EXTRACT, MAX_GOODS, PASS, PLAIN, SALES, WORKS
from envs.waybill.env import WaybillEnv
from envs.waybill.forecasts import cash
from envs.waybill.forecasts.estimates import extract_value
from envs.waybill.forecasts.flows import measure_flows
from envs.waybill.observation import candidates as of
from envs.waybill.observation import company as cf
from envs.waybill.observation import entities as ef
from envs.waybill.observation import layout as observation_layout
from envs.waybill.vector_env import WaybillVectorEnv

MAPS = (2**32, 8)


def hand_level() -> levels.LevelConfig:
    """Two deposits of ore and a town that pays 12 for it and 30 for iron."""
    return levels.LevelConfig(
        name="hand", side=11, deposits=2, towns=1, raw_goods=["ore"], refined_goods=["iron"],
        prices={"ore": 15, "iron": 30}, recipes=[levels.RecipeConfig({"ore": 2}, "iron")], horizon=50, start_cash=200,
        train_steps=1, max_buildings=4, max_carts=3, extractor_cost=40, extractor_lead=3, workshop_cost=90,
        cart_cost=20, reserve=120, store=24, cart_capacity=8,
    )  # fmt: skip


def hand_game(**parts: Any) -> WaybillEnv:
    """The first turn on an all-plain map: deposits at (1, 2) and (7, 3), the town at (5, 10), as (row, column)."""
    env = WaybillEnv(**{"level": hand_level(), "candidates": 4, "encoding": "coordinates", "maps": (1, 1), **parts})
    pool, side = env.batch.pool, 11
    pool.terrain[:] = PLAIN
    pool.site_tile[0] = [1 * side + 2, 7 * side + 3, 5 * side + 10]
    rows, columns = np.divmod(np.arange(side**2), side)
    for site, tile in enumerate(pool.site_tile[0].astype(int)):
        pool.site_travel[0, site] = 2 * (abs(rows - tile // side) + abs(columns - tile % side))
    pool.site_price[0, 2] = [12, 30]
    return env


def parts_of(env: Any, observed: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return observation_layout.cut(observed.reshape(-1, env.layout.size), env.layout)


def test_layout_by_literals() -> None:
    level = dataclasses.replace(levels.load_level("refine"), deposits=6, towns=3, max_carts=8, max_buildings=12)
    layout = observation_layout.make_layout(level, 10, 32)
    assert layout[:2] == (cf.GLOBALS, 6 + 3 + 8 + 12)
    assert layout.entity_features == ef.ENTITY_FEATURES + 10
    assert layout[3:] == (32, of.ORDER_FEATURES + 3 * 10 + 1, 0)
    assert layout.size == cf.GLOBALS + 29 * layout.entity_features + 32 * layout.candidate_features
    assert observation_layout.make_layout(level, 10, 0)[3:] == (0, 0, 0)
    assert (ef.GOOD_AT, ef.OWN_AT, of.ORDER_GOOD_AT, of.ORDER_AT) == (6, 14, 6, 14)
    plain = dataclasses.replace(level, recipes=[], refined_goods=[], prices={"wood": 3})
    assert observation_layout.make_layout(plain, 2, 5).entities == 6 + 3 + 8  # no workshops without recipes


@pytest.mark.parametrize(
    ("encoding", "size"),
    [("coordinates", 2), ("fourier", 16), ("one_hot", 64), ("pairwise", 26), ("reference_points", 10)],
)
def test_rows_are_as_wide_on_every_level(encoding: str, size: int) -> None:
    widths = set()
    for name in levels.names():
        if encoding == "pairwise" and levels.load_level(name).sight > 0:
            continue
        env = WaybillEnv(level=name, encoding=encoding, maps=(0, 1))
        widths.add((env.layout.globals, env.layout.entity_features, env.layout.candidate_features))
        assert env.layout.entity_features == ef.ENTITY_FEATURES + size
        assert env.observation_space.shape == (env.layout.size,)
    assert len(widths) == 1


def test_cut_gives_views_of_the_vector() -> None:
    layout = observation_layout.ObservationLayout(2, 3, 4, 5, 6)
    assert layout.size == 2 + 12 + 30
    rows = np.zeros((7, layout.size), np.float32)
    own, entities, candidates = observation_layout.cut(rows, layout)
    assert [p.shape for p in (own, entities, candidates)] == [(7, 2), (7, 3, 4), (7, 5, 6)]
    own[:], entities[1, 2, 3], candidates[6, 4, 5], candidates[0, 0, 0] = 1, 2, 3, 4
    assert (rows[:, :2] == 1).all()
    assert (rows[1, 2 + 11], rows[6, -1], rows[0, 14]) == (2, 3, 4)
    assert rows.sum() == 14 + 2 + 3 + 4
    none = observation_layout.cut(rows[:, :14], observation_layout.ObservationLayout(2, 3, 4, 0, 0))[2]
    assert none.shape == (7, 0, 0)


def test_the_company_on_the_first_turn() -> None:
    env = hand_game()
    own = parts_of(env, env.reset(seed=0)[0])[0][0]
    want = [1.0, 0.5, 1 / 51, 1.0, 0.5, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0]
    assert own.tolist() == pytest.approx(want)
    company(env.batch.states)["cash"] = 80  # enough for an extractor or a cart, not for a workshop
    env.batch.look()
    want[3:8] = 80 / 200, 0.4 / 1.4, 1.0, 0.0, 1.0
    assert parts_of(env, env.batch.observations)[0][0].tolist() == pytest.approx(want)


def test_the_sites_on_the_first_turn() -> None:
    env = hand_game()
    entities = parts_of(env, env.reset(seed=0)[0])[1][0]
    first, second, town = np.zeros((3, ef.ENTITY_FEATURES + 2), np.float32)
    for row, place in ((first, (0.2, 0.1)), (second, (0.3, 0.7)), (town, (1.0, 0.5))):
        row[0] = 1.0
        row[-2:] = place  # x, y
    for row in (first, second):
        row[1] = 1.0  # a deposit
        row[ef.GOOD_AT] = 1.0  # of ore
        row[ef.OWN_AT + 9] = 1.0  # full
    town[2] = 1.0
    town[ef.GOOD_AT : ef.GOOD_AT + 2] = 12 / 30, 30 / 30  # in the highest price
    for got, want in zip(entities, (first, second, town), strict=False):
        np.testing.assert_allclose(got, want, atol=1e-6)
    assert (entities[3:] == 0).all()


def test_candidates_on_the_first_turn() -> None:
    env = hand_game(candidates=8)
    observed, info = env.reset(seed=0)
    rows = parts_of(env, observed)[2][0]
    orders = env.batch.space.orders[0]
    tiles = {int(env.batch.pool.site_tile[0, site]): site for site in (0, 1)}
    assert info["action_mask"].tolist() == [1, 1, 1, 0, 0, 0, 0, 0]
    assert rows[0, :2].tolist() == [1, 1]
    runway = np.arange(of.ORDER_AT + 18, of.ORDER_AT + 24)
    lasting = [1.0, 1.0, 0.8, 1.0, 0.8, 0.8]  # 200 coins and no upkeep: the cash lasts
    paying = [1.0, 1.0, 2.82 / 3.82, 1.0, 3.04 / 4.04, 2.88 / 3.88]  # 160, then 1 of upkeep in 19, 8, 16 turns
    np.testing.assert_allclose(rows[:3, runway], [lasting, paying, paying], atol=1e-6)
    assert (np.delete(rows[0], runway)[2:] == 0).all()  # PASS: no cost, no place
    record, scratch, side = env.level.record()[0], make_scratch(), 11
    me = company(env.state)
    measure_flows(env.state, me, env.batch.pool, record, scratch.flows)
    for row, order in zip(rows[1:3], orders[1:3], strict=True):
        tile = int(order["tile"])
        x, y = tile % side / 10, tile // side / 10
        assert row[:6].tolist() == [1, 0, 1, 0, 0, 0]  # there, EXTRACT
        assert row[of.ORDER_GOOD_AT : of.ORDER_AT].tolist() == [1] + [0] * (MAX_GOODS - 1)  # ore
        assert row[of.ORDER_AT] == pytest.approx(40 / 200)
        assert row[of.ORDER_AT + 1] == pytest.approx(0.3)  # three turns
        value, outlay = extract_value(env.state, me, env.batch.pool, record, scratch.flows, tiles[tile], 50)
        assert row[of.ORDER_AT + 14] == pytest.approx(outlay / 200)
        assert row[of.ORDER_AT + 13] == pytest.approx(value / 400 / (1 + value / 400))
        assert row[of.ORDER_FEATURES :].tolist() == pytest.approx([x, y, x, y, 0, 0, 0])


def test_a_route_s_places_difference_and_largest_difference() -> None:
    env = hand_game(candidates=16)
    _, info = env.reset(seed=0)
    near = next(k for k in (1, 2) if env.batch.space.orders["tile"][0, k] == 7 * 11 + 3)
    observed, *_, info = env.step(near)
    hauls = np.flatnonzero(info["action_group"] == 3)
    assert len(hauls) == 1  # the only route: a new cart from the extractor to the town
    row = parts_of(env, observed)[2][0, hauls[0]]
    assert row[of.ORDER_AT] == pytest.approx(20 / 200)
    assert row[of.ORDER_AT + 2] == pytest.approx(0.1 * 3)  # 9 steps are 18 units, 3 turns
    assert row[of.ORDER_AT + 5] == pytest.approx(0.2)  # 2 turns of building work left
    assert row[of.ORDER_AT + 6 : of.ORDER_AT + 9].tolist() == pytest.approx([1, 1, 12 / 30])
    assert row[of.ORDER_FEATURES :].tolist() == pytest.approx([0.3, 0.7, 1.0, 0.5, 0.7, 0.2, 0.7])
    entity = parts_of(env, observed)[1][0, 1]  # the deposit now carries an extractor
    assert entity[ef.OWN_AT] == 1.0
    assert entity[ef.OWN_AT + 1] == pytest.approx(0.2)
    own = parts_of(env, observed)[0][0]
    assert own[3] == pytest.approx(159 / 200)  # 200 - 40 - 1 of upkeep
    assert own[8:].tolist() == pytest.approx([10 / 200, 0, 1 / 4, 1, 2, 0, 0, 0])  # no sale in sight

    company(env.batch.states)["cash"] = 17
    env.batch.look()
    passing = parts_of(env, env.batch.observations)[2][0, 0, of.ORDER_AT + 18 : of.ORDER_AT + 24]
    # 17 coins for 17 turns, no sale within 20: two turns and two coins short
    assert passing.tolist() == pytest.approx([1.0, -0.4, -0.04 / 1.04, 0.0, 0.18 / 1.18, 0.02 / 1.02])


def test_the_next_sale_comes_when_it_was_foreseen() -> None:
    env = WaybillVectorEnv(num_envs=64, level="haul", maps=MAPS, threads=1)
    _, infos = env.reset(seed=3)
    for verb in (1, 3):  # an extractor, then a cart to a town; or whatever there is instead
        wanted = (infos["action_group"] == verb) & (infos["action_mask"] == 1)
        observed, *_, infos = env.step(wanted.argmax(1))
    foreseen = observation_layout.cut(observed, env.layout)[0][:, 12] * 10  # turns
    sold = np.zeros(64, np.int64)  # the turn of the first sale
    for turn in range(1, cash.FAR):
        before = company(env.states)["cash_ledger"][:, SALES].copy()
        env.step(np.zeros(64, np.int64))
        sold = np.where((sold == 0) & (company(env.states)["cash_ledger"][:, SALES] > before), turn, sold)
    hauling = (company(env.states)["orders"][:, 3] == 1) & (company(env.states)["bankrupt"] == 0)
    assert hauling.sum() > 32
    np.testing.assert_array_equal(sold[hauling & (foreseen < cash.FAR)], foreseen[hauling & (foreseen < cash.FAR)])
    assert (sold[hauling] > 0).mean() > 0.9


@pytest.mark.parametrize(("level", "actions"), choices("heuristic", "random_k", "masked"))
@pytest.mark.parametrize("encoding", ["coordinates", "one_hot", "reference_points"])
def test_what_holds_in_every_turn_of_random_play(level: str, actions: str, encoding: str) -> None:
    games, rng = 4 if actions == "masked" else 12, np.random.default_rng(1)
    env = WaybillVectorEnv(
        num_envs=games, level=level, actions=actions, encoding=encoding, maps=MAPS, candidates=12, threads=1
    )
    lv = env.level
    observed, infos = env.reset(seed=2)
    carts_seen = works_seen = 0
    for _ in range(lv.horizon + 4):
        assert np.isfinite(observed).all()
        assert abs(observed).max() < 50
        own, entities, candidates = observation_layout.cut(observed, env.layout)
        me = company(env.states)
        kinds, n_carts = me["buildings"]["kind"], me["n_carts"]
        works = (kinds == WORKS).sum(1)
        known = (me["known"][:, None] >> np.arange(lv.deposits + lv.towns)) & 1
        sites = known[:, : lv.deposits].sum(1), known[:, lv.deposits :].sum(1)
        np.testing.assert_array_equal(entities[:, :, 0].sum(1), sum(sites) + n_carts + works + len(lv.rivals))
        for k, count in enumerate((*sites, works, n_carts, len(lv.rivals)), start=1):
            np.testing.assert_array_equal(entities[:, :, k].sum(1), count)
        stock = (me["buildings"]["stock"] * (kinds != EMPTY)).sum(1) / lv.store
        load = me["carts"]["load"].sum(1) / lv.cart_capacity
        seen, is_cart, is_rival = entities[:, :, ef.OWN_AT + 2], entities[:, :, 4] == 1, entities[:, :, 5] == 1
        np.testing.assert_allclose((seen * ~is_cart * ~is_rival).sum(1), stock, atol=1e-5)
        np.testing.assert_allclose((seen * is_cart).sum(1), load, atol=1e-5)
        for rows in (entities, candidates) if actions != "masked" else (entities,):
            there = rows[:, :, 0]
            assert set(np.unique(there)) <= {0.0, 1.0}
            assert (rows[there == 0] == 0).all()
        if actions != "masked":
            np.testing.assert_array_equal(candidates[:, :, 0], infos["action_mask"])
            filled = infos["action_mask"] == 1
            verbs = candidates[:, :, 1 : of.ORDER_GOOD_AT]
            np.testing.assert_array_equal(verbs.sum(2), filled)
            np.testing.assert_array_equal(verbs.argmax(2)[filled], infos["action_group"][filled])
        np.testing.assert_allclose(own[:, 0], 1 - env.states["turn"] / lv.horizon, atol=1e-6)
        np.testing.assert_allclose(own[:, 3], me["cash"] / lv.start_cash, rtol=1e-5)
        carts_seen, works_seen = max(carts_seen, n_carts.max()), max(works_seen, works.max())
        mask = infos["action_mask"]
        pick = (rng.random(mask.shape) * mask * (1 + 9 * (mask.cumsum(1) > 1))).argmax(1)
        observed, *_, infos = env.step(np.where(rng.random(games) < 0.7, PASS, pick))
    assert actions == "masked" or infos["orders"][:, EXTRACT].sum() > 0
    assert actions == "masked" or carts_seen > 1
    assert not lv.recipes or works_seen > 0
