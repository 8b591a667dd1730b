"""Rewards: potential-based identities, and negative controls that must break them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from handmade import company

from envs.waybill import rewards
from envs.waybill.env import WaybillVectorEnv
from envs.waybill.levels import load
from envs.waybill.state import EXTRACTOR, STATE, records

GAMMA = 0.97


def play(level: str, reward: str, games: int = 48, gamma: float = GAMMA) -> dict[str, np.ndarray]:
    """One whole random game each: rewards, raw rewards [T, N] and potentials [T+1, N], zero after the end."""
    env = WaybillVectorEnv(
        num_envs=games, level=level, reward=reward, gamma=gamma, maps=(2**31, games), in_order=True, threads=1
    )
    generator = np.random.default_rng(3)
    _, infos = env.reset(seed=5)
    running = np.ones(games, bool)
    out: dict[str, list[np.ndarray]] = {"r": [], "raw": [], "phi": [infos["potential"]], "cash": []}
    ends = np.zeros(games, np.int64)
    start = env.level.start_cash
    while running.any():
        mask = infos["action_mask"]
        actions = (generator.random(games) * mask.sum(1)).astype(np.int64)
        _, r_t, over, _, infos = env.step(actions)
        out["r"].append(np.where(running, r_t, 0.0))
        out["raw"].append(np.where(running, infos["raw_reward"], 0.0))
        out["phi"].append(np.where(running, infos["potential"], 0.0))
        ends += running
        out["cash"].append(np.where(running, infos["score"] / start, np.nan))
        running = running & ~over
    arrays = {name: np.array(rows) for name, rows in out.items()}
    arrays["end"] = ends
    return arrays


def discounted(rows: np.ndarray, gamma: float = GAMMA) -> np.ndarray:
    """Σ γ^t rows[t], [N]."""
    return (gamma ** np.arange(len(rows)))[:, None].T @ rows


@pytest.mark.parametrize("level", ["haul", "refine"])
def test_shaped_return_is_the_raw_return_less_the_first_potential(level: str) -> None:
    game = play(level, "shaped")
    left = discounted(game["r"])
    right = discounted(game["raw"]) - game["phi"][0]
    np.testing.assert_allclose(left[0], right[0], atol=1e-9)


@pytest.mark.parametrize("n", [1, 3, 7])
def test_n_steps_telescope(n: int) -> None:
    game = play("refine", "shaped")
    turns = len(game["r"])
    for t in range(0, turns - n, 5):
        steps = GAMMA ** np.arange(n)
        shaped = steps @ game["r"][t : t + n]
        raw = steps @ game["raw"][t : t + n]
        alive = game["end"] >= t + n  # games that had not ended before the last of these steps
        want = raw + GAMMA**n * game["phi"][t + n] - game["phi"][t]
        np.testing.assert_allclose(shaped[alive], want[alive], atol=1e-9)


def test_potential_is_zero_in_terminal_states_and_not_zero_before() -> None:
    game = play("refine", "shaped")
    for i, end in enumerate(game["end"]):
        assert game["phi"][end, i] == 0.0
    assert np.abs(game["phi"]).max() > 0.1


def test_a_wrong_gamma_or_a_terminal_potential_breaks_the_identity() -> None:
    game = play("refine", "shaped")
    raw_less_phi = (discounted(game["raw"]) - game["phi"][0])[0]
    assert np.abs(discounted(game["r"], 0.9)[0] - (discounted(game["raw"], 0.9) - game["phi"][0])[0]).max() > 1e-3
    kept = discounted(game["r"])[0] + GAMMA ** game["end"] * 0.5  # as if Φ were 0.5 at the end
    assert np.abs(kept - raw_less_phi).min() > 1e-3


def test_a_terminal_potential_would_change_the_better_of_two_routes() -> None:
    raw = np.array([1.00, 1.29])
    kept = np.array([2.65, -0.20])  # non-zero potentials left at the end of each route
    assert raw.argmax() == 1
    assert (raw + kept).argmax() == 0


@pytest.mark.parametrize("level", ["haul", "refine"])
def test_sparse_pays_the_profit_at_the_end_only(level: str) -> None:
    game = play(level, "sparse")
    for i, end in enumerate(game["end"]):
        assert (game["r"][: end - 1, i] == 0.0).all()
        assert game["r"][end - 1, i] == game["cash"][end - 1, i]


def test_cash_adds_up_to_the_profit() -> None:
    game = play("refine", "cash")
    for i, end in enumerate(game["end"]):
        assert game["r"][:, i].sum() == pytest.approx(game["cash"][end - 1, i], abs=1e-9)


def test_potential_of_a_state_by_hand() -> None:
    level = load("refine")
    record: Any = level.record()[0]
    state: Any = records(1, STATE)[0]
    me = company(state)
    me["cash"], state["turn"], me["n_slots"], me["n_carts"] = level.start_cash - 60, level.horizon // 2, 1, 1
    building = me["buildings"][0]
    building["kind"], building["output"], building["stock"] = EXTRACTOR, 0, 10
    assets = 0.5 * (level.extractor_cost + level.cart_cost)
    recipe = next(r for r in level.recipes if level.raw_goods[0] in r.inputs)
    unit = level.prices[recipe.output] * recipe.output_units / recipe.inputs[level.raw_goods[0]]
    want = (-60 + assets + rewards.AT_EXTRACTOR * 10 * unit) / level.start_cash
    assert rewards.potential_of(state, me, record) == pytest.approx(want)
    state["done"] = 1
    assert rewards.potential_of(state, me, record) == 0.0
