"""A whole game as plain JSON: its turns, what was weighed and decided in each, its events and its moments.

    {player, score, values: {name, unit, note} or null, advice: {planner: words or null},
     turns: [{... of ``turn_data``, decision: null at the end, else
              {order, greedy, planner: {text, tile, target, same}, candidates: [[text, value, chosen], ...], weighed,
               value, return}}, ...],
     events: [{turn, kind, seat, text}, ...], moments: [{turn, title, text}, ...]}

What a policy alone has (candidates, weighed, value, return) and the planner's order are left out where there is none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from envs.waybill.core import state as st
from envs.waybill.core.levels import LevelConfig
from envs.waybill.core.notation import order_to_words
from envs.waybill.maps.pool import MapPool
from envs.waybill.record import replay_states
from envs.waybill.render import describe_order
from envs.waybill.render.scene import look
from envs.waybill.render.seated import seated_first
from envs.waybill.render.words import best_candidates
from experiments.games.waybill.pages import advisers
from experiments.games.waybill.pages.happenings import game_events
from experiments.games.waybill.pages.moments import Course, game_moments
from experiments.games.waybill.pages.turns import turn_data
from experiments.games.waybill.watching import WeighedGame

DIGITS = 4  # of values, which are the only numbers that are not whole
RANKED = 12  # candidates of a turn


@dataclass(frozen=True)
class ToldGame:
    """A game as a page's data, and its course in figures."""

    data: dict[str, Any]
    course: Course


def tell_game(watched: WeighedGame, *, planner: str) -> ToldGame:
    """A watched game as plain JSON.

    Args:
        planner: the effort with which the planner is asked in each state, one of ``advisers.EFFORTS``.
    """
    game, level, pool = watched.game, watched.game.level, watched.game.map_pool()
    states = seated_first(np.concatenate(list(replay_states(game))), game.seat)  # STATE [T + 1], the player first
    length = len(game.orders)
    advice = {"greedy": advisers.greedy_orders(states[:length], pool, level)}
    if planner != advisers.OFF:
        title = f"the planner beside {game.player}"
        advice["planner"] = advisers.planner_orders(states[:length], pool, level, planner, title)
    decisions = [_decision(watched, states, pool, turn, advice) for turn in range(length)]
    returns = discounted_returns(watched.rewards, watched.gamma)
    sent: set[str] = set()
    turns = []
    for turn in range(length + 1):
        told = turn_data(states[max(0, turn - 1) : turn + 1], pool, level, sent=sent)
        told["decision"] = decisions[turn] if turn < length else None
        if turn < length and returns:
            told["decision"]["return"] = short(returns[turn])
        turns.append(told)
    course = _course(watched, states, decisions)
    scenes = [look(state, pool, level) for state in states]
    events = game_events(scenes, differs=_differing(decisions), values=course.values)
    return ToldGame(
        {
            "player": game.player,
            "score": game.score,
            "turns": turns,
            "values": _value_words(watched),
            "advice": {"planner": None if planner == advisers.OFF else advisers.effort_in_words(planner)},
            "events": [event._asdict() for event in events],
            "moments": [moment._asdict() for moment in game_moments(course)],
        },
        course,
    )


def _decision(
    watched: WeighedGame, states: np.ndarray, pool: MapPool, turn: int, advice: dict[str, np.ndarray]
) -> dict[str, Any]:
    """What was weighed and ordered in a state: the candidates ranked, and what greedy and the planner would order."""
    level, state = watched.game.level, states[turn]
    order = watched.game.own_orders[turn]
    found: dict[str, Any] = {"order": order_data(order, state, pool, level)}
    for name, orders in advice.items():
        found[name] = order_data(orders[turn], state, pool, level)
        found[name]["same"] = order_to_words(orders[turn], level) == order_to_words(order, level)
    if turn < len(watched.candidates):
        rows = best_candidates(watched.candidates[turn], RANKED)
        found["candidates"] = [[text, short(value), int(chosen)] for text, value, chosen in rows]
        found["weighed"] = len(watched.candidates[turn])
        found["value"] = short(max(value for _, value, _ in watched.candidates[turn]))
    return found


def order_data(order: Any, state: Any, pool: MapPool, level: LevelConfig) -> dict[str, Any]:
    """An order in words, with its tiles for the board: -1 where it has none."""
    verb = int(order["verb"])
    tile, target = (int(order[name]) for name in ("tile", "target"))
    return {
        "text": describe_order(order, state, pool, level),
        "tile": tile if verb > st.PASS else -1,
        "target": target if verb == st.HAUL else -1,
    }


def discounted_returns(rewards: Sequence[float], gamma: float) -> list[float]:
    """The return of each turn, [T]: its reward and, discounted, all that came after it."""
    found, after = [], 0.0
    for reward in reversed(rewards):
        after = reward + gamma * after
        found.append(after)
    return found[::-1]


def short(value: float) -> float:
    """A number with a few significant digits; one that is not finite becomes 0, which JSON can hold."""
    return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else 0.0


def _differing(decisions: list[dict[str, Any]]) -> list[tuple[int, str]]:
    """(turn, words) of the orders that are not greedy's; the same difference in turns that follow counts once."""
    found, before = [], ""
    for turn, told in enumerate(decisions):
        text = "" if told["greedy"]["same"] else f"{told['order']['text']}; greedy: {told['greedy']['text']}"
        if text and text != before:
            found.append((turn, text))
        before = text
    return found


def _course(watched: WeighedGame, states: np.ndarray, decisions: list[dict[str, Any]]) -> Course:
    companies: Any = states["companies"][:, : 1 + len(watched.game.level.rivals)]
    cash = np.where(companies["bankrupt"] != 0, -1, companies["cash"]).astype(np.int64)
    given = companies["orders"][:, 0].astype(np.int64)  # [T + 1, verbs], counted when carried out
    acted = (np.diff(given, axis=0)[:, st.PASS + 1 :] > 0).any(axis=1)
    valued = watched.values == "Q-values" and bool(watched.rewards)
    return Course(
        cash=cash,
        sales=companies["sales"][:, 0].astype(np.int64),
        orders=[told["order"]["text"] for told in decisions],
        acted=acted.tolist(),
        values=[told["value"] for told in decisions] if valued else [],
        rewards=watched.rewards if valued else [],
        gamma=watched.gamma,
    )


def _value_words(watched: WeighedGame) -> dict[str, str] | None:
    """What the values are and their unit; None where no policy played."""
    if not watched.candidates:
        return None
    unit = "starting cashes" if watched.values == "Q-values" else ""
    note = f"reward of training, discounted by {watched.gamma:g} a turn" if unit else ""
    return {"name": watched.values, "unit": unit, "note": note}
