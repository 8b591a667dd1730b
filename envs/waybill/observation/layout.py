"""How an observation is cut: globals, rows of entities, rows of candidates."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from envs.waybill.core.levels import LevelConfig
from envs.waybill.observation.candidates import ORDER_FEATURES
from envs.waybill.observation.company import GLOBALS
from envs.waybill.observation.entities import ENTITY_FEATURES
from groundwork.errors import WaybillError


class ObservationLayout(NamedTuple):
    """How an observation is cut: sizes G, E, Fe, K, Fc."""

    globals: int
    entities: int
    entity_features: int
    candidates: int
    candidate_features: int

    @property
    def size(self) -> int:
        """Length of the flat vector."""
        return self.globals + self.entities * self.entity_features + self.candidates * self.candidate_features


def entities_of(level: LevelConfig) -> int:
    """Most entity rows that a game of the level fills."""
    works = level.max_buildings if level.recipes else 0
    return level.deposits + level.towns + level.max_carts + works + len(level.rivals)


def make_layout(
    level: LevelConfig, position_features: int, candidates: int, entities: int | None = None
) -> ObservationLayout:
    """The layout for a level, an encoding of P features and K candidates (0: a raw action space).

    ``entities`` asks for more rows of entities than the level needs, to play several levels with one layout.

    Raises:
        WaybillError: if the level needs more.
    """
    needed = entities_of(level)
    if entities is not None and entities < needed:
        raise WaybillError(f"entities={entities}, level {level.name} needs {needed} and more")
    entities = needed if entities is None else entities
    per_candidate = ORDER_FEATURES + 3 * position_features + 1 if candidates else 0
    return ObservationLayout(GLOBALS, entities, ENTITY_FEATURES + position_features, candidates, per_candidate)


class ObservationRows(NamedTuple):
    """Observations of R views (a game and a seat in it): the array, its three parts, how many rows are not zero."""

    flat: np.ndarray  # float32 [R, D]
    company: np.ndarray  # [R, G]
    entities: np.ndarray  # [R, E, Fe]
    candidates: np.ndarray  # [R, K, Fc]
    filled: np.ndarray  # int64 [R, 2], rows of entities and of candidates


def make_rows(games: int, layout: ObservationLayout) -> ObservationRows:
    """Observations of no game yet, all zero, with a row to spare: a single row's parts would be another type of array,
    for which all would be compiled once more.
    """
    flat = np.zeros((games + 1, layout.size), np.float32)
    return ObservationRows(flat, *cut(flat, layout), np.zeros((games + 1, 2), np.int64))


def cut(observations: np.ndarray, layout: ObservationLayout) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Views of observations [N, D] as (globals [N, G], entities [N, E, Fe], candidates [N, K, Fc])."""
    n, g = len(observations), layout.globals
    middle = g + layout.entities * layout.entity_features
    return (
        observations[:, :g],
        observations[:, g:middle].reshape(n, layout.entities, layout.entity_features),
        observations[:, middle:].reshape(n, layout.candidates, layout.candidate_features),
    )
