"""What can be asked of a live game by address: plain values in, JSON out, whoever carries them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from envs.waybill.maps.uncleared import shown_terrain
from experiments.games.waybill.pages.symbols import land_image, symbol_sheet
from experiments.games.waybill.pages.write import page_text
from experiments.games.waybill.playing.browser.requests import Refused, whole_number
from experiments.games.waybill.playing.browser.telling import ToldSoFar
from experiments.games.waybill.playing.ending import Ending
from experiments.games.waybill.playing.live import LiveGame
from experiments.games.waybill.playing.menu import Menu

Query = Mapping[str, list[str]]
Fields = Mapping[str, tuple[type, ...]]  # a request's fields → the types they may have
NEWS_SECONDS = 20.0  # that a question for news waits for some
PLAY_STYLES = ("play.css",)
PLAY_SCRIPTS = ("asking.js", "orders.js", "hints.js", "game.js")
CONNECT = "connect-src 'self'"


class Desk:
    """Answers for one game: the page, what is new, legal orders of a place, and the person's wishes."""

    def __init__(self, live: LiveGame, ending: Ending, *, command: str) -> None:
        self._live, self._ending, self.session = live, ending, live.session
        self._told = ToldSoFar(live.session, command)
        level, pool = live.session.level, live.session.pool
        self._pictures = {
            "land": land_image(shown_terrain(pool, 0, level)), "symbols": symbol_sheet(level),
        }  # fmt: skip
        here = Path(__file__).parent
        self._styles = [here / name for name in PLAY_STYLES]
        self._scripts = [here / name for name in PLAY_SCRIPTS]
        self.reads: dict[str, Callable[[Query], Any]] = {
            "/news": self.news, "/orders": self.orders, "/ending": self.ending,
        }  # fmt: skip
        asked: Fields = {"turn": (int,)}
        order: Fields = {"order": (dict,)}
        self.writes: dict[str, tuple[Callable[..., Any], Fields]] = {
            "/order": (self.order, {**order, **asked}),
            "/undo": (self.undo, asked),
            "/play": (self.play, {"by": (str,), "turns": (int, type(None)), **asked}),
            "/stop": (self.stop, {}),
            "/hint": (self.hint, {"by": (str,), **asked}),
            "/try": (self.what_if, {**order, "by": (str,), **asked}),
        }

    def page(self) -> str:
        """The page as it is now, the same that a saved game has, with what playing needs."""
        with self._live.lock:
            data = self._told.page(self._live)
        return page_text(data, **self._pictures, connect=CONNECT, styles=self._styles, scripts=self._scripts)

    # --- reading -------------------------------------------------------------------------------------------------
    def news(self, query: Query) -> Any:
        """What is new since a version; waits a while if nothing is."""
        version, since, undone = (whole_number(query, name) for name in ("version", "since", "undone"))
        if version is None or since is None or undone is None:
            raise Refused(400, "version, since and undone are needed")
        self._live.wait_for_change(version, NEWS_SECONDS)
        with self._live.lock:
            return self._told.news(self._live, since, undone)

    def orders(self, query: Query) -> Any:
        """The legal orders of a tile or a cart, with their costs."""
        tile, cart = whole_number(query, "tile"), whole_number(query, "cart")
        place = cart if tile is None else tile
        if place is None or (tile is not None and cart is not None):
            raise Refused(400, "tile or cart is needed")
        with self._live.lock:
            session = self._live.session
            if session.over:
                return {"turn": session.turn, "orders": []}
            menu = Menu(session)
            chosen = menu.of_cart(place) if tile is None else menu.at_tile(place)
            return {"turn": session.turn, "orders": [menu.described(row) for row in menu.rows(chosen)]}

    def ending(self, query: Query) -> Any:
        """How the game ended beside others on the same map, as far as that is known."""
        with self._live.lock:
            return self._ending.told()

    # --- writing -------------------------------------------------------------------------------------------------
    def order(self, *, order: Any, turn: int) -> Any:
        """Give an order."""
        self._live.give(order, turn)
        return self._now()

    def undo(self, *, turn: int) -> Any:
        """Take a turn back."""
        self._live.undo(turn)
        return self._now()

    def play(self, *, by: str, turns: int | None, turn: int) -> Any:
        """Let somebody play on."""
        self._live.hand_over(by, turns, turn)
        return self._now()

    def stop(self) -> Any:
        """Take the game back."""
        self._live.take_back()
        return self._now()

    def hint(self, *, by: str, turn: int) -> Any:
        """Ask somebody."""
        return self._live.hint(by, turn)

    def what_if(self, *, order: Any, by: str, turn: int) -> Any:
        """Try an order."""
        return self._live.what_if(order, by, turn)

    def _now(self) -> Any:
        with self._live.lock:
            return {"turn": self._live.session.turn, "version": self._live.version}
