"""How an observation is cut: globals, rows of entities, rows of candidates, and the pointers of all these rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from envs.waybill.core.levels import LevelConfig
from envs.waybill.observation.candidates import ORDER_FEATURES
from envs.waybill.observation.company import GLOBALS
from envs.waybill.observation.dating import DATED_ENTITY, DATED_ORDER
from envs.waybill.observation.entities import ENTITY_FEATURES
from envs.waybill.observation.pointers import POINTERS
from groundwork.errors import WaybillError


class ObservationLayout(NamedTuple):
    """How an observation is cut: sizes G, E, Fe, K, Fc, and pointers of each row (none: 0)."""

    globals: int
    entities: int
    entity_features: int
    candidates: int
    candidate_features: int
    pointers: int = 0

    @property
    def candidates_at(self) -> int:
        """Where the candidates begin in the flat vector."""
        return self.globals + self.entities * self.entity_features

    @property
    def pointers_at(self) -> int:
        """Where the pointers begin in the flat vector."""
        return self.candidates_at + self.candidates * self.candidate_features

    @property
    def size(self) -> int:
        """Length of the flat vector."""
        return self.pointers_at + self.pointed * self.pointers

    @property
    def pointed(self) -> int:
        """Rows that have pointers: entities, then candidates; 0 without pointers."""
        return self.entities + self.candidates if self.pointers else 0


def entities_of(level: LevelConfig) -> int:
    """Most entity rows that a game of the level fills."""
    works = level.max_buildings if level.recipes else 0
    return level.deposits + level.towns + level.max_carts + works + len(level.rivals)


def make_layout(
    level: LevelConfig,
    position_features: int,
    candidates: int,
    entities: int | None = None,
    *,
    pointers: bool = False,
    dated: bool = False,
) -> ObservationLayout:
    """The layout for a level, an encoding of P features and K candidates (0: a raw action space).

    ``entities`` asks for more rows of entities than the level needs, to play several levels with one layout;
    ``pointers`` for pointers of all rows; ``dated`` for the columns of ``dating.py``.

    Raises:
        WaybillError: if the level needs more.
    """
    needed = entities_of(level)
    if entities is not None and entities < needed:
        raise WaybillError(f"entities={entities}, level {level.name} needs {needed} and more")
    entities = needed if entities is None else entities
    per_candidate = ORDER_FEATURES + 3 * position_features + 1 + DATED_ORDER * dated if candidates else 0
    per_entity, per_row = ENTITY_FEATURES + position_features + DATED_ENTITY * dated, POINTERS if pointers else 0
    return ObservationLayout(GLOBALS, entities, per_entity, candidates, per_candidate, per_row)


class ObservationRows(NamedTuple):
    """Observations of R views (a game and a seat in it): the array, its parts, how many rows are not zero."""

    flat: np.ndarray  # float32 [R, D]
    company: np.ndarray  # [R, G]
    entities: np.ndarray  # [R, E, Fe]
    candidates: np.ndarray  # [R, K, Fc]
    pointers: np.ndarray  # [R, E + K, 3], or [R, 1, 1] without
    filled: np.ndarray  # int64 [R, 2], rows of entities and of candidates


def make_rows(games: int, layout: ObservationLayout) -> ObservationRows:
    """Observations of no game yet, all zero, with a row to spare: a single row's parts would be another type of array,
    for which all would be compiled once more. For the same reason arrays without pointers are a part of a larger one.
    """
    flat = np.zeros((games + 1, layout.size), np.float32)
    none = np.zeros((games + 1, 2, 2), np.float32)[:, :1, :1]
    pointers = pointers_of(flat, layout) if layout.pointers else none
    return ObservationRows(flat, *cut(flat, layout), pointers, np.zeros((games + 1, 2), np.int64))


def cut(observations: np.ndarray, layout: ObservationLayout) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Views of observations [N, D] as (globals [N, G], entities [N, E, Fe], candidates [N, K, Fc])."""
    n, g, middle, end = len(observations), layout.globals, layout.candidates_at, layout.pointers_at
    return (
        observations[:, :g],
        observations[:, g:middle].reshape(n, layout.entities, layout.entity_features),
        observations[:, middle:end].reshape(n, layout.candidates, layout.candidate_features),
    )


def pointers_of(observations: np.ndarray, layout: ObservationLayout) -> np.ndarray:
    """A view of the pointers [N, E + K, 3] of observations [N, D]; [N, 0, 0] without."""
    return observations[:, layout.pointers_at :].reshape(len(observations), layout.pointed, layout.pointers)
