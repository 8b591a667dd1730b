"""No seat is special: companies that change seats play the same game and see the same of it."""

from __future__ import annotations

import numpy as np
import pytest
from handmade import company
from rivalry import contested, games_of, look, midgame, mixed_orders, swapped

from envs.waybill.core.state import EXTRACT, NOBODY, SALES
from envs.waybill.observation import company as cf
from envs.waybill.observation.layout import cut

PAIRS = [(0, 1), (1, 2), (0, 2)]


@pytest.mark.parametrize("sight", [0, 8])
@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_companies_in_each_other_s_seat_play_the_same_game(a: int, b: int, sight: int) -> None:
    play, mirror = (games_of(contested(sight=sight)) for _ in range(2))
    mirror.states = swapped(play.states, a, b)
    rng, seats, fights = np.random.default_rng(a + b), [0, 1, 2], 0
    seats[a], seats[b] = b, a
    for _ in range(play.level.horizon):
        orders = mixed_orders(rng, play)
        play.step(orders)
        mirror.step(np.ascontiguousarray(orders[:, seats]))
        assert swapped(play.states, a, b).tobytes() == mirror.states.tobytes()
        wants = np.where(orders["verb"] == EXTRACT, orders["tile"], -1 - np.arange(3))
        fights += sum(len(set(row)) < 3 for row in wants.tolist())
    assert fights > 5
    sold = play.states["companies"]["cash_ledger"][:, :3, SALES]
    assert ((sold > 0).sum(1) > 1).sum() > 3  # demand was shared
    assert len(set(play.states["owner"].ravel().tolist()) - {NOBODY}) == 3


@pytest.mark.parametrize("sight", [0, 8])
@pytest.mark.parametrize("actions", ["heuristic", "random_k", "masked", "buckets"])
def test_what_a_company_sees_does_not_depend_on_its_seat(actions: str, sight: int) -> None:
    play = midgame(sight, ("greedy",))
    for seat in (0, 1):
        here = look(play, play.states, seat, actions=actions)
        there = look(play, swapped(play.states, 0, 1), 1 - seat, actions=actions)
        np.testing.assert_array_equal(here.observations, there.observations)
        np.testing.assert_array_equal(here.mask, there.mask)
        if here.orders is not None and there.orders is not None:
            np.testing.assert_array_equal(here.orders, there.orders)
    assert (here.observations != look(play, play.states, 0, actions=actions).observations).any(1).all()


def test_among_three_only_the_order_of_the_rivals_rows_changes() -> None:
    play = midgame()
    here = look(play, play.states, 0)
    there = look(play, swapped(play.states, 0, 2), 2)
    (own, rows, candidates), (own2, rows2, candidates2) = (
        cut(seen.observations, here.batch.layout) for seen in (here, there)
    )
    np.testing.assert_array_equal(own, own2)
    np.testing.assert_array_equal(candidates, candidates2)
    is_rival = rows[:, :, 5] == 1
    np.testing.assert_array_equal(is_rival, rows2[:, :, 5] == 1)
    assert (is_rival.sum(1) == 2).all()
    np.testing.assert_array_equal(rows[~is_rival], rows2[~is_rival])
    pairs, pairs2 = rows[is_rival].reshape(-1, 2, rows.shape[2]), rows2[is_rival].reshape(-1, 2, rows.shape[2])
    np.testing.assert_array_equal(pairs, pairs2[:, ::-1])
    assert own.shape == (len(play.states), cf.GLOBALS)
    assert (company(play.states)["public_total"] > 0).any()
