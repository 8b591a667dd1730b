"""What an evaluation's games show: where is built, the funnel, reward and shaping, what orders rest on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from envs.waybill.actions.raw import NO_ORDER
from envs.waybill.core import state as st
from envs.waybill.core.state import MAX_GOODS, PASS
from envs.waybill.maps.pool import VALIDATION_SEEDS
from envs.waybill.observation.candidates import HINTS, ORDER_AT, ORDER_FEATURES, ORDER_GOOD_AT
from envs.waybill.observation.entities import ENTITY_FEATURES, ENTITY_KINDS
from experiments.diagnostics import drawings
from experiments.diagnostics.checks import ShapingCheck
from experiments.diagnostics.painter import ToDraw
from experiments.diagnostics.visited import WATCHED_GAMES, Visited
from experiments.games.waybill.diagnosis.boards import SMALL, Snapshot, animation, board_sheet
from experiments.games.waybill.pages.advisers import NEXT, planner_orders

BOARDS = 6  # final boards in a picture
_ENTITIES = ("deposits", "towns", "workshops", "carts", "rivals")
# Of the globals: their columns, by what they say
_GLOBALS: dict[str, Sequence[int]] = {
    "time left": range(3), "cash": range(3, 9), "size": range(9, 12), "next sale": (12,), "rivals": range(13, 16),
}  # fmt: skip


class WaybillWatch:
    """Looks on at an evaluation on a level's maps; see ``GameWatch``."""

    def __init__(self, *, layout: Any, gamma: float, states: int) -> None:
        """``gamma`` is the discount of shaped rewards, ``states`` are those to be looked at."""
        self._layout, self._gamma, self._most = layout, gamma, max(1, states // WATCHED_GAMES)

    def begin(self, env: Any) -> None:
        """See ``EvaluationWatch``."""
        batch, count = env.batch, len(env.batch.seeds)
        self._level, self._maps = batch.level, batch.pool.seed[batch.states["map"]].tolist()
        self._before = batch.states[:WATCHED_GAMES].copy()
        self._kept: list[list[bytes]] = [[] for _ in self._before]
        self._pool, self._space = batch.pool, batch.space
        self._candidates = self._offered_now()
        self._offered: list[tuple[bytes, np.ndarray, int]] = []  # a kept state, its candidates, the action taken
        self._orders: list[np.ndarray] = []
        self._last: list[bytes] = [b""] * min(BOARDS, count)
        self._potential = batch.potential.copy()
        self._raw, self._extra = np.zeros(count), np.zeros(count)
        self._turns = self._like = 0
        self._shaping = ShapingCheck(self._gamma)
        self._advice = batch.advice.copy() if batch.space.groups is not None else None
        self._stage_names = env.columns["stages"]
        self._stages = np.zeros((count, len(self._stage_names)), np.bool_)
        self._scores = np.zeros(count, np.int64)

    def turn(
        self, *, games: np.ndarray, obs_tm1: np.ndarray, mask_tm1: np.ndarray, a_tm1: np.ndarray, r_t: np.ndarray,
        terminated_t: np.ndarray, env: Any, infos: Mapping[str, Any],
    ) -> None:  # fmt: skip
        """See ``EvaluationWatch``."""
        raw, potential = infos["raw_reward"][games], infos["potential"]
        self._raw[games] += raw
        self._extra[games] += r_t - raw
        self._turns += len(games)
        self._shaping.add(added=r_t - raw, potential_tm1=self._potential[games], potential_t=potential[games])
        if self._advice is not None:
            self._like += int((a_tm1 == self._advice[games]).sum())
            self._advice = infos["advice"]
        self._potential = potential.copy()
        self._stages[games] = infos["stages"][games]
        self._scores[games] = infos["score"][games]
        self._keep(games, a_tm1, env)

    def _offered_now(self) -> np.ndarray | None:
        """The candidates of the first games in their present states, ORDER [8, K]; None where actions are none."""
        if self._space.groups is None:
            return None
        orders, count = self._space.orders[:WATCHED_GAMES].copy(), self._space.count[:WATCHED_GAMES]
        orders["verb"][np.arange(orders.shape[1]) >= count[:, None]] = NO_ORDER
        return orders

    def _keep(self, games: np.ndarray, a_tm1: np.ndarray, env: Any) -> None:
        """The states of the first games before the turn, and of the very first all orders and the end."""
        states = env.batch.states
        for row, game in enumerate(games[: np.searchsorted(games, len(self._before))].tolist()):
            if len(self._kept[game]) < self._most or game == 0:
                self._kept[game].append(self._before[game].tobytes())
                if self._candidates is not None:
                    self._offered.append((self._kept[game][-1], self._candidates[game], int(a_tm1[row])))
            if game < len(self._last):
                self._last[game] = states[game].tobytes()
        if len(games) and games[0] == 0:
            self._orders.append(env.batch.given[0, 0].copy())
        self._before, self._candidates = states[: len(self._before)].copy(), self._offered_now()

    def recall(self, states: int) -> dict[str, float]:
        """See ``GameWatch``: asks the planner, its first step alone, in some of the states that were kept."""
        if not self._offered:
            return {}
        chosen = np.unique(np.linspace(0, len(self._offered) - 1, states).round().astype(int))
        kept = [self._offered[k] for k in chosen]
        before = st.records(len(kept), st.STATE)
        before[:] = np.frombuffer(b"".join(state for state, _, _ in kept), st.STATE)
        orders = planner_orders(before, self._pool, self._level, NEXT, "the planner is asked")
        asked = [(order, own, a) for order, (_, own, a) in zip(orders, kept, strict=True) if order["verb"] != PASS]
        alike = np.mean([own[a] == order for order, (_, own, a) in zip(orders, kept, strict=True)])
        found = {"behaviour/like_planner": float(alike)}
        if asked:
            found["behaviour/planner_offered"] = float(np.mean([(own == order).any() for order, own, _ in asked]))
        return found

    def scalars(self) -> dict[str, float]:
        """See ``GameWatch``: raw reward and what shaping adds, a game; how often the order was the greedy rule's."""
        found = {"reward/raw": float(self._raw.mean()), "reward/shaping": float(self._extra.mean())}
        if self._advice is not None:
            found["behaviour/like_greedy"] = self._like / max(1, self._turns)
        return found | self._shaping.scalars()

    def drawings(self) -> list[ToDraw]:
        """See ``GameWatch``: a game as an animation, boards at the end, the funnel."""
        orders = np.array(self._orders, self._orders[0].dtype)
        episode = {"level": self._level, "map_seed": self._maps[0], "states": [*self._kept[0], self._last[0]]}
        ends = [
            Snapshot(state, self._maps[game], f"{self._map(game)}: {self._scores[game]:+,}")
            for game, state in enumerate(self._last)
        ]
        half = (len(ends) + 1) // 2
        built = {"level": self._level, "rows": [row for row in (ends[:half], ends[half:]) if row]}
        shares = [*self._stages.mean(0).tolist(), float((self._scores > 0).mean())]
        reached = dict(zip([*self._stage_names, "profit"], shares, strict=True))
        title = f"share of {len(self._scores)} validation games that come to each stage"
        return [
            ToDraw("games/episode", animation, {**episode, "orders": orders}),
            ToDraw("games/built", board_sheet, built),
            ToDraw("games/funnel", drawings.funnel, {"stages": reached, "title": title}),
        ]

    def states_drawn(self, tag: str, visited: Visited, rows: Mapping[str, np.ndarray]) -> ToDraw:
        """See ``GameWatch``: small boards."""
        boards = [[self._snapshot(visited, k) for k in chosen] for chosen in rows.values()]
        given = {"level": self._level, "rows": boards, "titles": list(rows), "side": SMALL}
        return ToDraw(tag, board_sheet, given)

    def _snapshot(self, visited: Visited, k: int) -> Snapshot:
        game, turn = int(visited.game[k]), int(visited.turn[k])
        return Snapshot(self._kept[game][turn], self._maps[game], f"{self._map(game)}, turn {turn}")

    def _map(self, game: int) -> str:
        seed = self._maps[game]
        return f"validation map {seed - VALIDATION_SEEDS}" if seed >= VALIDATION_SEEDS else f"map {seed}"

    def shares(self, obs: np.ndarray, attributed: np.ndarray) -> dict[str, float]:
        """See ``GameWatch``: each state's groups are summed, and their sizes averaged over the states."""
        found = {name: total for name, total in _group_sums(obs, attributed, self._layout).items() if total.any()}
        sizes = {name: float(np.abs(total).mean()) for name, total in found.items()}
        whole = sum(sizes.values())
        return {name: size / whole for name, size in sizes.items()} if whole > 0 else {}


def _group_sums(obs: np.ndarray, attributed: np.ndarray, layout: Any) -> dict[str, np.ndarray]:
    """The sum of each state's attributions [K, D] in each group of an observation's numbers, [K]."""
    count, g, e, k = len(obs), layout.globals, layout.candidates_at, layout.pointers_at
    sums = {name: attributed[:, list(columns)].sum(1) for name, columns in _GLOBALS.items()}
    rows = attributed[:, g:e].reshape(count, layout.entities, layout.entity_features)
    seen = obs[:, g:e].reshape(rows.shape)
    for kind, name in enumerate(_ENTITIES[:ENTITY_KINDS]):
        own = (rows[:, :, 1:ENTITY_FEATURES] * seen[:, :, 1 + kind, None]).sum((1, 2))
        sums[name] = sums.get(name, 0.0) + own
    sums["entity places"] = rows[:, :, ENTITY_FEATURES:].sum((1, 2))
    if layout.candidates:
        orders = attributed[:, e:k].reshape(count, layout.candidates, layout.candidate_features).sum(1)  # [K, Fc]
        hints = [ORDER_AT + column for column in HINTS]
        own = np.setdiff1d(np.arange(ORDER_AT, ORDER_FEATURES), hints)
        sums["order kind"] = orders[:, 1 : ORDER_GOOD_AT + MAX_GOODS].sum(1)
        sums["order numbers"] = orders[:, own].sum(1)
        sums["order hints"] = orders[:, hints].sum(1)
        sums["order places"] = orders[:, ORDER_FEATURES:].sum(1)
    return sums
