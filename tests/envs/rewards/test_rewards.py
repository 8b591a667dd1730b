"""Rewards: potential-based identities, and negative controls that must break them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from batches import make_batch
from handmade import NORTH, SOUTH, TOWN, YARD, Play, company, hand_level, hand_pool, make_order, views

from envs.waybill.actions.raw import encode
from envs.waybill.core.levels import load_level
from envs.waybill.core.state import (
    DISMANTLE,
    EXTRACT,
    EXTRACTOR,
    HAUL,
    NEW_CART,
    ORDER,
    PASS,
    STATE,
    WORKSHOP,
    records,
)
from envs.waybill.env import WaybillEnv
from envs.waybill.rewards import functions, potential
from envs.waybill.rules.game import judge_orders
from envs.waybill.vector_env import WaybillVectorEnv

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
    level = load_level("refine")
    record: Any = level.record()[0]
    state: Any = records(1, STATE)[0]
    me = company(state)
    me["cash"], state["turn"], me["n_slots"], me["n_carts"] = level.start_cash - 60, level.horizon // 2, 1, 1
    building = me["buildings"][0]
    building["kind"], building["output"], building["stock"] = EXTRACTOR, 0, 10
    assets = 0.5 * (level.extractor_cost + level.cart_cost)
    recipe = next(r for r in level.recipes if level.raw_goods[0] in r.inputs)
    unit = level.prices[recipe.output] * recipe.output_units / recipe.inputs[level.raw_goods[0]]
    want = (-60 + assets + potential.AT_EXTRACTOR * 10 * unit) / level.start_cash
    assert potential.potential_of(state, me, record) == pytest.approx(want)
    state["done"] = 1
    assert potential.potential_of(state, me, record) == 0.0


def paid(orders: list[np.ndarray], **numbers: Any) -> tuple[list[float], list[float], Play]:
    """The rewards and raw rewards of ``milestone``, with a bonus of ¼, for these orders on the map made by hand."""
    level = hand_level(**{"horizon": len(orders), **numbers})
    game = Play(level, hand_pool(level))
    kept = [np.full(1, 7.0) for _ in range(3)]
    found: list[list[float]] = [[], []]
    for order in [None, *orders]:
        if order is not None:
            game.step(order)
        functions.milestone(game.states, views(1), game.pool, game.record, functions.Numbers(0.9, 0.25), *kept, 0, 1)
        for rows, values in zip(found, (kept[2], kept[1]), strict=True):
            rows.append(float(values[0]))
    assert found[0][0] == found[1][0] == 0.0
    return found[0][1:], found[1][1:], game


def test_milestones_by_hand() -> None:
    orders = [
        make_order(EXTRACT, SOUTH),
        make_order(HAUL, SOUTH, target=TOWN, cart=NEW_CART),
        *[make_order(PASS)] * 4,  # digs in the third turn, loads, drives for three and sells
        make_order(WORKSHOP, YARD),
        make_order(HAUL, SOUTH, target=YARD, cart=0),
        make_order(HAUL, SOUTH, target=TOWN, cart=0),  # turned round
        make_order(DISMANTLE, YARD),
        make_order(WORKSHOP, YARD),  # once more
        make_order(EXTRACT, SOUTH),  # illegal
        make_order(PASS),
    ]
    r, raw, game = paid(orders)
    assert int(game.me["illegal"]) == 1
    want = [1, 1, 1, 0, 0, 1, 1, 1, 1, 0, 1, 0, 0]
    profit = (int(game.me["cash"]) - 200) / 200
    assert raw == pytest.approx([0.0] * 12 + [profit])
    assert r == pytest.approx([0.25 * n for n in want[:-1]] + [profit])
    assert profit < 0


def test_delivering_and_refining_pay_once() -> None:
    orders = [
        make_order(EXTRACT, SOUTH),
        make_order(WORKSHOP, YARD),
        make_order(HAUL, SOUTH, target=YARD, cart=NEW_CART),
        *[make_order(PASS)] * 17,
    ]
    r, raw, game = paid(orders)
    assert game.me["goods_ledger"][1].tolist()[2] > 2  # planks were made, more than once
    assert sum(r) - sum(raw) == pytest.approx(0.25 * 6)  # three orders; dug, delivered, refined


def test_what_is_built_and_cleared_in_turn_pays_each_time_while_the_cash_goes() -> None:
    orders = [make_order(EXTRACT, NORTH), make_order(DISMANTLE, NORTH)] * 6
    r, raw, game = paid(orders)
    assert int(game.me["cash"]) == 200 - 6 * (40 - 20 + 1)  # refund and a turn's upkeep
    assert sum(raw) == pytest.approx(-126 / 200)
    assert sum(r) == pytest.approx(6 * 0.25 - 126 / 200)
    assert sum(r) > sum(paid([make_order(PASS)] * 12)[0]) == 0.0


def greedy_games(reward: str, loops: bool) -> tuple[float, float]:
    """Mean return and mean score of greedy play on ``haul``; with ``loops`` the newest cart is turned round and round
    in the turns in which greedy would pass.
    """
    n, maps = 16, (2**31, 16)
    games = WaybillVectorEnv(
        num_envs=n, level="haul", reward=reward, gamma=1.0, actions="full", maps=maps, in_order=True, threads=1
    )
    adviser = make_batch(
        num_envs=n, level="haul", reward="sparse", gamma=1.0, actions="heuristic", candidates=48, in_order=True,
        encoding="coordinates", encoding_options={}, maps=maps, threads=1,
    )  # fmt: skip
    _, infos = games.reset(seed=0)
    record, total, score, running = games.level.record(), np.zeros(n), np.zeros(n), np.ones(n, bool)
    while running.any():
        adviser.states[:] = games.states
        adviser.look()
        orders = adviser.space.orders[np.arange(n), adviser.advice]
        for i in np.flatnonzero(running & (orders["verb"] == PASS)) if loops else ():
            orders[i] = turned_round(games, i, record)
        _, r_t, over, _, infos = games.step(np.array([encode(record[0], order) for order in orders]))
        total += np.where(running, r_t, 0.0)
        score = np.where(running, infos["score"], score)
        running &= ~over
    return float(total.mean()), float(score.mean())


def turned_round(games: WaybillVectorEnv, i: int, record: np.ndarray) -> Any:
    """An order that sends the newest of several carts on another route; PASS if there is none."""
    me, level = company(games.states[i]), games.level
    if me["n_carts"] < 2:
        return make_order(PASS)[0]
    built = [int(b["tile"]) for b in me["buildings"] if b["kind"] != 0]
    towns = games.batch.pool.site_tile[games.states["map"][i], level.deposits :].astype(int).tolist()
    found = records(len(built) * len(towns), ORDER)
    found["verb"], found["cart"] = HAUL, me["n_carts"] - 1
    found["tile"], found["target"] = np.repeat(built, len(towns)), np.tile(towns, len(built))
    legal = np.zeros((1, len(found)), np.bool_)
    judge_orders(games.states[i : i + 1], 0, games.batch.pool, record, found.reshape(1, -1), legal)
    routes = found[legal[0]]
    return routes[int(games.states["turn"][i]) % len(routes)] if len(routes) else make_order(PASS)[0]


def test_looping_earns_more_milestones_and_less_money_than_honest_play_and_potentials_see_through_it() -> None:
    honest, looping = (greedy_games("milestone", loops) for loops in (False, True))
    assert looping[0] > 1.3 * honest[0]
    assert looping[1] < 0.5 * honest[1]
    assert honest[1] > 300
    shaped = [greedy_games("shaped", loops)[0] for loops in (False, True)]
    assert shaped[0] > 2 * shaped[1]


@pytest.mark.parametrize("bonus", [-0.1, 101.0, float("nan")])
def test_a_bonus_has_a_range(bonus: float) -> None:
    with pytest.raises(ValueError, match=rf"^bonus={bonus}, allowed are 0\.\.100 starting cashes$"):
        WaybillEnv(level="haul", reward="milestone", bonus=bonus, maps=(0, 1))


def test_the_bonus_is_the_environment_s() -> None:
    for bonus in (0.0, 0.5):
        env = WaybillEnv(level="haul", reward="milestone", bonus=bonus, maps=(0, 1))
        _, info = env.reset(seed=0)
        extract = int(np.flatnonzero(info["action_group"] == EXTRACT)[0])
        _, r_t, _, _, info = env.step(extract)
        assert (r_t, info["raw_reward"], info["potential"]) == (bonus, 0.0, bonus)
