"""Action spaces without candidates: sizes, verbs, and what their numbers stand for."""

from __future__ import annotations

import numpy as np
import pytest
from midgame import raw
from numbering import numbers_of

from envs.waybill.actions import raw_spaces
from envs.waybill.actions.raw import NO_ORDER
from envs.waybill.actions.raw_spaces import RawSpace
from envs.waybill.actions.spaces import make_space
from envs.waybill.core import levels
from envs.waybill.core.parts import parts_of
from envs.waybill.core.state import DISMANTLE, EXTRACT, HAUL, PASS, WORKSHOP
from envs.waybill.env import WaybillEnv
from envs.waybill.options import GameOptions
from envs.waybill.vector_env import WaybillVectorEnv

MAPS = (2**32, 4)
RAW_SPACES = sorted(parts_of(raw_spaces))


def space_of(actions: str, level: levels.LevelConfig, cells: int = 4) -> RawSpace:
    space = make_space(GameOptions(level=level, actions=actions, cells=cells), 1)
    assert isinstance(space, RawSpace)
    return space


def test_the_raw_spaces_are_found_by_name() -> None:
    assert RAW_SPACES == ["buckets", "full", "masked"]


@pytest.mark.parametrize("name", ["haul", "refine"])
@pytest.mark.parametrize("space", ["full", "masked"])
def test_verbs_are_those_of_the_orders(name: str, space: str) -> None:
    own = space_of(space, levels.load_level(name))
    assert own.n_actions == len(raw(name))
    np.testing.assert_array_equal(own.verbs(), raw(name)["verb"])
    assert own.verbs().dtype == np.int8


def test_verbs_of_buckets_by_literals() -> None:
    verbs = space_of("buckets", levels.load_level("refine"), 2).verbs()
    blocks = (1, PASS), (4, EXTRACT), (2 * 4, WORKSHOP), (9 * 4 * 4, HAUL), (4, DISMANTLE)
    assert verbs.tolist() == [verb for count, verb in blocks for _ in range(count)]
    env = WaybillEnv(level="refine", actions="buckets", cells=2, maps=MAPS)
    np.testing.assert_array_equal(env.action_groups, verbs)
    assert WaybillEnv(level="refine", maps=MAPS).action_groups is None


@pytest.mark.parametrize("actions", [*RAW_SPACES, "heuristic", "random_k"])
def test_what_is_asked_for_is_what_is_played(actions: str) -> None:
    env, rng = WaybillVectorEnv(num_envs=8, level="refine", actions=actions, maps=(2**32, 8)), np.random.default_rng(4)
    _, infos = env.reset(seed=2)
    for _ in range(20):
        chosen = (rng.random(infos["action_mask"].shape) * infos["action_mask"]).argmax(1)
        chosen[::4] = 0
        orders = env.batch.orders_of(chosen)
        assert (orders["verb"][::4] == PASS).all()
        *_, infos = env.step(chosen)
        np.testing.assert_array_equal(env.batch.given[~infos["reset"], 0], orders[~infos["reset"]])
    if actions in ("heuristic", "random_k"):
        last = np.full(8, env.batch.space.n_actions - 1)
        np.testing.assert_array_equal(env.batch.orders_of(last)["verb"] == NO_ORDER, env.batch.space.count <= last)


@pytest.mark.parametrize(("cells", "level"), [(0, "refine"), (13, "refine"), (-1, "haul"), (10, "haul")])
def test_cells_that_the_map_has_no_tiles_for_are_refused(cells: int, level: str) -> None:
    side = levels.load_level(level).side
    with pytest.raises(ValueError, match=f"^cells={cells}, allowed are 1..{side}, the side of level {level}$"):
        WaybillEnv(level=level, actions="buckets", cells=cells, maps=MAPS)
    assert WaybillEnv(level=level, actions="buckets", cells=side, maps=MAPS).action_space.n == len(raw(level))  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["haul", "refine"])
def test_numbers_of_orders_are_those_that_they_are_made_from(name: str) -> None:
    orders, level = raw(name), levels.load_level(name)
    np.testing.assert_array_equal(space_of("masked", level).actions_of(orders), np.arange(len(orders)))
    some = orders[:: max(1, len(orders) // 5000)]
    for cells in (1, 4, 5):
        space = space_of("buckets", level, cells)
        np.testing.assert_array_equal(space.actions_of(some), numbers_of(level, cells, some))


@pytest.mark.parametrize("actions", [*RAW_SPACES, "heuristic", "random_k"])
def test_a_batch_offers_what_its_actions_stand_for_and_nothing_else(actions: str) -> None:
    env, rng = WaybillVectorEnv(num_envs=8, level="refine", actions=actions, maps=(2**32, 8)), np.random.default_rng(4)
    _, infos = env.reset(seed=2)
    others = 0
    for _ in range(20):
        chosen = (rng.random(infos["action_mask"].shape) * infos["action_mask"]).argmax(1)
        orders = env.batch.orders_of(chosen)
        if actions != "full":
            assert env.batch.offers(orders).all()
        elsewhere = np.roll(orders, 1)  # of the next game: sites lie elsewhere there
        where = (elsewhere["verb"] == EXTRACT) & (elsewhere["tile"] != orders["tile"])
        others += where.sum()
        if actions not in ("full", "masked"):
            sites = env.batch.pool.site_tile[env.states["map"]]
            assert not env.batch.offers(elsewhere)[where & ~(sites == elsewhere["tile"][:, None]).any(1)].any()
        *_, infos = env.step(chosen)
    assert others > 5 or actions in ("full", "masked")  # hardly ever an extractor, and nothing was claimed
