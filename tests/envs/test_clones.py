"""Copies of running games, and games as they can be believed to be."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from envs.waybill.batch import Batch
from envs.waybill.believed import BelievedGames
from envs.waybill.clones import Clones
from envs.waybill.core import levels
from envs.waybill.options import GameOptions

GAMES = 6


def batch_of(name: str, *, horizon: int = 45, **options: Any) -> Batch:
    level = dataclasses.replace(levels.load_level(name), horizon=horizon)
    chosen = {"reward": "shaped", "gamma": 0.99, "actions": "heuristic", "encoding": "reference_points", **options}
    return Batch(GameOptions(level=level, maps=(40, GAMES), **chosen), num_envs=GAMES, in_order=True, whole_games=True)


def wise(batch: Batch, rng: np.random.Generator) -> np.ndarray:
    """Actions [R] that mostly pay by the rule of thumb, so that something happens."""
    mask = batch.space.mask
    worth = np.where(mask != 0, batch.space.worth[:, :, 0] + rng.normal(size=mask.shape) * 200, -np.inf)
    return np.where(rng.random(len(mask)) < 0.6, worth.argmax(axis=1), 0)


def begun(name: str, turns: int, **options: Any) -> Batch:
    batch, rng = batch_of(name, **options), np.random.default_rng(2)
    batch.reset(np.arange(GAMES, dtype=np.uint64))
    for _ in range(turns):
        batch.step(wise(batch, rng))
    return batch


@pytest.mark.parametrize(("name", "options"), [
    ("refine", {}), ("rivals", {}), ("fog", {}), ("haul", {"actions": "buckets", "encoding": "coordinates"}),
])  # fmt: skip
def test_a_copy_goes_on_just_as_its_game_does(name: str, options: dict[str, Any]) -> None:
    batch, rng = begun(name, 14, **options), np.random.default_rng(7)
    clones = Clones(batch, room=2 * GAMES)
    games = np.flatnonzero(batch.states["done"] == 0)[[2, 0, 0, 1]]
    clones.place(batch.states[games], batch.potential[games], batch.pool, batch.table)
    before, going, compared = batch.states.tobytes(), np.ones(4, np.bool_), 0
    np.testing.assert_array_equal(clones.observations, batch.observations[games])
    np.testing.assert_array_equal(clones.mask, batch.space.mask[games])
    for _ in range(10):
        actions = wise(batch, rng) if name != "haul" else rng.integers(batch.space.n_actions, size=GAMES)
        clones.step(actions[games])
        assert batch.states.tobytes() == before  # the games themselves wait
        batch.step(actions)
        before = batch.states.tobytes()
        going &= ~batch.restarted[games]  # another game begins in the batch where one was over
        assert clones.states[:4][going].tobytes() == batch.states[games][going].tobytes()
        np.testing.assert_array_equal(clones.reward[:4][going], batch.reward[games][going])
        np.testing.assert_array_equal(clones.observations[going], batch.observations[games][going])
        compared += int(going.sum())
    assert compared >= 10


def test_a_copy_that_is_over_stays_as_it_is() -> None:
    batch = begun("rivals", 44)
    clones = Clones(batch, room=GAMES)
    clones.place(batch.states, batch.potential, batch.pool, batch.table)
    assert (clones.states["turn"] == 44).all()
    clones.step(np.zeros(GAMES, np.int64))
    assert (clones.states["turn"] == 45).all()
    assert clones.over.all()
    ended = clones.states.tobytes()
    clones.step(np.zeros(GAMES, np.int64))
    assert clones.states.tobytes() == ended


def test_copies_do_not_depend_on_threads_nor_on_what_was_there_before() -> None:
    batch, found = begun("rivals", 20), []
    for threads in (1, 2):
        clones = Clones(batch, room=80, threads=threads)
        if threads == 2:
            clones.place(batch.states[[5, 5, 5]], batch.potential[[5, 5, 5]], batch.pool, batch.table)
            clones.step(np.zeros(3, np.int64))
        games = np.tile(np.arange(GAMES), 12)
        clones.place(batch.states[games], batch.potential[games], batch.pool, batch.table)
        for _ in range(5):
            clones.step(np.argmax(clones.mask[:, ::-1], axis=1) * 0 + 1 * (clones.mask[:, 1] != 0))
        found.append((clones.states[: len(games)].tobytes(), clones.observations.tobytes()))
    assert found[0] == found[1]


def test_those_who_plan_are_greedy_in_copies_and_the_seat_is_the_batchs_first() -> None:
    level = dataclasses.replace(levels.load_level("rivals"), start_cash=400, rivals=["greedy", "random"])
    options = GameOptions(
        level=level, reward="sparse", gamma=1.0, actions="heuristic", encoding="coordinates", maps=(40, 2)
    )
    batch = Batch(options, num_envs=2, in_order=True, seats=(1,))
    batch.reset(np.arange(2, dtype=np.uint64))
    clones = Clones(batch, room=2)
    clones.place(batch.states, batch.potential, batch.pool, batch.table)
    for _ in range(40):
        clones.step(np.zeros(2, np.int64))
    orders = clones.states["companies"]["orders"]
    assert (orders[:, 1, 1:] == 0).all()  # seat 1 passed
    assert (orders[:, 0, 1:].sum(axis=1) > 1).all()  # who is outside there is greedy here
    assert (orders[:, 2, 1:].sum(axis=1) > 1).all()


@pytest.mark.parametrize("name", ["rivals", "fog"])
def test_beliefs_that_follow_a_game_agree_at_every_turn_with_all_that_is_known(name: str) -> None:
    """What the company sees, may do and owns in a belief is what it sees, may do and owns, to the bit."""
    batch, rng = batch_of(name), np.random.default_rng(2)
    batch.reset(np.arange(GAMES, dtype=np.uint64))
    believed, clones = BelievedGames(batch, draws=2), Clones(batch, room=GAMES)
    for turn in range(40):
        believed.follow()
        running = np.flatnonzero((batch.states["done"] == 0) & (batch.states["companies"]["bankrupt"][:, 0] == 0))
        for draw in range(2):
            states, pool, table = believed.held(running, draw)
            clones.place(states, batch.potential[running], pool, table)
            np.testing.assert_array_equal(clones.observations, batch.observations[running])
            np.testing.assert_array_equal(clones.mask, batch.space.mask[running])
            own, mine = (x["companies"][:, 0].copy() for x in (states, batch.states[running]))
            own["key"] = mine["key"] = 0
            assert own.tobytes() == mine.tobytes()
            assert (states["turn"] == batch.states["turn"][running]).all()
            assert turn == 0 or (states["companies"][:, 1:] != batch.states["companies"][running, 1:]).any()
        batch.step(wise(batch, rng))


@pytest.mark.parametrize("name", ["rivals", "fog"])
def test_nothing_that_is_hidden_gets_into_beliefs_that_follow(name: str) -> None:
    """Two games that differ only in what is hidden are believed to be the same, to the byte."""
    kept: list[bytes] = []
    for hidden in (0, 1):
        batch, rng = batch_of(name), np.random.default_rng(2)
        batch.reset(np.arange(GAMES, dtype=np.uint64))
        believed = BelievedGames(batch, draws=2)
        for _ in range(12):
            believed.follow()
            batch.step(wise(batch, rng))
        batch.states["rng"] += np.uint64(hidden)
        companies: Any = batch.states["companies"]
        companies["cash"][:, 1:] += 50 * hidden
        companies["key"][:, 1:] += np.uint64(hidden)
        companies["buildings"]["stock"][:, 1:] += hidden
        believed.follow()
        kept.append(b"".join(believed.held(np.arange(GAMES), draw)[0].tobytes() for draw in range(2)))
    assert kept[0] == kept[1]


def test_where_nothing_is_hidden_the_games_are_believed_to_be_what_they_are() -> None:
    batch = begun("chain", 9)
    believed = BelievedGames(batch, draws=4)
    believed.follow()
    assert believed.is_exact
    assert believed.draws == 1
    states, pool, table = believed.held(np.array([3, 1]), 0)
    assert states.tobytes() == batch.states[[3, 1]].tobytes()
    assert pool is batch.pool
    assert table is batch.table


def test_beliefs_do_not_depend_on_threads() -> None:
    found = []
    for threads in (1, 3):
        batch, rng = batch_of("fog"), np.random.default_rng(2)
        batch.reset(np.arange(GAMES, dtype=np.uint64))
        believed = BelievedGames(batch, draws=2, threads=threads)
        believed._threads.smallest_slice = 2
        for _ in range(8):
            believed.follow()
            batch.step(wise(batch, rng))
        found.append(believed.held(np.arange(GAMES), 1)[0].tobytes())
    assert found[0] == found[1]
