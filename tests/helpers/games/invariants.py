"""What holds in every state of every game, looked at in many games at once: what is broken, in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from envs.waybill.core import state as st
from envs.waybill.core.levels import LevelConfig
from envs.waybill.maps.pool import MapPool


def broken(level: LevelConfig, pool: MapPool, states: np.ndarray) -> list[str]:
    """The invariants that do not hold in STATE records [N] of a level, each with the first game that breaks it."""
    faults = []
    for name, fine in _judged(level, pool, states):
        wrong = np.flatnonzero(~np.asarray(fine, np.bool_).reshape(len(states), -1).all(1))
        if len(wrong):
            faults.append(
                f"{name}: game {wrong[0]}, turn {states['turn'][wrong[0]]}, map {states['map_seed'][wrong[0]]}"
            )
    return faults


def held_units(record: np.ndarray, companies: Any) -> np.ndarray:
    """Units of each good in the stores and on the carts of COMPANY records [N, C]: int64 [N, C, goods]."""
    buildings, carts = companies["buildings"], companies["carts"]
    found = np.zeros((*companies.shape, st.MAX_GOODS), np.int64)
    n, c = np.indices(companies.shape)
    for b in range(st.MAX_BUILDINGS):
        one = buildings[:, :, b]
        there, works = one["kind"] != st.EMPTY, one["kind"] == st.WORKS
        np.add.at(found, (n, c, one["output"]), np.where(there, one["stock"], 0))
        recipes = record[0]["recipes"][one["recipe"]]
        for j in range(st.MAX_INPUTS):
            used = works & (j < recipes["n_inputs"])
            np.add.at(
                found, (n, c, np.where(used, recipes["inputs"][:, :, j], 0)), np.where(used, one["inputs"][:, :, j], 0)
            )
    for k in range(st.MAX_CARTS):
        np.add.at(found, (n, c, carts["good"][:, :, k]), carts["load"][:, :, k])
    return found


def _judged(level: LevelConfig, pool: MapPool, states: np.ndarray) -> Iterator[tuple[str, Any]]:
    """Each invariant by its name, and where it holds: bool [N, ...]."""
    seats, goods, deposits = 1 + len(level.rivals), len(level.goods), level.deposits
    record, me = level.record(), states["companies"][:, :seats]
    gone = me["bankrupt"] != 0
    yield "every coin is booked", me["cash"] == me["cash_ledger"].sum(2)
    yield "every unit is booked", me["goods_ledger"].sum(3) == held_units(record, me)
    yield "goods beyond the level's are none", (me["goods_ledger"][:, :, goods:] == 0).all((2, 3))
    start = np.full((len(states), deposits), level.reserve)
    grown = (start + states["renewed"][:, :deposits] - states["reserve"][:, :deposits]).sum(1)
    yield "what was dug came from deposits", grown == me["goods_ledger"][:, :, :, st.DUG].sum((1, 2))
    yield "reserves are between none and full", (states["reserve"] >= 0) & (states["reserve"] <= level.reserve)
    yield (
        "markets hold no more than was sold",
        (states["glut"] >= 0).all((1, 2))
        & (states["glut"].sum(1) <= -me["goods_ledger"][:, :, :, st.SOLD].sum(1)).all(1),
    )
    yield "who is bankrupt is in debt, and nobody else", (me["cash"] < 0) == gone
    yield from _of_things(level, me)
    for seat in range(seats):
        holds = (states["owner"][:, :deposits] == seat).sum(1)
        own = (me["buildings"]["kind"][:, seat] == st.EXTRACTOR).sum(1)
        yield f"seat {seat} holds the deposits it digs", holds == np.where(gone[:, seat], 0, own)
    yield (
        "games end at the horizon, or when all are bankrupt",
        (states["done"] != 0) == ((states["turn"] == level.horizon) | gone.all(1)),
    )
    yield "the map is the one that the game names", pool.seed[states["map"]] == states["map_seed"]
    yield "nobody sits in other seats", states["companies"]["cash_ledger"][:, seats:] == 0


def _of_things(level: LevelConfig, me: Any) -> Iterator[tuple[str, Any]]:
    buildings, carts = me["buildings"], me["carts"]
    stock, inputs, load = buildings["stock"], buildings["inputs"], carts["load"]
    yield "stores hold what they can", (stock >= 0) & (stock <= level.store)
    yield "workshops hold what they can", (inputs >= 0) & (inputs <= level.store)
    yield "carts hold what they can", (load >= 0) & (load <= level.cart_capacity)
    yield "no more buildings than allowed", (buildings["kind"] != st.EMPTY).sum(2) <= level.max_buildings
    yield "no more carts than allowed", me["n_carts"] <= level.max_carts
    yield "carts are on their way", (carts["leg_turns"] >= 0) & (carts["leg_left"] >= 0)
    sold = -me["goods_ledger"][:, :, :, st.SOLD]
    most = max(level.prices.values()) * (100 + level.price_spread_percent) // 100
    sales = me["cash_ledger"][:, :, st.SALES]
    yield "units sell at prices between nothing and the highest", (sales >= 0) & (sales <= sold.sum(2) * max(1, most))
    yield "what earns coins was sold", (sales == 0) | (sold.sum(2) > 0)
