"""Pointers of the observation: they name the rows of what carts and candidates speak of, and nothing else changes."""

from __future__ import annotations

import numpy as np
import pytest
from handmade import company

from envs.waybill.core.state import EXTRACT, EXTRACTOR, HAUL, IDLE, MAX_BUILDINGS, NEW_CART, PASS, WORKS
from envs.waybill.observation.entities import ENTITY_FEATURES, GOOD_AT
from envs.waybill.observation.layout import ObservationLayout, cut, pointers_of
from envs.waybill.vector_env import WaybillVectorEnv

GAMES, TURNS = 8, 70


def played(level: str, **options: object) -> WaybillVectorEnv:
    env = WaybillVectorEnv(level=level, num_envs=GAMES, encoding="coordinates", maps=(5, GAMES), **options)
    env.reset(seed=1)
    return env


@pytest.mark.parametrize("level", ["haul", "chain", "rivals", "fog"])
def test_rows_are_those_of_the_places_and_carts_that_are_named(level: str) -> None:
    """Coordinates tell every tile from every other, and at most one site or building stands on a tile."""
    env, rng = played(level, pointers=True), np.random.default_rng(0)
    seen = {"cart source": 0, "cart target": 0, "source": 0, "target": 0, "cart": 0, "workshop": 0, "deposit": 0}
    side, states = env.level.side, env.states
    for _ in range(TURNS):
        batch = env.batch
        _, rows, _ = cut(batch.observations, env.layout)
        pointers = pointers_of(batch.observations, env.layout).astype(int)
        assert pointers.min() >= 0
        assert pointers.max() <= env.layout.entities
        for game in range(GAMES):
            me = company(states)[game]

            def tile_of(row: int, game: int = game, rows: np.ndarray = rows) -> int:
                assert rows[game, row, 0] == 1
                assert rows[game, row, 1:4].sum() == 1  # a deposit, a town or a workshop
                x, y = np.rint(rows[game, row, ENTITY_FEATURES:] * (side - 1)).astype(int)
                return int(y * side + x)

            def place(number: int, game: int = game, me: np.void = me) -> int:
                site = env.level.deposits + number - MAX_BUILDINGS
                towns = env.batch.pool.site_tile[states["map"][game]]
                return int(towns[site] if number >= MAX_BUILDINGS else me["buildings"]["tile"][number])

            sites = env.level.deposits + env.level.towns
            for c, cart in enumerate(me["carts"][: me["n_carts"]]):
                source, target, none = pointers[game, sites + c]
                assert none == 0
                if cart["phase"] == IDLE:
                    assert source == target == 0
                    continue
                if me["buildings"]["kind"][cart["source"]] in (EXTRACTOR, WORKS):
                    assert tile_of(source - 1) == place(cart["source"])
                    seen["cart source"] += 1
                if cart["target"] >= MAX_BUILDINGS or me["buildings"]["kind"][cart["target"]] == WORKS:
                    assert tile_of(target - 1) == place(cart["target"])
                    seen["cart target"] += 1
            for k in range(env.layout.candidates):
                order, (source, target, cart) = batch.space.orders[game, k], pointers[game, env.layout.entities + k]
                if k >= batch.space.count[game] or order["verb"] == PASS:
                    assert source == target == cart == 0
                    continue
                if source > 0:
                    assert tile_of(source - 1) == order["tile"]
                    seen["source"] += 1
                if order["verb"] == EXTRACT:
                    assert rows[game, source - 1, 1] == 1
                    seen["deposit"] += 1
                if order["verb"] != HAUL:
                    assert target == cart == 0
                    continue
                assert tile_of(source - 1) == order["tile"]
                assert tile_of(target - 1) == order["target"]
                seen["target"] += 1
                seen["workshop"] += rows[game, target - 1, 3] == 1
                if order["cart"] == NEW_CART:
                    assert cart == 0
                else:
                    row = rows[game, cart - 1]
                    assert row[4] == 1
                    assert cart - 1 == sites + order["cart"]
                    assert (row[GOOD_AT : GOOD_AT + 2] == 0).all()  # it is idle
                    seen["cart"] += 1
        drawn = np.array([rng.choice(np.flatnonzero(mask)) for mask in batch.space.mask])
        env.step(np.where(rng.random(GAMES) < 0.2, drawn, batch.advice))
    wanted = set(seen) - ({"workshop"} if level == "haul" else set()) - ({"cart"} if level != "haul" else set())
    assert {name for name in wanted if seen[name] == 0} == set(), seen


@pytest.mark.parametrize("level", ["refine", "fog"])
def test_they_follow_all_else_which_stays_as_it_was(level: str) -> None:
    plain, pointing = played(level), played(level, pointers=True)
    size = plain.layout.size
    rows = plain.layout.entities + plain.layout.candidates
    assert plain.layout == pointing.layout._replace(pointers=0)
    assert pointing.layout.size == size + 3 * rows
    for _ in range(30):
        np.testing.assert_array_equal(plain.batch.observations, pointing.batch.observations[:, :size])
        for env in (plain, pointing):
            env.step(env.batch.advice)
    assert (pointing.batch.observations[:, size:] > 0).any()


def test_their_place_by_literals() -> None:
    layout = ObservationLayout(2, 3, 4, 5, 6, 3)
    assert (layout.candidates_at, layout.pointers_at, layout.size, layout.pointed) == (14, 44, 44 + 24, 8)
    rows = np.zeros((7, layout.size), np.float32)
    pointers = pointers_of(rows, layout)
    assert pointers.shape == (7, 8, 3)
    pointers[1, 0, 0], pointers[6, 7, 2] = 1, 2
    assert (rows[1, 44], rows[6, -1], rows.sum()) == (1, 2, 3)
    assert pointers_of(rows[:, :44], layout._replace(pointers=0)).shape == (7, 0, 0)
