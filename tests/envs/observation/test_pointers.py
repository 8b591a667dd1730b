"""Pointers of the observation: they name the rows of what carts and candidates speak of, and nothing else changes."""

from __future__ import annotations

from collections import Counter

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


class Looked:
    """A game as it is and as it is observed: entity rows [E, Fe], pointers [E + K, 3]."""

    def __init__(self, env: WaybillVectorEnv, game: int) -> None:
        observations = env.batch.observations
        self.env, self.game, self.me = env, game, company(env.states)[game]
        self.rows = cut(observations, env.layout)[1][game]
        self.pointers = pointers_of(observations, env.layout)[game].astype(int)
        self.sites = env.level.deposits + env.level.towns
        assert self.pointers.min() >= 0
        assert self.pointers.max() <= env.layout.entities

    def tile_of(self, pointer: int) -> int:
        """Where the entity stands that a pointer names."""
        row, side = self.rows[pointer - 1], self.env.level.side
        assert row[0] == 1
        assert row[1:4].sum() == 1  # a deposit, a town or a workshop
        x, y = np.rint(row[ENTITY_FEATURES:] * (side - 1)).astype(int)
        return int(y * side + x)

    def tile_at(self, place: int) -> int:
        """Where a building slot or a town is."""
        if place < MAX_BUILDINGS:
            return int(self.me["buildings"]["tile"][place])
        towns = self.env.batch.pool.site_tile[self.env.states["map"][self.game]]
        return int(towns[self.env.level.deposits + place - MAX_BUILDINGS])

    def check_carts(self) -> Counter[str]:
        seen = Counter[str]()
        kinds = self.me["buildings"]["kind"]
        for c, cart in enumerate(self.me["carts"][: self.me["n_carts"]]):
            source, target, none = self.pointers[self.sites + c]
            assert none == 0
            if cart["phase"] == IDLE:
                assert source == target == 0
                continue
            if kinds[cart["source"]] in (EXTRACTOR, WORKS):
                assert self.tile_of(source) == self.tile_at(cart["source"])
                seen["cart source"] += 1
            if cart["target"] >= MAX_BUILDINGS or kinds[cart["target"]] == WORKS:
                assert self.tile_of(target) == self.tile_at(cart["target"])
                seen["cart target"] += 1
        return seen

    def check_candidates(self) -> Counter[str]:
        seen, space = Counter[str](), self.env.batch.space
        for k in range(self.env.layout.candidates):
            order, (source, target, cart) = space.orders[self.game, k], self.pointers[self.env.layout.entities + k]
            if k >= space.count[self.game] or order["verb"] == PASS:
                assert source == target == cart == 0
                continue
            if source > 0:
                assert self.tile_of(source) == order["tile"]
                seen["source"] += 1
            if order["verb"] == EXTRACT:
                assert self.rows[source - 1, 1] == 1
                seen["deposit"] += 1
            if order["verb"] == HAUL:
                assert self.tile_of(source) == order["tile"]
                seen += self.check_haul(order, target, cart)
            else:
                assert target == cart == 0
        return seen

    def check_haul(self, order: np.void, target: int, cart: int) -> Counter[str]:
        assert self.tile_of(target) == order["target"]
        seen = Counter({"target": 1, "workshop": int(self.rows[target - 1, 3] == 1)})
        if order["cart"] == NEW_CART:
            assert cart == 0
            return seen
        row = self.rows[cart - 1]
        assert row[4] == 1
        assert cart - 1 == self.sites + order["cart"]
        assert (row[GOOD_AT : GOOD_AT + 2] == 0).all()  # it is idle
        return seen + Counter({"cart": 1})


@pytest.mark.parametrize("level", ["haul", "chain", "rivals", "fog"])
def test_rows_are_those_of_the_places_and_carts_that_are_named(level: str) -> None:
    """Coordinates tell every tile from every other, and at most one site or building stands on a tile."""
    env, rng, seen = played(level, pointers=True), np.random.default_rng(0), Counter[str]()
    for _ in range(TURNS):
        for game in range(GAMES):
            looked = Looked(env, game)
            seen += looked.check_carts() + looked.check_candidates()
        drawn = np.array([rng.choice(np.flatnonzero(mask)) for mask in env.batch.space.mask])
        env.step(np.where(rng.random(GAMES) < 0.2, drawn, env.batch.advice))
    wanted = {"cart source", "cart target", "source", "target", "deposit", "cart" if level == "haul" else "workshop"}
    assert wanted <= set(seen), seen


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
