"""One game that a person plays: its state, the orders given so far, and the way back where that is allowed.

Nothing here knows of pages or terminals. States are kept turn by turn, so going back is one step in a list, and the
game at its end is a record like any other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from copy import copy
from typing import Any

import numpy as np

from envs.waybill.actions.legal import legal_orders
from envs.waybill.core import state as st
from envs.waybill.core.levels import LevelConfig
from envs.waybill.core.notation import order_to_words
from envs.waybill.core.scratch import make_scratch
from envs.waybill.maps.pool import make_pool
from envs.waybill.record import Game, record_game
from envs.waybill.render import describe_order
from envs.waybill.render.seated import seated_first
from envs.waybill.rules.game import judge_orders, play_turns, start_games
from experiments.games.waybill.playing.opponents import OtherSeats
from groundwork.errors import WaybillError

PERSON = "person"
GAME_SEED = 0  # of the game's own random numbers, as in the games of players and policies that are watched


class PlaySession:
    """A game on one map, played by a person in a seat, or by who takes over for some turns.

    Args:
        names: who plays the other companies, in the order in which they are shown.
        undo: turns may be taken back; the game counts as practice then.

    Raises:
        WaybillError: in one line, if one of the others cannot play here.
    """

    def __init__(
        self, *, level: LevelConfig, map_seed: int, seat: int, names: Sequence[str], undo: bool, device: str = "cpu"
    ) -> None:
        self.level, self.map_seed, self.seat, self.undo_allowed = level, map_seed, seat, undo
        self.record = level.record()
        self.pool = make_pool(self.record, np.array([map_seed], np.uint64))
        self.others = OtherSeats(level=level, seat=seat, names=names, map_seed=map_seed, pool=self.pool, device=device)
        self._scratch = make_scratch()
        start = st.records(1, st.STATE)
        start_games(start, self.pool, self.record, np.zeros(1, np.int64), np.array([GAME_SEED], np.uint64), 0, 1)
        self.others.begin(start)
        self.states = [start]  # STATE [1] each, the start and after each turn
        self.orders: list[np.ndarray] = []  # ORDER [seats] each
        self.given_by: list[str] = []

    @property
    def state(self) -> np.ndarray:
        """The present state [1]; nobody writes into it."""
        return self.states[-1]

    @property
    def turn(self) -> int:
        """Turns played."""
        return len(self.orders)

    @property
    def over(self) -> bool:
        """True if there is nothing more to decide for the person's company."""
        state: Any = self.state[0]
        return bool(state["done"] != 0 or state["companies"][self.seat]["bankrupt"] != 0)

    @property
    def score(self) -> int:
        """The profit so far, in coins."""
        return int(self.state[0]["companies"][self.seat]["cash"]) - self.level.start_cash

    @property
    def player(self) -> str:
        """Who played, as the record says it: the person, who helped, and whether it was practice."""
        helped = Counter(who for who in self.given_by if who != PERSON)
        parts = [f"{count} turn{'s' * (count != 1)} by {who}" for who, count in sorted(helped.items())]
        return ", ".join([PERSON, *parts, *["practice with undo"] * self.undo_allowed])

    def seen_states(self, first: int = 0) -> np.ndarray:
        """The states from a turn on, the person's company in seat 0: to be shown."""
        return seated_first(np.concatenate(self.states[first:]), self.seat)

    def own_orders(self) -> np.ndarray:
        """What the person's company was ordered so far, ORDER [horizon], empty from the present turn on."""
        found = st.records(self.level.horizon, st.ORDER)
        for turn, orders in enumerate(self.orders):
            found[turn] = orders[self.seat]
        return found

    def legal(self) -> np.ndarray:
        """All orders that are legal now as far as the company knows, ORDER [K], PASS first."""
        return legal_orders(self.state, self.seat, self.pool, self.record)

    def is_legal(self, order: Any) -> bool:
        """True if the engine would carry out this order now, as far as the company knows."""
        one, legal = st.records(1, st.ORDER).reshape(1, 1), np.zeros((1, 1), np.bool_)
        one[0, 0] = order
        judge_orders(self.state, self.seat, self.pool, self.record, one, legal)
        return bool(legal[0, 0])

    def in_words(self, order: Any) -> str:
        """An order in words."""
        return describe_order(order, self.seen_states(self.turn)[0], self.pool, self.level)

    def in_words_of(self, turn: int) -> str:
        """The order of a turn that was played, in words."""
        order = self.orders[turn][self.seat]
        return describe_order(order, self.seen_states(turn)[0], self.pool, self.level)

    def check(self, order: Any) -> None:
        """Refuse an order that cannot be given now.

        Raises:
            WaybillError: in one line.
        """
        if self.over:
            raise WaybillError("the game is over, no order can be given")
        if not self.is_legal(order):
            raise WaybillError(f"not legal now: {_bare_words(order, self.level)}")

    def give(self, order: Any, by: str = PERSON) -> None:
        """Play a turn with this order of the person's company; the others decide at the same time.

        Raises:
            WaybillError: in one line, for an order that is not legal or after the end; nothing is played then.
        """
        self.check(order)
        seats = 1 + len(self.level.rivals)
        orders, after = st.records(seats, st.ORDER).reshape(1, seats), self.state.copy()
        self.others.decide(after, orders)
        orders[0, self.seat] = order
        play_turns(after, self.pool, self.record, orders, self._scratch, 0, 1)
        self.states.append(after)
        self.orders.append(orders[0].copy())
        self.given_by.append(by)

    def undo(self) -> None:
        """Take the last turn back.

        Raises:
            WaybillError: in one line, if that is not allowed or there is none.
        """
        if not self.undo_allowed:
            raise WaybillError("there is no undo in this game, begin one with --undo")
        if not self.orders:
            raise WaybillError("there is no turn to take back")
        for kept in (self.states, self.orders, self.given_by):
            kept.pop()

    def as_it_stands(self) -> PlaySession:
        """The present moment, which stays while this game goes on."""
        found = copy(self)
        found.states, found.orders, found.given_by = [*self.states], [*self.orders], [*self.given_by]
        return found

    def game(self) -> Game:
        """The game so far as a record."""
        orders = np.array(self.orders, st.ORDER).reshape(self.turn, 1 + len(self.level.rivals))
        if not self.level.rivals:
            orders = orders[:, 0]
        where: dict[str, Any] = {
            "level": self.level,
            "map_seed": self.map_seed,
            "game_seed": GAME_SEED,
            "seat": self.seat,
        }
        return record_game(player=self.player, orders=orders, **where)


def _bare_words(order: Any, level: LevelConfig) -> str:
    """An order without what lies at its places, which the person may not know: "extract (3,4)"."""
    told = order_to_words(order, level)
    places = [f"({place[0]},{place[1]})" for name in ("tile", "target") if (place := told.get(name)) is not None]
    others = [f"{name} {told[name]}" for name in ("recipe", "cart") if name in told]
    return " ".join([told["order"], *others, " to ".join(places)]).strip()
