"""Reference points: where they lie, and the distances of all places to them."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from encoded import MAP_SEEDS, plain_pool, true_maps, units

from envs.waybill.core import levels
from envs.waybill.core.state import WATER
from envs.waybill.env import WaybillEnv
from envs.waybill.maps.pool import MapPool, make_pool
from envs.waybill.maps.travel import UNREACHABLE
from envs.waybill.observation import encodings, reference_points


@pytest.mark.parametrize("points", reference_points.POINTS)
def test_the_largest_difference_is_a_lower_bound_of_the_way(points: str) -> None:
    level, pool, true = true_maps()
    count = 6 if points == "sites" else 8  # all that there are
    table = encodings.reference_points(pool, level.record(), metric="travel", points=points, count=count)
    assert (table.shape, table.dtype) == ((3, level.side**2, count + 2), np.float32)
    to_points = units(level, table)
    tight = []
    for m, terrain in enumerate(pool.terrain):
        land = np.flatnonzero(terrain != WATER)
        gaps = abs(to_points[m, land][:, None] - to_points[m, land][None]).max(2)
        way = true[m][np.ix_(land, land)]
        assert way.max() < UNREACHABLE
        assert (gaps <= way + 1e-4).all()
        tight.append((gaps[way > 0] / way[way > 0]).mean())
        at_point = np.flatnonzero((abs(to_points[m, land]) < 1e-4).any(1))
        np.testing.assert_allclose(gaps[at_point], way[at_point], atol=1e-4)  # exact from a reference point
    assert min(tight) > 0.6


@pytest.mark.parametrize("points", reference_points.POINTS)
def test_travel_rows_are_dijkstra_s_from_each_point_and_then_x_and_y(points: str) -> None:
    level, pool, true = true_maps()
    table = encodings.reference_points(pool, level.record(), points=points, count=5)
    to_points = units(level, table)
    np.testing.assert_array_equal(table[:, :, -2:], encodings.coordinates(pool, level.record()))
    for m, terrain in enumerate(pool.terrain):
        land = terrain != WATER
        for k in range(5):
            own = np.flatnonzero(land & (to_points[m, :, k] < 1e-4))
            assert len(own) == 1
            np.testing.assert_allclose(to_points[m, land, k], true[m, own[0], land], atol=1e-4)
        assert (table[m, ~land, :5] == 0).all()


def naive_nearest(terrain: np.ndarray, side: int, row: float, column: float) -> int:
    land = np.flatnonzero(terrain != WATER)
    return int(land[((land // side - row) ** 2 + (land % side - column) ** 2).argmin()])


def points_of(level: levels.LevelConfig, pool: MapPool, table: np.ndarray, m: int) -> list[int]:
    """The reference points' tiles on map m: where the distance is 0."""
    land, distance = pool.terrain[m] != WATER, units(level, table)[m]
    return [int(np.flatnonzero(land & (abs(row) < 1e-4))[0]) for row in distance.T]


@pytest.mark.parametrize("metric", reference_points.DISTANCE_METRICS)
def test_fixed_points_are_the_same_spots_on_every_map(metric: str) -> None:
    record, pool = plain_pool(11)
    table = encodings.reference_points(pool, record, metric=metric, points="fixed", count=9)
    spots = [divmod(int(np.flatnonzero(table[0, :, k] == 0)[0]), 11) for k in range(9)]
    assert spots == [(1, 1), (9, 1), (1, 9), (9, 9), (5, 1), (5, 9), (1, 5), (9, 5), (5, 5)]
    level, pool, _ = true_maps()
    many = encodings.reference_points(pool, level.record(), metric=metric, points="fixed", count=16)
    few = encodings.reference_points(pool, level.record(), metric=metric, points="fixed", count=3)
    np.testing.assert_array_equal(many[:, :, :3], few[:, :, :3])  # fewer points are the first of many
    found = [points_of(level, pool, few, m) for m in range(3)]
    last = level.side - 1
    for m, tiles in enumerate(found):
        wanted = [(round(y * last), round(x * last)) for x, y in ((0.1, 0.1), (0.1, 0.9), (0.9, 0.1))]
        assert tiles == [naive_nearest(pool.terrain[m], level.side, *spot) for spot in wanted]


@pytest.mark.parametrize("metric", reference_points.DISTANCE_METRICS)
def test_farthest_points_are_those_of_a_naive_search(metric: str) -> None:
    level, pool, true = true_maps()
    side, count = level.side, 6
    table = encodings.reference_points(pool, level.record(), metric=metric, points="farthest", count=count)
    fixed = encodings.reference_points(pool, level.record(), metric=metric, points="fixed", count=count)
    rows, columns = np.divmod(np.arange(side**2), side)
    straight = 2 * np.hypot(rows[:, None] - rows, columns[:, None] - columns)
    for m, terrain in enumerate(pool.terrain):
        between = true[m].astype(float) if metric == "travel" else straight
        land = np.flatnonzero(terrain != WATER)
        chosen = [naive_nearest(terrain, side, side // 2, side // 2)]
        while len(chosen) < count:
            chosen.append(int(land[between[chosen][:, land].min(0).round(3).argmax()]))
        found = points_of(level, pool, table, m)
        assert found == chosen

        def gap(tiles: list[int], between: np.ndarray = between) -> float:
            return min(between[a, b] for a in tiles for b in tiles if a != b)

        assert gap(found) >= gap(points_of(level, pool, fixed, m))


@pytest.mark.parametrize(
    ("metric", "points", "count"),
    list(itertools.product(reference_points.DISTANCE_METRICS, reference_points.POINTS, (4, 8, 16))),
)
def test_fewer_points_are_the_first_of_many(metric: str, points: str, count: int) -> None:
    level, pool, _ = true_maps("refine")
    many = encodings.reference_points(pool, level.record(), metric=metric, points=points, count=16)
    some = encodings.reference_points(pool, level.record(), metric=metric, points=points, count=count)
    assert some.shape == (3, level.side**2, count + 2)
    np.testing.assert_array_equal(some[:, :, :count], many[:, :, :count])
    np.testing.assert_array_equal(some[:, :, -2:], encodings.coordinates(pool, level.record()))
    assert np.isfinite(many).all()
    assert 0 <= many.min() < many.max() < 2


@pytest.mark.parametrize("metric", reference_points.DISTANCE_METRICS)
def test_points_at_sites_take_deposits_and_towns_in_turn(metric: str) -> None:
    level, pool, true = true_maps()
    table = encodings.reference_points(pool, level.record(), metric=metric, points="sites", count=8)
    to_points, side = units(level, table), level.side
    assert (level.deposits, level.towns) == (4, 2)
    rows, columns = np.divmod(np.arange(side**2), side)
    for m, terrain in enumerate(pool.terrain):
        land = terrain != WATER
        for k, site in enumerate([0, 4, 1, 5, 2, 3]):
            tile = int(pool.site_tile[m, site])
            straight = 2 * np.hypot(rows - tile // side, columns - tile % side)
            want = true[m][tile] if metric == "travel" else straight
            np.testing.assert_allclose(to_points[m, land, k], want[land], atol=1e-4)
    assert (to_points[:, :, 6:] == 0).all()  # no more sites than these


def test_random_points_are_drawn_by_the_map_s_seed_alone() -> None:
    level, pool, _ = true_maps()
    found = []
    for seeds in (MAP_SEEDS, MAP_SEEDS[::-1], np.array([2**32 + 1, 7])):
        pool = make_pool(level.record(), seeds)
        table = encodings.reference_points(pool, level.record(), points="random", count=16)
        tiles = {int(seed): points_of(level, pool, table, m) for m, seed in enumerate(seeds)}
        for m, seed in enumerate(seeds):
            assert len(set(tiles[int(seed)])) == 16
            assert (pool.terrain[m][tiles[int(seed)]] != WATER).all()
        found.append(tiles)
    assert found[0] == found[1]
    assert found[0][2**32 + 1] == found[2][2**32 + 1]
    assert len({tuple(tiles) for tiles in found[0].values()}) == len(MAP_SEEDS)
    many = make_pool(level.record(), np.arange(400))
    first = encodings.reference_points(many, level.record(), metric="straight", points="random", count=1)
    tiles = np.array([points_of(level, many, first, m)[0] for m in range(400)])
    land = (many.terrain != WATER).mean(0)  # how often each tile is land
    z = (np.bincount(tiles, minlength=81) - 400 * land / land.sum()) / np.sqrt(400 * land.clip(1e-9) / land.sum())
    assert abs(z[land > 0.3]).max() < 5  # everywhere alike


def test_straight_by_literals_and_never_longer_than_the_way() -> None:
    record, pool = plain_pool(11)
    table = encodings.reference_points(pool, record, metric="straight", points="fixed", count=2)
    assert table[0, 12].tolist() == pytest.approx([0, 16 / 44, 0.1, 0.1])  # the first point itself, 8 steps of 2 units
    assert table[0, 0].tolist() == pytest.approx([2 * 2**0.5 / 44, 2 * 82**0.5 / 44, 0, 0])
    assert table[0, 4 * 11 + 5].tolist() == pytest.approx([2 * 5 / 44, 2 * 41**0.5 / 44, 0.5, 0.4])
    level, pool, _ = true_maps()
    crow = units(level, encodings.reference_points(pool, level.record(), metric="straight", count=4))
    way = units(level, encodings.reference_points(pool, level.record(), metric="travel", count=4))
    land = pool.terrain != WATER
    assert (crow[land] <= way[land] + 1e-4).all()
    assert (crow[land] < way[land] - 1).any()  # round lakes and over hills


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"metric": "taxi"}, ["metric='taxi'", "travel", "straight"]),
        ({"points": "corners"}, ["points='corners'", "fixed", "farthest", "random", "sites"]),
        ({"count": 0}, ["count=0", "1..16"]),
        ({"count": 17}, ["count=17", "1..16"]),
    ],
)
def test_a_wrong_option_is_one_line(options: dict[str, Any], said: list[str]) -> None:
    level, pool, _ = true_maps()
    with pytest.raises(ValueError, match=r"encoding\.options\.") as caught:
        encodings.reference_points(pool, level.record(), **options)
    with pytest.raises(ValueError, match=r"encoding\.options\.") as through:
        WaybillEnv(encoding="reference_points", encoding_options=options, maps=(0, 1))
    for line in (str(caught.value), str(through.value)):
        assert "\n" not in line
        for word in said:
            assert word in line
