"""What a company believes: it agrees with all that it knows, and nothing of what is hidden gets into it."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Any

import numpy as np
import pytest
from handmade import company

from envs.waybill.actions.confined import confined_to
from envs.waybill.batch import Batch
from envs.waybill.core import levels
from envs.waybill.core.levels import LevelConfig
from envs.waybill.core.scratch import make_scratch
from envs.waybill.core.state import EXTRACTOR, FOREST, NOBODY, ORDER, PLAIN, WATER, records
from envs.waybill.maps.pool import MapPool
from envs.waybill.options import GameOptions
from envs.waybill.players.beliefs import Beliefs, draw_beliefs, make_beliefs
from envs.waybill.players.play import play_games, players_on

GAMES, DRAWS = 6, 3
TURNS = (0, 9, 25, 44)


def level_of(name: str) -> LevelConfig:
    return dataclasses.replace(levels.load_level(name), horizon=60)


def batch_of(level: LevelConfig, games: int) -> Batch:
    options = GameOptions(
        level=level, reward="sparse", gamma=1.0, actions="heuristic", candidates=32, encoding="coordinates",
        maps=(70, games),
    )  # fmt: skip
    return Batch(options, num_envs=games, in_order=True)


@cache
def stops(name: str) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """Games played at random among the candidates: at some turns, the states [N] and seat 0's orders [N, horizon]."""
    level, rng = level_of(name), np.random.default_rng(5)
    batch = batch_of(level, GAMES)
    batch.reset(np.arange(GAMES, dtype=np.uint64))
    given, found = records(GAMES * level.horizon, ORDER).reshape(GAMES, -1), []
    for turn in range(max(TURNS) + 1):
        if turn in TURNS:
            found.append((batch.states.copy(), given.copy()))
        mask = batch.space.mask
        worth = np.where(mask != 0, batch.space.worth[:, :, 0] + rng.normal(size=mask.shape) * 200, -np.inf)
        actions = np.where(turn % 3 == 0, worth.argmax(axis=1), 0)
        batch.step(actions)
        given[:, turn] = batch.taken
    return tuple(found)


def draw(name: str, states: np.ndarray, orders: np.ndarray, i: int, pool: MapPool, seed: int = 3) -> Beliefs:
    level, scratch = level_of(name), make_scratch()
    scratch.script[:] = level.script()
    found = make_beliefs(level, DRAWS)
    draw_beliefs(states, 0, pool, level.record(), scratch, orders, found, seed, i)
    return found


def cases(name: str) -> Any:
    pool = batch_of(level_of(name), GAMES).pool
    for states, orders in stops(name):
        for i in range(GAMES):
            if states["done"][i] == 0 and company(states)["bankrupt"][i] == 0:
                yield states, orders, i, pool


@pytest.mark.parametrize("name", ["rivals", "fog"])
def test_whoever_believes_sees_what_is_there_to_see(name: str) -> None:
    """The observation, the candidates and the company itself are those of the true state, in every drawn one."""
    true, guessed = batch_of(level_of(name), 1), batch_of(level_of(name), DRAWS)
    count = 0
    for states, orders, i, pool in cases(name):
        found = draw(name, states, orders, i, pool)
        true.pool, guessed.pool = pool, found.pool
        true.table, guessed.table = (true.encode(part) for part in (pool, found.pool))
        true.states[:], guessed.states[:] = states[i : i + 1], found.states
        true.look()
        guessed.look()
        for d in range(DRAWS):
            np.testing.assert_array_equal(guessed.observations[d], true.observations[0])
            np.testing.assert_array_equal(guessed.space.mask[d], true.space.mask[0])
            filled = true.space.count[0]
            np.testing.assert_array_equal(guessed.space.orders[d, :filled], true.space.orders[0, :filled])
            own, mine = company(found.states)[d].copy(), company(states)[i].copy()
            own["key"] = mine["key"] = 0
            assert own.tobytes() == mine.tobytes()
            assert found.states["turn"][d] == states["turn"][i]
        count += 1
    assert count > 12


@pytest.mark.parametrize("name", ["rivals", "fog"])
def test_nothing_that_is_hidden_gets_into_a_belief(name: str) -> None:
    """Two truths that differ only in what is hidden give the same draws, to the byte."""
    rng, changed = np.random.default_rng(1), 0
    for states, orders, i, pool in cases(name):
        ours = draw(name, states, orders, i, pool)
        other, known = states.copy(), int(company(states)["known"][i])
        other["rng"] += np.uint64(1)
        for rival in other["companies"][i, 1:]:
            rival["cash"] += rng.integers(100)
            rival["key"] += np.uint64(7)
            rival["buildings"]["stock"] += 1
            rival["carts"]["load"] += 1
        other["companies"][i, 0]["key"] += np.uint64(5)
        maps = MapPool(*(part.copy() for part in pool))
        row = int(states["map"][i])
        for site in range(pool.site_tile.shape[1]):
            if not known >> site & 1:
                maps.site_tile[row, site] = 0
                maps.site_price[row, site] += 1
                maps.site_travel[row, site] += 2
                maps.near[row, site] = 0
                if site < levels.load_level(name).deposits:
                    other["reserve"][i, site] = 1
                    other["owner"][i, site] = NOBODY
                changed += 1
        theirs = draw(name, other, orders, i, maps)
        assert ours.states.tobytes() == theirs.states.tobytes()
        for a, b in zip(ours.pool, theirs.pool, strict=True):
            np.testing.assert_array_equal(a, b)
    assert (changed > 0) == (name == "fog")


def test_sites_are_guessed_where_they_would_not_have_been_seen() -> None:
    level, apart, right, hidden = level_of("fog"), 0, 0, 0
    for states, orders, i, pool in cases("fog"):
        found = draw("fog", states, orders, i, pool)
        me, row = company(states)[i], int(states["map"][i])
        known, home = int(me["known"]), int(pool.site_tile[row, me["home"]])
        for site in range(level.deposits + level.towns):
            tiles = found.pool.site_tile[:, site].astype(int)
            if known >> site & 1:
                assert (tiles == pool.site_tile[row, site]).all()
                np.testing.assert_array_equal(found.pool.site_price[:, site], pool.site_price[[row] * DRAWS, site])
                continue
            hidden += DRAWS
            right += int((tiles == pool.site_tile[row, site]).sum())
            apart += len(set(tiles.tolist())) - 1
            for d, tile in enumerate(tiles.tolist()):
                travel = found.pool.site_travel[d, site]
                assert pool.terrain[row, tile] != WATER
                assert travel[tile] == 0
                assert travel[home] > level.sight
                for b in me["buildings"][me["buildings"]["kind"] != 0]:
                    assert travel[b["tile"]] > level.sight
                others = np.delete(found.pool.site_tile[d].astype(int), site)
                off = np.maximum(
                    abs(others // level.side - tile // level.side), abs(others % level.side - tile % level.side)
                )
                assert off.min() > 1
    assert hidden > 200
    assert right < hidden / 20
    assert apart > hidden / 2


def test_where_there_is_hardly_any_plain_land_sites_still_lie_on_land_and_each_on_its_own() -> None:
    level = level_of("fog")
    terrain = dataclasses.replace(level.terrain, forest_percent=78, hill_percent=1, water_percent=1)
    level, scratch = dataclasses.replace(level, terrain=terrain, sight=60), make_scratch()
    scratch.script[:] = level.script()
    batch, guessed = batch_of(level, 3), 0
    batch.reset(np.arange(3, dtype=np.uint64))
    nothing = records(3 * level.horizon, ORDER).reshape(3, -1)
    for i in range(3):
        found = make_beliefs(level, DRAWS)
        batch.pool.terrain[i][batch.pool.terrain[i] == PLAIN] = FOREST  # none at all
        draw_beliefs(batch.states, 0, batch.pool, level.record(), scratch, nothing, found, 3, i)
        for d in range(DRAWS):
            tiles = found.pool.site_tile[d].astype(int)
            assert len(set(tiles.tolist())) == len(tiles)
            assert (tiles >= 0).all()
            assert (found.pool.terrain[d][tiles] != WATER).all()
        guessed += level.deposits + level.towns - int(company(batch.states)["known"][i]).bit_count()
    assert guessed > 10


@pytest.mark.parametrize("name", ["rivals", "fog"])
def test_who_digs_where_is_believed_as_it_is_known(name: str) -> None:
    level = level_of(name)
    for states, orders, i, pool in cases(name):
        found, me = draw(name, states, orders, i, pool), company(states)[i]
        own = {int(b["site"]) for b in me["buildings"] if b["kind"] == EXTRACTOR}
        for b in found.states:
            for site in range(level.deposits):
                assert (b["owner"][site] == 0) == (site in own)
                if name == "rivals" and site not in own:
                    assert (b["owner"][site] != NOBODY) == (me["seen_taken"][site] != 0)
                    assert b["reserve"][site] == me["seen_reserve"][site]
            public = states["companies"][i]["public_total"]
            np.testing.assert_array_equal(b["companies"]["public_total"][1:4], public[1:4])


def test_the_planner_that_sees_as_much_as_its_seat_plays_well_and_always_the_same() -> None:
    """As good a game as its orders say; where nothing is hidden it is the planner."""
    assert players_on(levels.load_level("chain")) == ["random", "greedy", "planner"]
    assert players_on(levels.load_level("rivals")) == ["random", "greedy", "planner_seen", "planner"]
    haul, maps = levels.load_level("haul"), np.arange(70, 73, dtype=np.uint64)
    for a, b in zip(play_games("planner_seen", haul, maps), play_games("planner", haul, maps), strict=True):
        np.testing.assert_array_equal(a, b)
    level = dataclasses.replace(level_of("rivals"), planner_beliefs=1, planner_effort=1)
    first, again = (play_games("planner_seen", level, maps, threads=n) for n in (1, 2))
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    greedy = play_games("greedy", level, maps)
    assert first.score.sum() > greedy.score.sum() + 300
    with pytest.raises(ValueError, match="planner_seen is not confined to an action space"):
        play_games("planner_seen", level, maps, confined=confined_to("heuristic", candidates=8, cells=4))
