"""Players that keep to an action space: what they choose from, and that they never leave it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from handmade import company
from midgame import candidates, seen
from numbering import numbers_of, resolved
from proofs import some_as_proofs

from envs.waybill.actions import reducers
from envs.waybill.actions.confined import DRAWN, IN_CELLS, PROPOSED, Confined, confined_to, offer
from envs.waybill.core import levels
from envs.waybill.core.jit import kernel
from envs.waybill.core.state import ORDER, records
from envs.waybill.forecasts.estimates import estimate
from envs.waybill.forecasts.flows import measure_flows
from envs.waybill.players import play as players
from experiments.studies.coverage import measure_coverage

SPACES = {"heuristic": {"candidates": 6}, "random_k": {"candidates": 24}, "buckets": {"cells": 2}}


@kernel
def offer_once(confined: Any, states: Any, pool: Any, level: Any, scratch: Any, row: Any, worth: Any, i: Any) -> Any:
    s = states[i]
    return offer(confined, s, s.companies[0], pool, level[0], scratch, row, worth, np.bool_(False))


def offered(name: str, confined: Confined | None, i: int) -> tuple[np.ndarray, np.ndarray]:
    """Orders [n] and their worth [n, 2] in game i of ``seen``."""
    play, row, worth = seen(name), records(256, ORDER), np.zeros((256, 2), np.float32)
    n = offer_once(confined, play.states, play.pool, play.record, play.scratch, row, worth, i)
    return row[:n], worth[:n]


@pytest.mark.parametrize("name", ["refine", "chain"])
def test_in_buckets_each_proposal_is_what_its_bucket_stands_for(name: str) -> None:
    play, one, moved = seen(name), np.zeros(2, np.float32), 0
    for cells in (2, play.level.side):
        for i in range(len(play.states)):
            free, _ = offered(name, None, i)
            orders, worth = offered(name, Confined(IN_CELLS, cells), i)
            settled = resolved(play, i, cells, numbers_of(play.level, cells, free))
            assert [order.item() for order in orders] == list(dict.fromkeys(order.item() for order in settled))
            measure_flows(play.states[i], company(play.states[i]), play.pool, play.record[0], play.scratch.flows)
            for order, own in zip(orders[1:], worth[1:], strict=True):
                me = company(play.states[i])
                estimate(play.states[i], me, play.pool, play.record[0], play.scratch.flows, order, one)
                np.testing.assert_array_equal(own, one)
            moved += len(free) - len(orders) + (settled != free).sum()
            assert cells == 2 or (settled == free).all()
    assert moved > 50


@pytest.mark.parametrize(("space", "reducer"), [(PROPOSED, "heuristic"), (DRAWN, "random_k")])
def test_reducers_offer_what_they_offer_agents(space: int, reducer: str) -> None:
    for k in (5, 40):
        orders, worth, count = candidates(seen("refine"), getattr(reducers, reducer), k)
        for i in range(len(count)):
            mine, own = offered("refine", Confined(space, k), i)
            np.testing.assert_array_equal(mine, orders[i, : count[i]])
            np.testing.assert_array_equal(own, worth[i, : count[i]])


@pytest.mark.parametrize("actions", list(SPACES))
@pytest.mark.parametrize("name", some_as_proofs(["haul", "refine"], ["refine"]))
def test_a_confined_planner_never_leaves_its_space(name: str, actions: str) -> None:
    level, maps = levels.load_level(name), np.arange(2**31, 2**31 + 8, dtype=np.uint64)
    sizes = {"candidates": 32, "cells": 4, **SPACES[actions]}
    games = players.play_games("planner", level, maps, threads=1, confined=confined_to(actions, **sizes))
    found = measure_coverage(level, maps, games, actions=actions, **sizes, threads=1, progress=False)
    assert found.offered[found.given].all()
    assert found.recall.tolist() == [1.0] * 8
    np.testing.assert_array_equal(found.ceiling, games.score)
    free = players.play_games("planner", level, maps, threads=1)
    outside = measure_coverage(level, maps, free, actions=actions, **sizes, threads=1, progress=False)
    assert (outside.recall < 1).any()  # which is not so of everybody
    assert free.score.tolist() != games.score.tolist()
    assert actions == "heuristic" or free.score.sum() > games.score.sum()  # a search among fewer may find more


def test_cells_of_a_tile_and_slots_for_all_confine_nobody() -> None:
    level, maps = levels.load_level("haul"), np.arange(2**31, 2**31 + 3, dtype=np.uint64)
    free = players.play_games("planner", level, maps, threads=1)
    there = players.play_games("planner", level, maps, threads=1, confined=Confined(IN_CELLS, level.side))
    np.testing.assert_array_equal(free.orders, there.orders)
    assert confined_to("full", candidates=2, cells=1) is None
    assert confined_to("masked", candidates=2, cells=1) is None


def test_an_unknown_space_is_named_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="no player can be confined to it, known are full, masked, buckets") as caught:
        confined_to("hearistic", candidates=2, cells=1)
    assert "\n" not in str(caught.value)
