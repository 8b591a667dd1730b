"""Batches of games with rivals: rows by seats, games by themselves, fewer candidates and more rows of entities."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

import numpy as np
import pytest
from batches import make_batch
from handmade import Play, company
from rivalry import contested

from envs.waybill.batch import Batch
from envs.waybill.core.scratch import make_scratch
from envs.waybill.core.state import ORDER, SALES, records
from envs.waybill.env import WaybillEnv
from envs.waybill.maps.pool import make_pool
from envs.waybill.observation.layout import cut
from envs.waybill.players.planner import make_planner_scratch, plan_ahead
from envs.waybill.vector_env import WaybillVectorEnv

FOG = contested("greedy", "random", sight=8, start_cash=400, horizon=30)


def vector(**changed: Any) -> WaybillVectorEnv:
    options: dict[str, Any] = {"level": FOG, "num_envs": 6, "maps": (2**32, 8), "threads": 1, "candidates": 12}
    return WaybillVectorEnv(**{**options, **changed})


def batch_of(**changed: Any) -> Batch:
    options: dict[str, Any] = {
        "level": FOG, "num_envs": 6, "maps": (2**32, 8), "threads": 1, "candidates": 12, "reward": "cash", "gamma": 1.0,
        "actions": "heuristic", "encoding": "coordinates", "encoding_options": {}, "in_order": True,
    }  # fmt: skip
    batch = make_batch(**{**options, **changed})
    batch.reset(np.arange(len(batch.seeds), dtype=np.uint64))
    return batch


def choose(rng: np.random.Generator, mask: np.ndarray) -> np.ndarray:
    """A legal action for each row, int64 [R]."""
    return (rng.random(mask.shape) * mask).argmax(1)


@pytest.mark.parametrize("actions", ["heuristic", "random_k", "masked", "buckets"])
def test_game_i_is_the_single_game_of_seed_s_plus_i(actions: str) -> None:
    many, rng = vector(actions=actions), np.random.default_rng(1)
    one = [WaybillEnv(level=FOG, maps=(2**32, 8), candidates=12, actions=actions) for _ in range(6)]
    observed, infos = many.reset(seed=3)
    for i, env in enumerate(one):
        np.testing.assert_array_equal(env.reset(seed=3 + i)[0], observed[i])
    over = np.zeros(6, bool)
    while not over.any():
        chosen = choose(rng, infos["action_mask"])
        observed, rewards, over, _, infos = many.step(chosen)
        for i, env in enumerate(one):
            alone = env.step(chosen[i])
            np.testing.assert_array_equal(alone[0], observed[i])
            assert alone[1:3] == (rewards[i], over[i])
            assert alone[4]["won"] == infos["won"][i]
            assert env.state.tobytes() == many.states[i].tobytes()
    assert (many.states["companies"]["orders"][:, 1:3, 1:].sum(2) > 0).any(0).all()  # the rivals do play


def test_no_result_depends_on_threads() -> None:
    ends = []
    for threads in (1, 3):
        env, rng = vector(num_envs=100, threads=threads, maps=(2**32, 40)), np.random.default_rng(2)
        _, infos = env.reset(seed=1)
        for _ in range(40):
            observed, rewards, _, _, infos = env.step(choose(rng, infos["action_mask"]))
        ends.append((env.states.tobytes(), observed.tobytes(), rewards.tobytes()))
    assert ends[0] == ends[1]


def test_a_batch_plays_by_the_rules_what_it_says_was_given() -> None:
    batch, rng = batch_of(), np.random.default_rng(3)
    play = Play(FOG, make_pool(FOG.record(), np.arange(2**32, 2**32 + 8)), 6)
    play.states[:] = batch.states
    for _ in range(FOG.horizon):
        stands = (play.states["done"] == 0) & (company(play.states)["bankrupt"] == 0)
        batch.step(choose(rng, batch.space.mask))
        assert batch.given.shape == (6, 3)
        np.testing.assert_array_equal(batch.given[stands, 0], batch.taken[stands])
        play.step(batch.given)
        assert play.states[stands].tobytes() == batch.states[stands].tobytes()
    assert (play.states["companies"]["orders"][:, 1:3, 1:].sum(2) > 0).any(0).all()


def test_rows_of_two_seats_are_the_games_seen_from_each() -> None:
    both = batch_of(seats=(0, 1), whole_games=True)
    alone = [batch_of(seats=(seat,), whole_games=True) for seat in range(2)]
    rng, start = np.random.default_rng(4), FOG.start_cash
    assert both.views.tolist() == [[game, seat] for game in range(6) for seat in range(2)]
    assert both.observations.shape == (12, both.layout.size)
    for turn in range(FOG.horizon):
        for seat, batch in enumerate(alone):  # only to look: the games are those of ``both``
            batch.states[:] = both.states
            batch.look()
            for found in map(attrgetter, ("observations", "space.mask", "space.groups")):
                np.testing.assert_array_equal(found(both)[seat::2], found(batch))
            np.testing.assert_array_equal(both.infos.score[seat::2], company(both.states, seat)["cash"] - start)
        cash = both.states["companies"]["cash"][:, :2].reshape(-1).astype(int)
        both.step(choose(rng, both.space.mask))
        np.testing.assert_array_equal(both.given[:, :2].reshape(-1), both.taken)
        if turn < FOG.horizon - 1:
            change = both.states["companies"]["cash"][:, :2].reshape(-1) - cash
            np.testing.assert_allclose(both.reward, change / start)
    assert both.infos.over.all()
    assert (both.states["companies"]["cash_ledger"][:, :2, SALES] > 0).any(0).all()


def test_a_learner_s_game_ends_with_its_company_and_a_whole_game_does_not() -> None:
    for whole, turn in ((False, 0), (True, 2)):
        batch = batch_of(whole_games=whole)
        company(batch.states)["cash"], company(batch.states)["n_carts"] = 0, 1  # a cart to keep and nothing to pay it
        batch.step(np.zeros(6, int))
        assert batch.infos.over.all()
        assert batch.infos.bankrupt.all()
        assert not batch.infos.won.any()
        assert (batch.states["done"] == 0).all()
        batch.step(np.zeros(6, int))
        assert batch.restarted.all() == (not whole)
        assert (batch.states["turn"] == turn).all()


def test_who_has_won_has_more_than_every_rival_that_stands() -> None:
    batch = batch_of()
    me, first, second = (company(batch.states, seat) for seat in range(3))
    batch.states["turn"] = FOG.horizon - 1
    me["cash"], first["cash"] = 500, [400, 500, 501, 900, 100, 100]
    second["cash"], first["bankrupt"] = [100, 100, 100, 100, 499, 600], [0, 0, 0, 1, 0, 0]
    batch.step(np.zeros(6, int))
    assert batch.infos.over.all()
    assert batch.infos.won.tolist() == [True, False, False, True, True, False]


@pytest.mark.parametrize("actions", ["heuristic", "random_k"])
def test_a_limit_leaves_fewer_candidates_and_nothing_else(actions: str) -> None:
    batch, rng = batch_of(actions=actions), np.random.default_rng(5)
    for _ in range(8):
        batch.step(choose(rng, batch.space.mask))
    whole, counts = batch.observations.copy(), batch.space.count.copy()
    for limit in (2, 5, 12):
        batch.space.limit = limit
        batch.look()
        np.testing.assert_array_equal(batch.space.count, np.minimum(counts, limit))
        np.testing.assert_array_equal(batch.space.mask.sum(1), batch.space.count)
        assert batch.space.mask.shape == (6, 12)
        own, rows, candidates = cut(batch.observations, batch.layout)
        own_before, rows_before, before = cut(whole, batch.layout)
        np.testing.assert_array_equal(own, own_before)
        np.testing.assert_array_equal(rows, rows_before)
        np.testing.assert_array_equal(candidates[:, :, 0], batch.space.mask)
        for row, other in zip(candidates, before, strict=True):
            kept = {line.tobytes() for line in other}
            assert actions == "random_k" or all(line.tobytes() in kept for line in row)
    np.testing.assert_array_equal(batch.observations, whole)
    assert counts.max() > 5
    batch.space.limit = 2
    batch.look()
    batch.step(np.full(6, 7))  # a slot that the limit leaves empty
    assert (batch.given["verb"][:, 0] == -1).all()


def test_more_rows_of_entities_are_empty_rows() -> None:
    rng, needed = np.random.default_rng(6), batch_of().layout.entities
    plain, roomy = batch_of(), batch_of(entities=needed + 7)
    for _ in range(10):
        (own, rows, candidates), (own2, rows2, candidates2) = (
            cut(batch.observations, batch.layout) for batch in (plain, roomy)
        )
        assert rows2.shape[1] == needed + 7
        assert (rows2[:, needed:] == 0).all()
        np.testing.assert_array_equal(rows, rows2[:, :needed])
        np.testing.assert_array_equal(own, own2)
        np.testing.assert_array_equal(candidates, candidates2)
        chosen = choose(rng, plain.space.mask)
        plain.step(chosen)
        roomy.step(chosen)
    with pytest.raises(ValueError, match=rf"entities={needed - 1}, level refine needs {needed} and more"):
        batch_of(entities=needed - 1)


def test_a_planner_among_the_rivals_plays_its_plan() -> None:
    level = contested("planner", deposits=3, horizon=24)
    batch, plans = batch_of(level=level, num_envs=2), records(48, ORDER).reshape(2, 24)
    for i in range(2):
        plan_ahead(batch.states, 1, batch.pool, level.record(), make_scratch(), make_planner_scratch(level), plans, i)
    start, given = batch.states.copy(), []
    for _ in range(24):
        batch.step(np.zeros(2, int))  # nobody stands in its way
        given.append(batch.given[:, 1].copy())
    np.testing.assert_array_equal(np.stack(given, axis=1), plans)
    assert (company(batch.states, 1)["illegal"] == 0).all()
    assert (company(batch.states, 1)["cash"] > company(start, 1)["cash"]).any()


@pytest.mark.parametrize("seats", [(), (0, 0), (3,), (-1,), (0, 1, 2, 3)])
def test_seats_that_are_not_there_are_one_line(seats: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="level refine has the seats 0..2, each once") as caught:
        batch_of(seats=seats)
    assert "\n" not in str(caught.value)
