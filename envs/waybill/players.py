"""Players without learning: ``random``, ``greedy``, ``planner``. They know the rules and the heuristic reducer only."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from envs.waybill.greedy import GREEDY, finish_greedily, play_chosen
from envs.waybill.jit import kernel
from envs.waybill.levels import LevelConfig
from envs.waybill.maps import make_pool, make_scratch, mix
from envs.waybill.planner import make_search, plan_game
from envs.waybill.reducers import propose
from envs.waybill.rules import start_games
from envs.waybill.state import ORDER, STATE, records


class Games(NamedTuple):
    """Played games, one a map."""

    score: np.ndarray  # int64 [N], coins of profit
    bankrupt: np.ndarray  # bool [N]
    length: np.ndarray  # int64 [N], turns
    orders: np.ndarray  # ORDER [N, horizon]


@kernel
def play_random(states: Any, pool: Any, level: Any, scratch: Any, search: Any, taken: Any, i: Any) -> None:
    """Game i with random candidates of the heuristic; the orders go to ``taken`` [N, horizon]."""
    s = states[i]
    while s.done == 0:
        n = propose(s, pool, level[0], scratch, search.row, search.worth, True)
        j = np.int64(mix(s.rng ^ mix(np.uint64(s.turn))) >> np.uint64(33)) % n
        play_chosen(s, pool, level[0], scratch, search.row[j], taken[i])


@kernel
def play_greedy(states: Any, pool: Any, level: Any, scratch: Any, search: Any, taken: Any, i: Any) -> None:
    """Game i with the best return on investment each turn."""
    finish_greedily(states[i], pool, level[0], scratch, search.row, search.worth, taken[i], GREEDY)


PLAYERS: dict[str, Callable[..., None]] = {"random": play_random, "greedy": play_greedy, "planner": plan_game}


def play(
    name: str,
    level: LevelConfig,
    map_seeds: np.ndarray,
    *,
    seed: int = 0,
    threads: int = 2,
    progress: Callable[[int, int], None] | None = None,
) -> Games:
    """Let a player play one game on each map.

    Args:
        name: ``random``, ``greedy`` or ``planner``.
        map_seeds: uint64 [N].
        seed: of the games' own random numbers (only ``random`` draws any).
        progress: called with (games finished, games) now and then.

    Raises:
        ValueError: for an unknown player.
    """
    if name not in PLAYERS:
        raise ValueError(f"unknown player {name!r}, known are {', '.join(PLAYERS)}")
    record = level.record()
    pool = make_pool(record, np.asarray(map_seeds, np.uint64))
    n = len(map_seeds)
    states, taken = records(n, STATE), records(n * level.horizon, ORDER).reshape(n, level.horizon)
    start_games(states, pool, record, np.arange(n), np.arange(n, dtype=np.uint64) + np.uint64(seed), 0, n)
    spare = [(make_scratch(), make_search(level.horizon)) for _ in range(threads)]

    def one(i: int) -> None:
        scratch, search = spare.pop()
        PLAYERS[name](states, pool, record, scratch, search, taken, i)
        spare.append((scratch, search))

    with ThreadPoolExecutor(threads) as team:
        for done, _ in enumerate(team.map(one, range(n)), start=1):
            if progress is not None:
                progress(done, n)
    score = states["cash"].astype(np.int64) - level.start_cash
    return Games(score, states["bankrupt"] != 0, states["turn"].astype(np.int64), taken)
