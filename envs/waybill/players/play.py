"""Players without learning, by name. They know the rules and the heuristic reducer only.

They play seat 0; a level's rivals play the others.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from envs.waybill.actions.confined import Confined
from envs.waybill.actions.proposals import propose
from envs.waybill.core.jit import kernel
from envs.waybill.core.levels import LevelConfig
from envs.waybill.core.scratch import make_scratch
from envs.waybill.core.state import ORDER, STATE, records
from envs.waybill.maps.pool import make_pool
from envs.waybill.players.greedy import GREEDY_STYLE
from envs.waybill.players.planner import PlannerScratch, make_planner_scratch, plan_game
from envs.waybill.players.planner_seen import SeenScratch, hides_something, make_seen_scratch, plan_seen
from envs.waybill.players.scripted import finish_greedily, is_over, play_chosen, random_choice
from envs.waybill.rewards.infos import make_infos, note_infos
from envs.waybill.rules.game import start_games
from groundwork.errors import WaybillError


class PlayedGames(NamedTuple):
    """Played games, one a map."""

    score: np.ndarray  # int64 [N], coins of profit
    won: np.ndarray  # bool [N], richer than every rival
    bankrupt: np.ndarray  # bool [N]
    length: np.ndarray  # int64 [N], turns
    orders: np.ndarray  # ORDER [N, horizon]
    made: np.ndarray  # int64 [N, goods], units dug or produced


@kernel
def play_random(states: Any, seat: Any, pool: Any, level: Any, scratch: Any, search: Any, taken: Any, i: Any) -> None:
    """Game i with random candidates of the heuristic; the orders go to ``taken`` [N, horizon]."""
    s = states[i]
    me = s.companies[seat]
    while not is_over(s, me):
        n = propose(s, me, pool, level[0], scratch, search.row, search.worth, True)
        play_chosen(s, seat, pool, level[0], scratch, search.row[random_choice(s, me, n)], taken[i])


@kernel
def play_greedy(states: Any, seat: Any, pool: Any, level: Any, scratch: Any, search: Any, taken: Any, i: Any) -> None:
    """Game i with the best return on investment each turn."""
    row, worth = search.row, search.worth
    finish_greedily(states[i], seat, pool, level[0], scratch, row, worth, taken[i], GREEDY_STYLE, search.confined)


RULE_PLAYERS: dict[str, Callable[..., None]] = {
    "random": play_random,
    "greedy": play_greedy,
    "planner_seen": plan_seen,
    "planner": plan_game,
}


def players_on(level: LevelConfig) -> list[str]:
    """The players that differ on a level: where nothing is hidden, the planner sees no more than its seat."""
    return [name for name in RULE_PLAYERS if name != "planner_seen" or hides_something(level)]


def play_games(
    name: str,
    level: LevelConfig,
    map_seeds: np.ndarray,
    *,
    seed: int = 0,
    threads: int = 2,
    progress: Callable[[int, int], None] | None = None,
    confined: Confined | None = None,
) -> PlayedGames:
    """Let a player play seat 0 of one game on each map.

    Args:
        name: ``random``, ``greedy``, ``planner``, or ``planner_seen``, which is the planner where nothing is hidden.
        map_seeds: uint64 [N].
        seed: of the games' own random numbers (only ``random`` draws any).
        progress: called with (games finished, games) now and then.
        confined: the action space that ``greedy`` and ``planner`` keep to; None if any order will do.

    Raises:
        WaybillError: for an unknown player.
    """
    if name not in RULE_PLAYERS:
        raise WaybillError(f"unknown player {name!r}, known are {', '.join(RULE_PLAYERS)}")
    if name == "planner_seen" and not hides_something(level):
        name = "planner"
    record, script = level.record(), level.script()
    pool = make_pool(record, np.asarray(map_seeds, np.uint64))
    n = len(map_seeds)
    states, taken = records(n, STATE), records(n * level.horizon, ORDER).reshape(n, level.horizon)
    start_games(states, pool, record, np.arange(n), np.arange(n, dtype=np.uint64) + np.uint64(seed), 0, n)
    spare = [(make_scratch(), _search_of(name, level, confined)) for _ in range(threads)]
    for scratch, _ in spare:
        scratch.script[:] = script

    def one(i: int) -> None:
        scratch, search = spare.pop()
        RULE_PLAYERS[name](states, 0, pool, record, scratch, search, taken, i)
        spare.append((scratch, search))

    with ThreadPoolExecutor(threads) as team:
        for done, _ in enumerate(team.map(one, range(n)), start=1):
            if progress is not None:
                progress(done, n)
    return _outcome(states, record, taken, len(level.goods))


def _search_of(name: str, level: LevelConfig, confined: Confined | None) -> PlannerScratch | SeenScratch:
    if name != "planner_seen":
        return make_planner_scratch(level, confined)
    if confined is not None:
        raise WaybillError("planner_seen is not confined to an action space, only greedy and planner are")
    return make_seen_scratch(level)


def _outcome(states: np.ndarray, record: np.ndarray, taken: np.ndarray, goods: int) -> PlayedGames:
    n, companies = len(states), states["companies"][:, 0]
    infos, views = make_infos(n), np.stack([np.arange(n), np.zeros(n, np.int64)], axis=1)
    note_infos(states, views, record, infos, 0, n)
    length = states["turn"].astype(np.int64)
    return PlayedGames(infos.score, infos.won, companies["bankrupt"] != 0, length, taken, infos.made[:, :goods])
