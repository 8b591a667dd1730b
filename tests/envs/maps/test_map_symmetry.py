"""A map turned or mirrored is the same game: all eight symmetries of the square, with several companies in fog."""

from __future__ import annotations

import numpy as np
import pytest
from handmade import Play
from rivalry import contested, games_of, look, mixed_orders

from envs.waybill.core.state import PASS
from envs.waybill.maps.pool import MapPool
from envs.waybill.observation.candidates import ORDER_FEATURES
from envs.waybill.observation.company import GLOBALS
from envs.waybill.observation.dating import DATED_ENTITY, DATED_ORDER
from envs.waybill.observation.entities import ENTITY_FEATURES
from envs.waybill.observation.layout import cut

SYMMETRIES = [(turns, mirror) for turns in range(4) for mirror in (False, True)]


def turned(side: int, turns: int, mirror: bool) -> np.ndarray:
    """Where each tile goes, int64 [T]."""
    board = np.arange(side * side).reshape(side, side)
    board = np.rot90(board.T if mirror else board, turns)
    goes = np.empty(side * side, np.int64)
    goes[board.ravel()] = np.arange(side * side)
    return goes


def move_pool(pool: MapPool, goes: np.ndarray) -> MapPool:
    """The pool with everything on the tile that it goes to."""
    back = np.argsort(goes)
    return pool._replace(
        terrain=pool.terrain[:, back].copy(),
        site_tile=goes[pool.site_tile].astype(np.int16),
        site_travel=pool.site_travel[:, :, back].copy(),
        near=np.where(pool.near >= 0, goes[pool.near], -1).astype(np.int16),
    )


def move_states(states: np.ndarray, goes: np.ndarray) -> np.ndarray:
    """The states with all their tiles moved."""
    moved = states.copy()
    for c in (company for state in moved for company in state["companies"]):
        built, carts = c["buildings"][: c["n_slots"]], c["carts"][: c["n_carts"]]
        built["tile"] = goes[built["tile"]]
        carts["leg_from"], carts["leg_to"] = goes[carts["leg_from"]], goes[carts["leg_to"]]
    return moved


def move_orders(orders: np.ndarray, goes: np.ndarray) -> np.ndarray:
    """The orders with their tiles moved."""
    moved = orders.copy()
    for key in ("tile", "target"):
        moved[key] = np.where(orders[key] >= 0, goes[orders[key]], orders[key])
    return moved


def move_places(places: np.ndarray, side: int, goes: np.ndarray) -> np.ndarray:
    """Coordinates x, y [..., 2] of the tiles that those of ``places`` go to."""
    columns, rows = np.moveaxis(np.rint(places * (side - 1)).astype(int), -1, 0)
    rows, columns = np.divmod(goes[rows * side + columns], side)
    return (np.stack([columns, rows], axis=-1) / (side - 1)).astype(np.float32)


def check_views(play: Play, moved: Play, goes: np.ndarray) -> None:
    """What is seen in both: alike but for the places, and those have moved."""
    side = play.level.side
    for seat in range(play.seats):
        seen, seen2 = (look(game, game.states, seat) for game in (play, moved))
        (own, rows, candidates), (own2, rows2, candidates2) = (
            cut(one.observations, seen.batch.layout) for one in (seen, seen2)
        )
        assert own.shape[1] == GLOBALS
        np.testing.assert_array_equal(own, own2)
        np.testing.assert_array_equal(rows[..., :ENTITY_FEATURES], rows2[..., :ENTITY_FEATURES])
        np.testing.assert_array_equal(candidates[..., :ORDER_FEATURES], candidates2[..., :ORDER_FEATURES])
        placed = (rows[..., 0] == 1) & (rows[..., 5] == 0)  # rivals have no place
        at = slice(ENTITY_FEATURES, -DATED_ENTITY)
        places = rows[placed][:, at]
        np.testing.assert_array_equal(rows2[placed][:, at], move_places(places, side, goes))
        assert (rows2[~placed][:, at] == 0).all()
        np.testing.assert_array_equal(rows[..., -DATED_ENTITY:], rows2[..., -DATED_ENTITY:])
        np.testing.assert_array_equal(candidates[..., -DATED_ORDER:], candidates2[..., -DATED_ORDER:])
        placed = (candidates[..., 0] == 1) & (candidates[..., 1 + PASS] == 0)
        pairs = candidates[placed][:, ORDER_FEATURES:-DATED_ORDER]
        source, target = (move_places(pairs[:, k : k + 2], side, goes) for k in (0, 2))
        gap = abs(source - target)
        want = np.concatenate([source, target, gap, gap.max(1, keepdims=True, initial=0.0)], axis=1)
        np.testing.assert_allclose(candidates2[placed][:, ORDER_FEATURES:-DATED_ORDER], want, atol=1e-6)


@pytest.mark.parametrize(("turns", "mirror"), SYMMETRIES)
def test_a_turned_map_is_the_same_game(turns: int, mirror: bool) -> None:
    level = contested(sight=8)
    play, goes = games_of(level), turned(level.side, turns, mirror)
    moved = Play(level, move_pool(play.pool, goes), len(play.states))
    assert moved.states.tobytes() == play.states.tobytes()  # nothing stands yet
    rng = np.random.default_rng(5)
    for turn in range(level.horizon):
        orders = mixed_orders(rng, play)
        play.step(orders)
        moved.step(move_orders(orders, goes))
        assert move_states(play.states, goes).tobytes() == moved.states.tobytes()
        if turn in (1, 14, 40):
            check_views(play, moved, goes)
    assert (play.states["companies"]["n_carts"] > 0).any(1).all()


def test_eight_symmetries_are_eight() -> None:
    assert len({turned(5, *symmetry).tobytes() for symmetry in SYMMETRIES}) == 8
    assert turned(5, 0, False).tolist() == list(range(25))
    assert turned(2, 0, True).tolist() == [0, 2, 1, 3]
