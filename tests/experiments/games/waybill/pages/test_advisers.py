"""What greedy and the planner would order: theirs in that very state, at the effort that was asked for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from watched import HIDDEN, SMALL, played

from envs.waybill.core import levels
from envs.waybill.core import state as st
from envs.waybill.players import play
from envs.waybill.record import replay_states
from experiments.games.waybill.pages import advisers


@pytest.mark.parametrize("level", [SMALL, HIDDEN], ids=["alone", "among rivals"])
def test_greedy_would_order_what_greedy_ordered(level: levels.LevelConfig) -> None:
    game = played(level).game
    states = np.concatenate(list(replay_states(game)))[:-1]
    before = states.tobytes()
    orders = advisers.greedy_orders(states, game.map_pool(), level)
    assert orders.tolist() == game.own_orders.tolist()
    assert states.tobytes() == before


def test_a_whole_search_at_the_start_finds_what_the_planner_plays_first() -> None:
    level = replace(SMALL, planner_effort=2)
    planned = play.play_games("planner", level, np.array([0], np.uint64))
    game = played(level).game
    states = np.concatenate(list(replay_states(game)))[:1]
    orders = advisers.planner_orders(states, game.map_pool(), level, "2", "the planner")
    assert orders[0] == planned.orders[0, 0]


def test_the_next_order_is_one_that_pays_and_nothing_is_changed() -> None:
    game = played(SMALL).game
    states = np.concatenate(list(replay_states(game)))[:-1]
    before = states.tobytes()
    orders = advisers.planner_orders(states, game.map_pool(), SMALL, advisers.NEXT, "the planner")
    assert states.tobytes() == before
    assert set(orders["verb"].tolist()) <= set(range(len(st.VERBS)))
    assert (orders["verb"] != st.PASS).any()


def test_small_levels_are_searched_whole_and_others_one_order_deep() -> None:
    found = {name: advisers.effort_on(levels.load_level(name), None) for name in levels.ladder()}
    assert found == {"haul": "1", "refine": "1", "chain": "next", "rivals": "next", "fog": "next"}
    assert advisers.effort_on(SMALL, "off") == "off"
