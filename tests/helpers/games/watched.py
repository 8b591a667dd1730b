"""Small games to be shown: of greedy play, and with candidates as a policy would have weighed them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from envs.waybill import record
from envs.waybill.core import levels
from envs.waybill.core.levels import LevelConfig
from envs.waybill.players import play
from envs.waybill.render import describe_order
from experiments.games.waybill.watching import WeighedGame

SMALL = replace(levels.load_level("haul"), horizon=24)
HIDDEN = replace(levels.load_level("fog"), horizon=40)


def played(
    level: LevelConfig = SMALL, *, player: str = "greedy", name: str | None = None, map_seed: int = 0
) -> WeighedGame:
    """A game of a player, shown under another name if there is one."""
    games = play.play_games(player, level, np.array([map_seed], np.uint64))
    orders = games.orders[0, : int(games.length[0])]
    game = record.record_game(
        level=level, map_seed=map_seed, game_seed=0, player=player if name is None else name, orders=orders
    )
    return WeighedGame(game, [])


def weighed(level: LevelConfig = SMALL, *, name: str = "a policy") -> WeighedGame:
    """A game of greedy play in which a policy weighed its order, worth 2 − turn / 10, and another, worth 1 less."""
    watched = played(level, name=name)
    game, pool, candidates = watched.game, watched.game.map_pool(), []
    for turn, state in enumerate(record.replay_states(game)):
        if turn < len(game.orders):
            text = describe_order(game.own_orders[turn], state[0], pool, level)
            candidates.append([(text, 2 - turn / 10, True), ("stand on one's head", 1 - turn / 10, False)])
    return replace(watched, candidates=candidates, rewards=(0.5,) * len(game.orders), gamma=0.9)
