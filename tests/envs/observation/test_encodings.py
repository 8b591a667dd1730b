"""Position encodings: literals, and travel times to reference points against a plain Dijkstra and naive twins."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from encoded import plain_pool, true_maps
from handmade import costs_of, dijkstra
from midgame import seen
from rivalry import look

from envs.waybill.core.state import HAUL, MAX_DEPOSITS, WATER, WORKS
from envs.waybill.env import WaybillEnv
from envs.waybill.observation import encodings
from envs.waybill.observation.candidates import ORDER_FEATURES
from envs.waybill.observation.layout import cut


def test_coordinates_by_literals() -> None:
    record, pool = plain_pool(11)
    table = encodings.coordinates(pool, record)
    assert (table.shape, table.dtype) == ((1, 121, 2), np.float32)
    for tile, want in {0: (0.0, 0.0), 10: (1.0, 0.0), 13: (0.2, 0.1), 110: (0.0, 1.0), 120: (1.0, 1.0)}.items():
        assert table[0, tile].tolist() == pytest.approx(want)


def test_one_hot_by_literals_and_two_ones_a_row() -> None:
    for side in (7, 11):
        record, pool = plain_pool(side)
        table = encodings.one_hot(pool, record)
        assert (table.shape, table.dtype) == ((1, side**2, 64), np.float32)  # as wide on every level
        assert (np.sort(table, axis=2)[:, :, -3:] == [0.0, 1.0, 1.0]).all()
        assert (table.sum(2) == 2.0).all()
        assert len(np.unique(table[0], axis=0)) == side**2
        assert np.flatnonzero(table[0, 0]).tolist() == [0, 32]
        assert np.flatnonzero(table[0, side + 2]).tolist() == [2, 33]
        assert np.flatnonzero(table[0, -1]).tolist() == [side - 1, 31 + side]


def test_fourier_by_literals() -> None:
    record, pool = plain_pool(11)
    table = encodings.fourier(pool, record, frequencies=3)
    assert (table.shape, table.dtype) == ((1, 121, 12), np.float32)
    low, half = 0.0, 0.5**0.5
    assert table[0, 0].tolist() == pytest.approx([0, 1, 0, 1, 0, 1] * 2)
    assert table[0, 120].tolist() == pytest.approx([0, -1, 0, 1, 0, 1] * 2, abs=1e-6)  # π, 2π, 4π
    assert table[0, 5].tolist() == pytest.approx([1, low, 0, -1, 0, 1, 0, 1, 0, 1, 0, 1], abs=1e-6)  # x = ½, y = 0
    tile = 11 * 5 + 1  # x = 0.1, y = ½
    angles = [0.1 * np.pi, 0.2 * np.pi, 0.4 * np.pi, np.pi / 2, np.pi, 2 * np.pi]
    want = [value for angle in angles for value in (np.sin(angle), np.cos(angle))]
    assert table[0, tile].tolist() == pytest.approx(want, abs=1e-6)
    record, pool = plain_pool(9)
    assert encodings.fourier(pool, record, frequencies=1)[0, 2].tolist() == pytest.approx([half, half, 0, 1])
    assert encodings.fourier(pool, record).shape == (1, 81, 16)


@pytest.mark.parametrize("frequencies", [0, -1, 9])
def test_frequencies_have_a_range(frequencies: int) -> None:
    with pytest.raises(ValueError, match=rf"^encoding\.options\.frequencies={frequencies}, allowed are 1\.\.8$"):
        WaybillEnv(encoding="fourier", encoding_options={"frequencies": frequencies}, maps=(0, 1))


@pytest.mark.parametrize("name", ["haul", "refine"])
def test_pairwise_rows_are_dijkstra_s_to_every_site(name: str) -> None:
    level, pool, true = true_maps(name)
    table = encodings.pairwise(pool, level.record())
    assert (table.shape, table.dtype) == ((3, level.side**2, 26), np.float32)
    np.testing.assert_array_equal(table[:, :, -2:], encodings.coordinates(pool, level.record()))
    columns = [*range(level.deposits), *range(MAX_DEPOSITS, MAX_DEPOSITS + level.towns)]
    for m, terrain in enumerate(pool.terrain):
        land = terrain != WATER
        for site, column in enumerate(columns):
            want = true[m][int(pool.site_tile[m, site])][land]
            np.testing.assert_allclose(table[m, land, column] * 4 * level.side, want, atol=1e-3)
        assert (table[m, ~land, :24] == 0).all()
    assert (table[:, :, sorted(set(range(24)) - set(columns))] == 0).all()


def test_a_pair_of_places_has_its_true_travel_time() -> None:
    """Between workshops, too, where the largest difference falls short of it."""
    play = seen("chain")
    side, options = play.level.side, {"actions": "random_k", "candidates": 256, "maps": (0, 32), "dated": False}
    exact = look(play, play.states, encoding="pairwise", **options)
    bound = look(play, play.states, encoding="reference_points", **options)
    assert exact.orders is not None
    rows = cut(exact.observations, exact.batch.layout)[2].astype(float)
    bounds = cut(bound.observations, bound.batch.layout)[2]
    np.testing.assert_array_equal(rows[..., :ORDER_FEATURES], bounds[..., :ORDER_FEATURES])
    differences = rows[..., ORDER_FEATURES + 2 * 26 : ORDER_FEATURES + 2 * 26 + 24]  # without those of x and y
    to_points = bounds[..., ORDER_FEATURES + 2 * 10 : ORDER_FEATURES + 2 * 10 + 8]
    fields: dict[tuple[int, int], np.ndarray] = {}
    short = routes = 0
    for i, state in enumerate(play.states):
        m = int(state["map"])
        works = {int(b["tile"]) for b in state["companies"][0]["buildings"] if b["kind"] == WORKS}
        for k in range(int(exact.batch.space.count[i])):
            order = exact.orders[i, k]
            tile, target = int(order["tile"]), int(order["target"])
            if order["verb"] != HAUL:
                assert rows[i, k, -1] == 0
                continue
            if (m, tile) not in fields:
                fields[m, tile] = dijkstra(play.pool.terrain[m], costs_of(play.level), side, tile)
            assert rows[i, k, -1] * 4 * side == pytest.approx(fields[m, tile][target], abs=1e-3)
            assert to_points[i, k].max() <= rows[i, k, -1] + 1e-6
            largest = differences[i, k].max()
            assert largest <= rows[i, k, -1] + 1e-6
            if not {tile, target} <= works:
                assert largest == pytest.approx(rows[i, k, -1], abs=1e-6)  # one of them is a site
            short += largest < rows[i, k, -1] - 1e-3
            routes += 1
    assert routes > 200
    assert short > 0


@pytest.mark.parametrize(
    ("encoding", "options", "what"),
    [("pairwise", {}, "encoding=pairwise"), ("reference_points", {"points": "sites"}, "encoding.options.points=sites")],
)
def test_what_tells_of_all_sites_is_refused_where_some_are_hidden(
    encoding: str, options: dict[str, Any], what: str
) -> None:
    with pytest.raises(ValueError, match="^") as caught:
        WaybillEnv(level="fog", encoding=encoding, encoding_options=options, maps=(0, 1))
    assert str(caught.value) == f"{what} tells where all sites are, the level hides some of them (sight=20)"
    WaybillEnv(level="fog", encoding="reference_points", encoding_options={"points": "random"}, maps=(0, 1))


def test_the_observation_holds_the_encoding_of_the_sites() -> None:
    for name, options in (
        ("coordinates", {}),
        ("one_hot", {}),
        ("reference_points", {"count": 4, "metric": "straight"}),
        ("fourier", {"frequencies": 3}),
        ("pairwise", {}),
    ):
        env = WaybillEnv(level="haul", encoding=name, encoding_options=options, maps=(5, 1), actions="masked")
        observed, _ = env.reset(seed=0)
        layout, pool = env.layout, env.batch.pool
        rows = observed[layout.globals :].reshape(layout.entities, layout.entity_features)
        table = getattr(encodings, name)(pool, env.level.record(), **options)
        sites = pool.site_tile[0].astype(int)
        np.testing.assert_array_equal(rows[: len(sites), -table.shape[2] :], table[0, sites])
