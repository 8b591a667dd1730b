"""What dated observations say of the past and the present: never false, whatever the others did meanwhile."""

from __future__ import annotations

import dataclasses
from collections import Counter

import numpy as np
import pytest
from handmade import Play, company, hand_level, hand_pool
from rivalry import contested, games_of, look, mixed_orders

from envs.waybill.core import levels
from envs.waybill.core.levels import LevelConfig
from envs.waybill.core.state import EMPTY, EXTRACT, IDLE, ORDER, records
from envs.waybill.observation import dating
from envs.waybill.observation.company import squash
from envs.waybill.observation.layout import cut
from envs.waybill.vector_env import WaybillVectorEnv


def in_sight(me: np.void) -> int:
    """The sites that a company sees now, as bits."""
    bits = 0
    for building in me["buildings"][: me["n_slots"]]:
        bits |= int(building["sees"]) * int(building["kind"] != EMPTY)
    for cart in me["carts"][: me["n_carts"]]:
        bits |= int(cart["sees"]) * int(cart["phase"] != IDLE)
    return bits


def raid(play: Play, rng: np.random.Generator) -> np.ndarray:
    """Orders as they come, but that the others put an extractor on any deposit that is free: who knows it, knows."""
    orders = mixed_orders(rng, play)
    for game, state in enumerate(play.states):
        for seat in range(1, play.seats):
            free = np.flatnonzero(state["owner"][: play.level.deposits] == -1)
            if len(free) and rng.random() < 0.5:
                tile = play.pool.site_tile[state["map"], rng.choice(free)]
                orders[game, seat] = (EXTRACT, 0, 0, tile, 0)
    return orders


def fog_of_war() -> LevelConfig:
    """The level ``fog`` with cash for anything, and deposits that soon run dry."""
    return dataclasses.replace(levels.load_level("fog"), start_cash=5000, reserve=40)


def note_sights(last: np.ndarray, me: np.void, turn: int) -> None:
    """The plain log of when a company last saw each site, int [sites], -1 before: what is in sight, and what it knows
    at the beginning. A site that it comes to know otherwise was shown by an order that failed on it, a turn before.
    """
    bits, known = in_sight(me), int(me["known"])
    for site in range(len(last)):
        if known >> site & 1 and (bits >> site & 1 or turn == 0):
            last[site] = turn
        elif known >> site & 1 and last[site] < 0:
            last[site] = turn - 1


def check_deposits(level: LevelConfig, state: np.void, rows: np.ndarray, ages: np.ndarray) -> Counter[str]:
    """What entity rows [sites, Fe] say of sites last seen so many turns ago, -1 for those not known."""
    told = Counter[str]()
    for site, (row, age) in enumerate(zip(rows, ages, strict=True)):
        if age < 0:
            assert not row.any()
            continue
        assert row[-3] == pytest.approx(squash(0.1 * age))
        if site < level.deposits:
            least, most = (row[-2:].astype(float) * level.reserve).round()
            truth = int(state["reserve"][site])
            assert least <= truth <= most
            told["old"] += age > 0
            told["not empty"] += age > 0 and least > 0
            told["not full"] += age > 0 and most < level.reserve
            told["inside"] += age > 0 and least < truth < most
    return told


def check_prices(play: Play, state: np.void, me: np.void) -> Counter[str]:
    """The highest prices of the towns that a company knows."""
    told, level = Counter[str](), play.level
    for town, good in np.ndindex(level.towns, len(level.prices)):
        site, depth = level.deposits + town, level.market_depth
        if int(me["known"]) >> site & 1:
            base = int(play.pool.site_price[state["map"], site, good])
            now, then = (base * depth // (depth + int(glut[town, good])) for glut in (state["glut"], me["seen_glut"]))
            highest = dating.highest_price(state, me, play.pool, play.record[0], town, good)
            assert max(now, then) <= highest <= base
            told["price"] += now < highest
            told["recovered"] += highest > then
    return told


@pytest.mark.parametrize("name", ["contested", "fog"])
def test_it_never_says_what_is_false(name: str) -> None:
    """In random and hostile games ages are those of a plain log, and the truth lies within all bounds."""
    level = contested(sight=8, reserve=25) if name == "contested" else fog_of_war()
    play, rng, told = games_of(level, 10), np.random.default_rng(5), Counter[str]()
    sites = level.deposits + level.towns
    last = np.full((len(play.states), play.seats, sites), -1)
    for turn in range(level.horizon):
        for seat in range(play.seats):
            seen = look(play, play.states, seat)
            _, entities, candidates = cut(seen.observations, seen.batch.layout)
            for game, state in enumerate(play.states):
                me = state["companies"][seat]
                if me["bankrupt"]:
                    continue
                note_sights(last[game, seat], me, turn)
                ages = np.where(last[game, seat] < 0, -1, turn - last[game, seat])
                told += check_deposits(level, state, entities[game, :sites], ages)
                told += check_prices(play, state, me)
                for order, row in zip(seen.batch.space.orders[game], candidates[game], strict=True):
                    if order["verb"] == EXTRACT and row.any():
                        site = list(play.pool.site_tile[state["map"]]).index(order["tile"])
                        np.testing.assert_array_equal(row[-4:-1], entities[game, site, -3:])
                        told["offered"] += 1
        play.step(raid(play, rng) if turn % 2 else mixed_orders(rng, play))
    assert min(told.values()) >= 5, told
    assert set(told) == {"old", "not empty", "not full", "inside", "price", "recovered", "offered"}


@pytest.mark.parametrize(
    ("turn", "seen_turn", "seen", "taken", "alone", "want"),
    [
        (4, 4, 7, 0, False, (0, 7, 7)),  # in sight
        (5, 4, 7, 0, False, (1, 7, 7)),  # building takes 2 turns
        (8, 4, 7, 0, False, (4, 3, 8)),  # 2 turns of digging; one unit grown back
        (8, 4, 7, 1, False, (4, 0, 8)),  # 4 turns
        (8, 4, 7, 0, True, (4, 8, 8)),  # nobody else is there
        (13, 4, 9, 0, False, (9, 0, 10)),  # no more than it can hold
        (13, -1, 0, 0, False, (13, 0, 10)),  # never seen
    ],
)
def test_reserves_by_literals(
    turn: int, seen_turn: int, seen: int, taken: int, alone: bool, want: tuple[int, ...]
) -> None:
    """dig_rate 2, extractor_lead 2, renew_turns 4, reserve 10."""
    level = hand_level(rivals=[] if alone else ["greedy"])
    play = Play(level, hand_pool(level), 1)
    s = play.states[0]
    me = s["companies"][0]
    s["turn"], me["seen_turn"][0], me["seen_reserve"][0], me["seen_taken"][0] = turn, seen_turn, seen, taken
    assert bounds(play) == want


def bounds(play: Play) -> tuple[int, ...]:
    """Age, least and most of the first deposit, as the first company sees it in an observation."""
    seen = look(play, play.states, dated=True)
    age, least, most = cut(seen.observations, seen.batch.layout)[1][0, 0, -3:].astype(float)
    return round(10 * age / (1 - age)), round(10 * least), round(10 * most)


@pytest.mark.parametrize(
    ("age", "glut", "price"), [(0, 10, 10), (1, 10, 11), (3, 10, 14), (7, 10, 20), (99, 10, 20), (3, 0, 20)]
)
def test_prices_by_literals(age: int, glut: int, price: int) -> None:
    """A fifth is forgotten each turn, rounded up: 10, 8, 6, 4, 3, 2, 1, 0; the price is 20 · 10 / (10 + glut)."""
    level = hand_level(horizon=200)
    play = Play(level, hand_pool(level), 1)
    s = play.states[0]
    s["turn"], s["companies"][0]["seen_turn"][2], s["companies"][0]["seen_glut"][0, 1] = 100, 100 - age, glut
    assert dating.highest_price(s, s["companies"][0], play.pool, play.record[0], 0, 1) == price


def test_recent_sales_by_literals() -> None:
    """An eighth is forgotten each turn, rounded up: 80 coins once, then nothing: 80, 70, 61, 53."""
    level = hand_level(rivals=["greedy"])
    play = Play(level, hand_pool(level), 1)
    found = []
    company(play.states)["sales"] = 80
    for _ in range(4):
        play.step(records(2, ORDER).reshape(1, 2))
        found.append(int(company(play.states)["public_recent"][0]))
    assert found == [80, 70, 61, 53]


@pytest.mark.parametrize(("level", "encoding"), [("refine", "pairwise"), ("fog", "coordinates")])
def test_the_columns_follow_all_others_which_stay_as_they_were(level: str, encoding: str) -> None:
    plain, dated = (
        WaybillVectorEnv(level=level, num_envs=4, encoding=encoding, maps=(5, 4), dated=on) for on in (False, True)
    )
    for env in (plain, dated):
        env.reset(seed=1)
    sizes = plain.layout._replace(
        entity_features=plain.layout.entity_features + 3, candidate_features=plain.layout.candidate_features + 4
    )
    assert dated.layout == sizes
    dated_rows = np.zeros(2)
    for _ in range(40):
        (globals_, entities, candidates), more = (cut(env.batch.observations, env.layout) for env in (plain, dated))
        np.testing.assert_array_equal(globals_, more[0])
        np.testing.assert_array_equal(entities, more[1][:, :, :-3])
        np.testing.assert_array_equal(candidates, more[2][:, :, :-4])
        dated_rows += [(rows[:, :, -1] > 0).sum() for rows in more[1:]]
        for env in (plain, dated):
            env.step(env.batch.advice)
    assert (dated_rows > 10).all()
