"""A game that goes on while several look at it: one lock, changes that can be waited for, and who plays just now.

A browser, a second one that only watches, and the thread that plays for the person all come through here.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from envs.waybill.core.notation import order_from_words
from experiments.games.waybill.playing.advisers import BY_GREEDY, BY_POLICY, PersonsAdvisers
from experiments.games.waybill.playing.beliefs import believed_now
from experiments.games.waybill.playing.failures import PartFailed, told_in_one_line
from experiments.games.waybill.playing.session import PERSON, PlaySession
from experiments.games.waybill.playing.trials import play_to_end
from groundwork.errors import WaybillError

PACE_SECONDS = 0.4  # of a turn that somebody plays for the person: slow enough to watch
MOST_TURNS = 10_000
TURN = "the turn"  # what failed if another company's policy did, for example


class LiveGame:
    """A session that threads share.

    All that changes the game asks for the turn that it speaks of, so that an order given twice is played once.
    """

    def __init__(self, session: PlaySession, advisers: PersonsAdvisers, *, pace: float = PACE_SECONDS) -> None:
        self.session, self.advisers, self._pace = session, advisers, pace
        self.lock = threading.RLock()
        self._changed, self._thinking = threading.Condition(self.lock), threading.Lock()
        self.version = self.undone = 0
        self.plays: str | None = None  # who plays for the person just now
        self.left = 0  # turns that are left to them
        self.trouble: str | None = None  # in one line, what failed since the person last did something
        self._closed = False

    # --- being told ----------------------------------------------------------------------------------------------
    def wait_for_change(self, version: int, seconds: float) -> None:
        """Wait until something is new since that version, but no longer than that."""
        end = time.monotonic() + seconds
        with self._changed:
            while self.version == version and not self._closed and (rest := end - time.monotonic()) > 0:
                self._changed.wait(rest)

    def note_change(self) -> None:
        """Wake up all that wait."""
        with self._changed:
            self.version += 1
            self._changed.notify_all()

    def close(self) -> None:
        """Nobody plays on, nobody waits."""
        with self._changed:
            self._closed, self.plays = True, None
            self._changed.notify_all()

    @contextmanager
    def _watched(self, who: str) -> Iterator[None]:
        """Run what somebody does; if it fails, all that look on are told.

        Raises:
            PartFailed: in one line.
        """
        try:
            with told_in_one_line(who):
                yield
        except PartFailed as error:
            self._tell_trouble(error)
            raise

    def _tell_trouble(self, error: WaybillError) -> None:
        with self.lock:
            self.trouble = str(error)
            self.note_change()

    # --- playing -------------------------------------------------------------------------------------------------
    def read_order(self, words: Any) -> Any:
        """The order that plain values say.

        Raises:
            WaybillError: in one line.
        """
        if not isinstance(words, dict):
            raise WaybillError("order is not an object")
        return order_from_words(words, self.session.level, "order")

    def give(self, words: Any, turn: int) -> None:
        """Play the person's order for a turn.

        Raises:
            WaybillError: in one line; nothing is played then.
        """
        order = self.read_order(words)
        with self.lock:
            self._need_turn(turn)
            if self.plays is not None:
                raise WaybillError(f"{self.plays} plays for you: take the game back first")
            with self._watched(TURN):
                self.session.give(order, PERSON)
            self.trouble = None
            self.note_change()

    def undo(self, turn: int) -> None:
        """Take the last turn back.

        Raises:
            WaybillError: in one line, if that is not allowed.
        """
        with self.lock:
            self._need_turn(turn)
            self.plays = self.trouble = None
            self.session.undo()
            self.undone += 1
            self.note_change()

    def hand_over(self, who: str, turns: int | None, turn: int) -> None:
        """Let somebody play for the person, for some turns or (None) to the end.

        Raises:
            WaybillError: in one line, for somebody who cannot play here.
        """
        self._need_player(who, turns)
        with self.lock:
            self._need_turn(turn)
            if self.session.over:
                raise WaybillError("the game is over, nobody can play on")
            begun, self.trouble = self.plays is not None, None
            self.plays, self.left = who, MOST_TURNS if turns is None else turns
            self.note_change()
            if not begun:
                threading.Thread(target=self._play_for_person, daemon=True).start()

    def take_back(self) -> None:
        """The person plays again."""
        with self.lock:
            self.plays = self.trouble = None
            self.note_change()

    def _play_for_person(self) -> None:
        while True:
            with self.lock:
                if self.plays is None or self.left <= 0 or self.session.over:
                    self.plays = None
                    self.note_change()
                    return
                try:
                    self._play_turn(self.plays)
                except WaybillError as error:  # it is the person's turn
                    self.plays = None
                    self._tell_trouble(error)
                    return
                self.left -= 1
                self.note_change()
                if self.left > 0 and not self.session.over:
                    self._changed.wait_for(lambda: self.plays is None, self._pace)

    def _play_turn(self, who: str) -> None:
        """One turn by somebody for the person.

        Raises:
            WaybillError: in one line, if that failed.
        """
        with self._watched(_called(who)), self._thinking:
            order = self.advisers.order_of(who)
        with self._watched(TURN):
            self.session.give(order, who)

    def play_for_person(self, who: str, turns: int | None, shown: Callable[[], None]) -> None:
        """Somebody plays for the person here and now; ``shown`` is called after each turn.

        Raises:
            WaybillError: in one line, for somebody who cannot play here.
        """
        self._need_player(who, turns)
        for _ in range(MOST_TURNS if turns is None else turns):
            if self.session.over:
                return
            self._play_turn(who)
            shown()

    def _need_player(self, who: str, turns: int | None = None) -> None:
        if turns is not None and not 1 <= turns <= MOST_TURNS:
            raise WaybillError(f"turns={turns} is not allowed, it must be 1..{MOST_TURNS}, or to the end")
        if who not in self.advisers.names:
            raise WaybillError(f"by={who!r} is not allowed, it must be one of {', '.join(self.advisers.names)}")

    def _need_turn(self, turn: int) -> None:
        if turn != self.session.turn:
            raise WaybillError(f"turn={turn}: the game is at turn {self.session.turn}, look again")

    # --- asking --------------------------------------------------------------------------------------------------
    def hint(self, who: str, turn: int) -> dict[str, Any]:
        """What an adviser says of this turn; the game may go on meanwhile.

        Raises:
            WaybillError: in one line, for somebody who cannot be asked.
        """
        session = self._as_it_stands(turn)  # not while thinking: who plays on holds the lock when it waits for that
        with self._watched(_called(who)), self._thinking:
            told = self.advisers.in_session(session).hint(who)
        return {"turn": turn, "decision": told}

    def what_if(self, words: Any, by: str, turn: int) -> dict[str, Any]:
        """What an order would come to if somebody played on, beside what they come to without it.

        Raises:
            WaybillError: in one line, if the order is not legal.
        """
        self._need_player(by)
        order, session = self.read_order(words), self._as_it_stands(turn)
        session.check(order)
        with self._watched(_called(by)), self._thinking:
            believed = believed_now(session)
            count = len(believed.states)
            policy = self.advisers.policy_for(count, drawn=not believed.exact) if by == BY_POLICY else None
            tried = play_to_end(session, believed, first=order, policy=policy)
            usual = play_to_end(session, believed, first=None, policy=policy)
        return {
            "turn": turn, "order": session.in_words(order), "by": by, "exact": believed.exact, "copies": count,
            "tried": tried._asdict(), "usual": usual._asdict(),
        }  # fmt: skip

    def _as_it_stands(self, turn: int) -> PlaySession:
        """A copy of the session that shares its states, which nobody writes into."""
        with self.lock:
            self._need_turn(turn)
            return self.session.as_it_stands()


def _called(who: str) -> str:
    return who if who == BY_GREEDY else f"the {who}"
