"""The observation: one flat float32 vector, cut as globals | entities | candidates.

    [G | E · Fe | K · Fc]     rows that are not there are all zero; feature 0 of a row says that it is there

Entities are the deposits (with the own extractor on them), the towns, the workshops and the carts. The number of rows
is the level's own; the features of a row are the same on every level, so one network fits all. Places enter only
through the encoding's table; pairs of places as |differences| and the largest of them, which an encoding with exact
pairs replaces by their true travel time.

Scales: cash in starting cashes, prices in the level's highest price, stocks in full stores, turns in tens.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from envs.waybill.company_features import GLOBALS, foresee_sales, see_company
from envs.waybill.entity_features import ENTITY_FEATURES, see_entities
from envs.waybill.flows import measure_flows
from envs.waybill.jit import kernel
from envs.waybill.levels import LevelConfig
from envs.waybill.order_features import ORDER_FEATURES, hide_hints, see_order, see_way
from envs.waybill.state import HAUL
from envs.waybill.tick import upkeep_of


class Layout(NamedTuple):
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


def layout_of(level: LevelConfig, position_features: int, candidates: int, entities: int | None = None) -> Layout:
    """The layout for a level, an encoding of P features and K candidates (0: a raw action space).

    ``entities`` asks for more rows of entities than the level needs, to play several levels with one layout.

    Raises:
        ValueError: if the level needs more.
    """
    needed = entities_of(level)
    if entities is not None and entities < needed:
        raise ValueError(f"entities={entities}, level {level.name} needs {needed} and more")
    entities = needed if entities is None else entities
    per_candidate = ORDER_FEATURES + 3 * position_features + 1 if candidates else 0
    return Layout(GLOBALS, entities, ENTITY_FEATURES + position_features, candidates, per_candidate)


class Rows(NamedTuple):
    """Observations of R views (a game and a seat in it): the array, its three parts, how many rows are not zero."""

    flat: np.ndarray  # float32 [R, D]
    company: np.ndarray  # [R, G]
    entities: np.ndarray  # [R, E, Fe]
    candidates: np.ndarray  # [R, K, Fc]
    filled: np.ndarray  # int64 [R, 2], rows of entities and of candidates


def make_rows(games: int, layout: Layout) -> Rows:
    """Observations of no game yet, all zero."""
    flat = np.zeros((games, layout.size), np.float32)
    return Rows(flat, *cut(flat, layout), np.zeros((games, 2), np.int64))


@kernel
def observe(
    states: Any,
    views: Any,
    pool: Any,
    level: Any,
    scratch: Any,
    table: Any,
    exact: Any,
    hints: Any,
    orders: Any,
    worth: Any,
    count: Any,
    rows: Any,
    low: Any,
    high: Any,
) -> None:
    """Batch pass: observations of views low..high-1 into ``rows``; only what was filled before is cleared.

    ``exact``: pairs of places have their true travel time. ``hints``: candidates have what is calculated from travel
    times.
    """
    lv, flows = level[0], scratch.flows
    top = 1.0
    for good in range(lv.n_goods):
        top = max(top, np.float64(lv.price[good]))
    for i in range(low, high):
        s = states[views[i, 0]]
        me = s.companies[views[i, 1]]
        entities, candidates = rows.entities[i], rows.candidates[i]
        entities[: rows.filled[i, 0], :] = 0.0
        candidates[: rows.filled[i, 1], :] = 0.0
        measure_flows(s, me, pool, lv, flows)
        upkeep = upkeep_of(me, lv)
        foresee_sales(s, me, pool, lv, scratch.ahead)
        see_company(s, me, lv, upkeep, scratch.ahead[0], rows.company[i])
        rows.filled[i, 0] = see_entities(s, me, pool, lv, flows, table, top, entities)
        rows.filled[i, 1] = min(count[i], len(candidates))
        for k in range(rows.filled[i, 1]):
            x = candidates[k]
            see_order(s, me, pool, lv, flows, table, top, upkeep, scratch.ahead, orders[i, k], worth[i, k], x)
            if not hints:
                hide_hints(orders[i, k], x)
            if exact and orders[i, k].verb == HAUL:
                x[len(x) - 1] = see_way(s, me, pool, lv, orders[i, k])


def cut(observations: np.ndarray, layout: Layout) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Views of observations [N, D] as (globals [N, G], entities [N, E, Fe], candidates [N, K, Fc])."""
    n, g = len(observations), layout.globals
    middle = g + layout.entities * layout.entity_features
    return (
        observations[:, :g],
        observations[:, g:middle].reshape(n, layout.entities, layout.entity_features),
        observations[:, middle:].reshape(n, layout.candidates, layout.candidate_features),
    )
