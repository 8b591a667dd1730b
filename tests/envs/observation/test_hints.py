"""Candidates without hints: nothing of them that is calculated from travel times, everything else as it was."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from envs.waybill.core.state import HAUL
from envs.waybill.observation import candidates as of
from envs.waybill.observation.layout import cut
from envs.waybill.vector_env import WaybillVectorEnv
from experiments.config.groups import ActionsConfig


def games(*, hints: bool) -> WaybillVectorEnv:
    """Games in their midst, the same with and without hints."""
    choices = {"level": "refine", "actions": "random_k", "encoding": "coordinates", "hints": hints}
    env = WaybillVectorEnv(num_envs=16, maps=(7, 16), in_order=True, threads=1, **choices)
    _, infos = env.reset(seed=3)
    rng = np.random.default_rng(5)
    for _ in range(24):
        _, _, _, _, infos = env.step(np.array([rng.choice(np.flatnonzero(row)) for row in infos["action_mask"]]))
    return env


def candidates_of(env: Any) -> np.ndarray:
    """[N, K, Fc]."""
    return cut(env.batch.observations, env.layout)[2].copy()


def test_only_the_hints_are_taken_out() -> None:
    with_hints, without = games(hints=True), games(hints=False)
    assert np.array_equal(with_hints.batch.space.orders, without.batch.space.orders)
    rows, blind = candidates_of(with_hints), candidates_of(without)
    haul = without.batch.space.orders["verb"] == HAUL
    assert haul.any()
    assert (~haul).any()
    hidden = np.zeros(rows.shape, np.bool_)
    hidden[:, :, [of.ORDER_AT + column for column in of.HINTS]] = True
    outlet = [of.ORDER_AT + column for column in of.OUTLET_HINTS]
    hidden[:, :, outlet] |= ~haul[:, :, None]
    assert (blind[hidden] == 0.0).all()
    assert np.array_equal(blind[~hidden], rows[~hidden])
    assert (rows[hidden] != 0.0).any()


@pytest.mark.parametrize("hints", [True, False])
def test_without_hints_an_observation_tells_nothing_of_travel_times(hints: bool) -> None:
    """Random candidates do not depend on travel times; nor may what is seen of them, but for the hints."""
    env = games(hints=hints)
    batch = env.batch
    before, orders = batch.observations.copy(), batch.space.orders.copy()
    batch.pool.site_travel[:] *= 3
    batch.look()
    assert np.array_equal(batch.space.orders, orders)
    assert np.array_equal(batch.observations, before) is not hints


def test_hints_belong_to_candidates() -> None:
    assert ActionsConfig(name="heuristic", candidates=8, hints=False).hints is False
    with pytest.raises(ValueError, match=r"actions\.hints=False: actions=full has no candidates"):
        ActionsConfig(name="full", hints=False)
