"""A game that goes on as the page's data: while it lasts only what the person's company knows, at its end all of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from envs.waybill.render.scene import look
from experiments.games.waybill.pages import advisers as planners
from experiments.games.waybill.pages.game_data import order_data, tell_game
from experiments.games.waybill.pages.happenings import KINDS, MARKS, game_events
from experiments.games.waybill.pages.turns import map_data, turn_data
from experiments.games.waybill.playing.advisers import BY_PLANNER
from experiments.games.waybill.playing.live import LiveGame
from experiments.games.waybill.playing.menu import Menu
from experiments.games.waybill.playing.session import PlaySession
from experiments.games.waybill.watching import WeighedGame


class ToldSoFar:
    """The turns of a live game as JSON, each told once; to be used under the game's lock."""

    def __init__(self, session: PlaySession, command: str) -> None:
        self._session, self._command = session, command
        self._turns: list[dict[str, Any]] = []
        self._sent: list[set[str]] = []
        self._map = map_data(session.pool, 0, session.level)
        for shown, name in enumerate(session.others.names, start=1):
            self._map["companies"][shown] = f"rival {shown} ({name})"

    def page(self, live: LiveGame) -> dict[str, Any]:
        """All that a page begins with."""
        told = self._whole() if live.session.over else self._so_far(live)
        return {
            "format": "waybill page",
            "version": 1,
            "command": self._command,
            "marks": list(MARKS),
            "kinds": KINDS,
            "map": self._map | {"sites": self._map["sites"] if live.session.over else self.sites()},
            "games": [told],
            "moments": [],
            "play": self.news(live, len(told["turns"]), live.undone) | {"advisers": [*live.advisers.names, BY_PLANNER]},
        }

    def news(self, live: LiveGame, since: int, undone: int) -> dict[str, Any]:
        """What is new for a page that has ``since`` turns, and took part in ``undone`` undos."""
        session = live.session
        self._tell_turns()
        first = min(since, len(self._turns)) if undone == live.undone else 0
        told: dict[str, Any] = {
            "version": live.version, "undone": live.undone, "turn": session.turn, "over": session.over,
            "player": session.player, "score": session.score, "practice": session.undo_allowed,
            "plays": live.plays, "left": live.left, "trouble": live.trouble,
            "policy": live.advisers.policy_name, "first": first,
        }  # fmt: skip
        if session.over:
            return told | {"turns": []}
        menu = Menu(session)
        return told | {
            "turns": self._turns[max(0, first - 1) :],  # the last one again: it has its order now
            "sites": self.sites(), "events": self._events(), "places": menu.places(),
        }  # fmt: skip

    def sites(self) -> list[dict[str, Any]]:
        """The sites, those without place, good and prices that the company has never seen."""
        session = self._session
        scene = look(session.seen_states(session.turn), session.pool, session.level)
        found = []
        for site, told in enumerate(self._map["sites"]):
            blank = {"good": 0} if told["kind"] == "deposit" else {"base": [0] * len(session.level.goods)}
            found.append(told if scene.knows(site) else told | {"tile": -1} | blank)
        return found

    def _tell_turns(self) -> None:
        session = self._session
        del self._turns[session.turn + 1 :], self._sent[session.turn + 1 :]
        states = session.seen_states(max(0, len(self._turns) - 1))
        base = max(0, len(self._turns) - 1)
        for turn in range(len(self._turns), session.turn + 1):
            pair = states[max(0, turn - 1) - base : turn + 1 - base]
            sent = set().union(*self._sent)
            before = set(sent)
            told = turn_data(pair, session.pool, session.level, seat=0, sent=sent)
            self._turns.append(told | {"decision": None})
            self._sent.append(sent - before)
        for turn in range(base, session.turn):
            order = session.orders[turn][session.seat]
            state = states[turn - base]
            decision = {"order": order_data(order, state, session.pool, session.level), "by": session.given_by[turn]}
            self._turns[turn]["decision"] = decision
        self._turns[session.turn]["decision"] = None

    def _events(self) -> list[dict[str, Any]]:
        session = self._session
        scenes = [look(state, session.pool, session.level) for state in session.seen_states()]
        return [event._asdict() for event in game_events(scenes, differs=[], values=None)]

    def _so_far(self, live: LiveGame) -> dict[str, Any]:
        self._tell_turns()
        session = live.session
        return {
            "player": "you", "score": session.score, "turns": self._turns, "values": None,
            "advice": {"planner": None}, "events": self._events(), "moments": [],
        }  # fmt: skip

    def _whole(self) -> dict[str, Any]:
        """The whole game, as the page of a saved one tells it."""
        watched = WeighedGame(replace(self._session.game(), source="this game"), [])
        return tell_game(watched, planner=planners.OFF).data
