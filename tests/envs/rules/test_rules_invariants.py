"""What must hold in any game, whatever the orders: the books balance, nothing comes from nothing, games are apart."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from handmade import Play, company, random_orders
from numpy.lib.recfunctions import repack_fields
from rivalry import contested, mixed_orders

from envs.waybill import record
from envs.waybill.core import levels
from envs.waybill.core import state as st
from envs.waybill.core.levels import LevelConfig
from envs.waybill.core.state import DISMANTLE, EXTRACT, WORKSHOP
from envs.waybill.maps.pool import make_pool
from envs.waybill.rules.game import judge_orders

ROOT = Path(__file__).resolve().parents[3]


def chain_level() -> LevelConfig:
    recipe = levels.RecipeConfig
    return LevelConfig(
        name="two stages", side=16, deposits=8, towns=4, raw_goods=["ore", "coal"], refined_goods=["iron", "steel"],
        prices={"iron": 20, "steel": 70}, horizon=240, start_cash=9000, train_steps=1, max_buildings=16, max_carts=16,
        recipes=[recipe({"ore": 2}, "iron"), recipe({"iron": 1, "coal": 1}, "steel", 2)], refund_percent=99,
    )  # fmt: skip


def real(name: str, games: int, **numbers: int) -> Play:
    if name in ("rivals", "fog"):
        level = contested("greedy", "random", "greedy", sight=8 if name == "fog" else 0, **numbers)
    else:
        level = chain_level() if name == "two stages" else dataclasses.replace(levels.load_level(name), **numbers)
    return Play(level, make_pool(level.record(), np.arange(games)), games)


def held(play: Play, seat: int = 0) -> np.ndarray:
    """Units of each good in a company's stores and on its carts, [N, goods]."""
    states, goods = play.states, len(play.level.goods)
    found = np.zeros((len(states), goods), np.int64)
    for i, state in enumerate(states):
        me = company(state, seat)
        for building in me["buildings"][: me["n_slots"]]:
            if building["kind"] == st.EMPTY:
                continue
            found[i, building["output"]] += building["stock"]
            if building["kind"] == st.WORKS:
                recipe = play.record[0]["recipes"][building["recipe"]]
                for j in range(recipe["n_inputs"]):
                    found[i, recipe["inputs"][j]] += building["inputs"][j]
        for one in me["carts"][: me["n_carts"]]:
            found[i, one["good"]] += one["load"]
    return found


def check_company(play: Play, seat: int) -> None:
    """The books of a company balance, in coins and in goods."""
    me, level = company(play.states, seat), play.level
    assert (me["cash"] == me["cash_ledger"].sum(1)).all()
    goods, units = me["goods_ledger"].sum(2)[:, : len(level.goods)], held(play, seat)
    np.testing.assert_array_equal(goods, units)
    assert (units >= 0).all()
    assert (me["buildings"]["stock"] <= level.store).all()
    assert (me["carts"]["load"] <= level.cart_capacity).all()
    holds = (play.states["owner"] == seat).sum(1)
    extractors = (me["buildings"]["kind"] == st.EXTRACTOR).sum(1)
    np.testing.assert_array_equal(holds, np.where(me["bankrupt"] == 1, 0, extractors))


@pytest.mark.parametrize("name", ["haul", "refine", "two stages", "rivals", "fog"])
def test_the_books_balance_every_turn(name: str) -> None:
    games = 12
    play, rng = real(name, games, start_cash=5000, horizon=240), np.random.default_rng(3)
    level = play.level
    for _ in range(level.horizon):
        play.step(mixed_orders(rng, play) if play.seats > 1 else random_orders(rng, play))
        s = play.states
        for seat in range(play.seats):
            check_company(play, seat)
        start = np.full((games, level.deposits), level.reserve)
        grown = (start + s["renewed"][:, : level.deposits] - s["reserve"][:, : level.deposits]).sum(1)
        np.testing.assert_array_equal(grown, s["companies"]["goods_ledger"][:, :, :, st.DUG].sum((1, 2)))
        assert (s["reserve"] >= 0).all()
        assert (s["glut"] >= 0).all()
    assert (play.states["done"] == 1).all()
    for seat in range(play.seats):
        me = company(play.states, seat)
        assert (me["orders"].sum(0) > 0).tolist() == [True, True, name != "haul", True, True]
        assert me["cash_ledger"][:, st.SALES].sum() > 0
    assert not play.states["companies"]["orders"][:, play.seats :].any()  # nobody sits in the other seats


@pytest.mark.parametrize("name", ["haul", "refine"])
def test_building_and_clearing_earn_nothing(name: str) -> None:
    play = real(name, 16, start_cash=1000)
    level, rng = play.level, np.random.default_rng(4)

    def worth() -> np.ndarray:
        kinds = company(play.states)["buildings"]["kind"]
        extractors, workshops = (kinds == st.EXTRACTOR).sum(1), (kinds == st.WORKS).sum(1)
        return company(play.states)["cash"] + extractors * level.extractor_cost + workshops * level.workshop_cost

    before = worth()
    for _ in range(level.horizon):
        play.step(random_orders(rng, play, (EXTRACT, WORKSHOP, DISMANTLE)))
        after = worth()
        assert (after <= before).all()
        before = after
    assert (company(play.states)["orders"][:, DISMANTLE] > 0).all()
    assert (company(play.states)["cash"] < level.start_cash).all()


def test_a_clone_goes_its_own_way() -> None:
    play = real("refine", 2)
    rng = np.random.default_rng(5)
    for _ in range(20):
        play.step(random_orders(rng, play))
    original = play.states[0].tobytes()
    play.states[1] = play.states[0]
    clone = Play(play.level, play.pool)
    clone.states[0] = play.states[0]
    for _ in range(10):
        clone.step(random_orders(rng, clone))
    assert play.states[0].tobytes() == original == play.states[1].tobytes()
    assert clone.states[0].tobytes() != original


def test_games_of_a_batch_do_not_touch_each_other() -> None:
    together, rng = real("refine", 4), np.random.default_rng(6)
    alone = Play(together.level, together.pool, 4)
    for _ in range(30):
        orders = random_orders(rng, together)
        together.step(orders)
        for i in (2, 0, 3, 1):
            one = Play(alone.level, alone.pool)
            one.states[0] = alone.states[i]
            one.step(orders[i : i + 1])
            alone.states[i] = one.states[0]
    assert together.states.tobytes() == alone.states.tobytes()


def test_judging_orders_agrees_with_giving_them() -> None:
    play, rng = real("refine", 8), np.random.default_rng(7)
    for _ in range(40):
        orders = random_orders(rng, play)
        legal = np.zeros((8, 1), np.bool_)
        judge_orders(play.states, 0, play.pool, play.record, orders.reshape(8, 1), legal)
        own, running = company(play.states), play.states["done"] == 0
        before = own["illegal"].copy()
        play.step(orders)
        np.testing.assert_array_equal(own["illegal"] - before, (running & ~legal[:, 0]).astype(np.int16))


def test_the_state_record_has_no_gaps_that_a_hash_would_see() -> None:
    assert st.STATE.itemsize == 7560
    assert repack_fields(st.STATE, recurse=True).itemsize == 7560


@pytest.mark.slow
def test_uncompiled_rules_play_the_same_game(tmp_path: Path) -> None:
    level = levels.load_level("refine")
    play, rng, orders = real("refine", 1), np.random.default_rng(8), []
    for _ in range(40):
        orders.append(random_orders(rng, play)[0])
        play.step(np.array(orders[-1:], st.ORDER))
    game = record.record_game(level=level, map_seed=0, game_seed=0, player="random", orders=np.array(orders, st.ORDER))
    assert record.hash_state(play.s) == game.hashes[-1]
    game.save(tmp_path / "game.jsonl")
    script = "import sys; from envs.waybill.record import load_game, replay_states; "
    script += "print(len(list(replay_states(load_game(sys.argv[1])))))"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, str(tmp_path / "game.jsonl")],
        cwd=ROOT, env={**os.environ, "NUMBA_DISABLE_JIT": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(len(game.orders) + 1)
