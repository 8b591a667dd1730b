"""The same game without a browser: the board as text, legal orders as a numbered list, orders typed in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from envs.waybill.core import state as st
from envs.waybill.core.notation import order_to_words
from envs.waybill.render import to_text
from envs.waybill.render.seated import as_known
from experiments.games.waybill.playing.failures import PartFailed
from experiments.games.waybill.playing.live import LiveGame
from experiments.games.waybill.playing.menu import Menu
from experiments.games.waybill.playing.typed import FORMS, order_words
from groundwork.errors import WaybillError

HELP = f"""orders:    {"; ".join(FORMS.values())}; or the number of an order in the list
orders     all legal orders; orders VERB: those of a verb (workshop: on every free tile)
hint WHO   what policy, greedy or planner would order, and why
if WHO ORDER        what an order comes to if policy or greedy plays on: on a copy, your game stays as it is
let WHO play N      policy or greedy plays N turns for you; let WHO play on: to the end
board      the board again; undo: the last turn back, with --undo; quit: save and end; help: this"""


def play_by_words(live: LiveGame, *, read: Callable[[str], str] = input, write: Callable[[str], None] = print) -> None:
    """Play until the game is over.

    Raises:
        EOFError: when nothing more is typed, or by ``quit``.
    """
    table = _Table(live, write)
    table.board()
    write("type help for what can be typed")
    while not live.session.over:
        text = read(f"turn {live.session.turn}> ").strip()
        if not text:
            continue
        try:
            table.do(text)
        except PartFailed as error:
            write(f"{error}; it is your turn")
        except WaybillError as error:
            write(f"no: {error}")


class _Table:
    """What one line after the other does."""

    def __init__(self, live: LiveGame, write: Callable[[str], None]) -> None:
        self._live, self._write = live, write

    def do(self, text: str) -> None:
        """Do what a line says.

        Raises:
            WaybillError: in one line, if it says nothing that can be done.
            EOFError: for ``quit``.
        """
        head, _, rest = text.partition(" ")
        known = {"orders": self._orders, "hint": self._hint, "if": self._what_if, "let": self._let}
        if head in known:
            known[head](rest.strip())
        elif text == "board":
            self.board()
        elif text == "undo":
            self._live.undo(self._live.session.turn)
            self.board()
        elif text == "help":
            self._write(HELP)
        elif text == "quit":
            raise EOFError
        else:
            self._live.give(self._order(text), self._live.session.turn)
            self.board()

    def board(self) -> None:
        """Show the state as far as the company knows it, and what can be ordered."""
        session = self._live.session
        known = as_known(session.seen_states(session.turn))
        given = session.given_by[-1:]
        before = f"{session.in_words_of(session.turn - 1)}, by {given[0]}" if given else ""
        self._write("-" * 96)
        if before:
            self._write(f"ordered: {before}")
        self._write(to_text(known, session.pool, session.level, seen_only=True))
        if not session.over:
            self._orders("")

    def _orders(self, verb: str) -> None:
        """The list of legal orders, grouped by verb; workshops, which stand on any free tile, only when asked for."""
        if verb and verb not in st.VERBS:
            raise WaybillError(f"orders {verb}: there is no such verb, they are {', '.join(st.VERBS)}")
        for line in self._lines(verb):
            self._write(line)

    def _lines(self, wanted: str) -> Iterator[str]:
        menu = Menu(self._live.session)
        for number, verb in enumerate(st.VERBS):
            mine = [k for k, order in enumerate(menu.orders) if order["verb"] == number]
            if (wanted and verb != wanted) or not mine:
                continue
            yield f"{verb}:"
            if verb == "workshop" and not wanted:
                tiles = len({int(menu.orders[k]["tile"]) for k in mine})
                yield f"      {FORMS[verb]}, on {tiles} tiles; orders workshop"
                rows = menu.rows(menu.orders[mine])
                yield from sorted({f"      {row.text}: {_price(row.cost)}, {row.note}" for row in rows})
                continue
            head = ""
            for k, row in zip(mine, menu.rows(menu.orders[mine]), strict=True):
                if verb == "haul" and row.head != head:
                    head = row.head
                    yield f"      {head}"
                place = "" if verb in ("pass", "haul") else f" {_spot(int(row.order['tile']), self._side)}"
                yield f"{k:>5} {row.text}{place}: {_price(row.cost)}, {row.note}"

    @property
    def _side(self) -> int:
        return self._live.session.level.side

    def _order(self, text: str) -> dict[str, object]:
        """The order that is typed, in words or by its number."""
        session = self._live.session
        if not text.isdigit():
            return order_words(text, session.level)
        legal = session.legal()
        if int(text) >= len(legal):
            raise WaybillError(f"there is no order {text}, they are 0..{len(legal) - 1}")
        return order_to_words(legal[int(text)], session.level)

    def _hint(self, who: str) -> None:
        found = self._live.hint(who or "greedy", self._live.session.turn)["decision"]
        for text, value, chosen in found.get("candidates", []):
            self._write(f"{'>' if chosen else ' '} {value:>9.3f} {text}")
        for name in ("greedy", "planner"):
            if name in found:
                self._write(f"{name} would {found[name]['text']}: {found[name]['reason']}")

    def _what_if(self, text: str) -> None:
        who, _, order = text.partition(" ")
        told = self._live.what_if(self._order(order.strip()), who, self._live.session.turn)
        about = "" if told["exact"] else f", on average over {told['copies']} games that agree with what you know"
        self._write(f"if you {told['order']} and {who} plays on: profit {told['tried']['score']:+,}{about}")
        self._write(f"if {who} plays on from here:  profit {told['usual']['score']:+,}")

    def _let(self, text: str) -> None:
        words = text.split()
        if len(words) != 3 or words[1] != "play" or not (words[2] == "on" or words[2].isdigit()):
            raise WaybillError(f"'let {text}' is not written as 'let WHO play N' or 'let WHO play on'")
        self._live.play_for_person(words[0], None if words[2] == "on" else int(words[2]), self.board)


def _price(cost: int) -> str:
    return "free" if cost == 0 else f"{cost} coins" if cost > 0 else f"brings {-cost} coins"


def _spot(tile: int, side: int) -> str:
    return f"at ({tile // side},{tile % side})"
