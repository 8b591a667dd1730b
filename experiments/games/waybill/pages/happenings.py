"""What happened to a company in a turn, in words, and the events of a game that one may want to jump to.

All of it is read off two states that follow each other: the books, the buildings and the carts before and after.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from envs.waybill.core import state as st
from envs.waybill.render.scene import Scene
from envs.waybill.render.words import spot

MARKS = ("bankruptcy", "illegal", "build", "clear", "sale", "nothing")  # the first that fits is a turn's colour
KINDS = {
    "sale": "first sale",
    "good": "first of a good",
    "building": "new building",
    "bankruptcy": "bankruptcy",
    "illegal": "illegal order",
    "differs": "not greedy's order",
    "loss": "greatest loss",
}


class Event(NamedTuple):
    """Something worth a look: the turn whose state shows it, its kind, the company's seat, and words."""

    turn: int
    kind: str
    seat: int
    text: str


def happened_to(before: Scene, after: Scene) -> tuple[str, list[str]]:
    """(mark, texts) of a company between two states; ``MARKS`` are in the order in which the first that fits counts."""
    old, new, texts, built, cleared = before.me, after.me, [], False, False
    for slot in range(int(new["n_slots"])):
        was, now = old["buildings"][slot], new["buildings"][slot]
        place = _named(after, now if now["kind"] != st.EMPTY else was)
        if was["kind"] == st.EMPTY and now["kind"] != st.EMPTY:
            built = True
            texts.append(f"began {place}")
        elif was["kind"] != st.EMPTY and now["kind"] == st.EMPTY:
            cleared = True
            texts.append(f"cleared {place}")
        elif was["ready_in"] > 0 and now["ready_in"] == 0:
            texts.append(f"finished {place}")
    for number in range(int(old["n_carts"]), int(new["n_carts"])):
        built = True
        texts.append(f"bought cart {number}")
    sold = _sold(before, after)
    illegal, bankrupt = new["illegal"] > old["illegal"], new["bankrupt"] > old["bankrupt"]
    texts += [sold] * bool(sold) + ["gave an order that was not legal"] * bool(illegal)
    texts += ["went bankrupt"] * bool(bankrupt)
    found = {"bankruptcy": bankrupt, "illegal": illegal, "build": built, "clear": cleared, "sale": bool(sold)}
    return next((mark for mark, so in found.items() if so), MARKS[-1]), texts


def _named(scene: Scene, building: Any) -> str:
    """A building with its good and place: "an extractor for wood at (3,4)"."""
    kind = "an extractor" if building["kind"] == st.EXTRACTOR else "a workshop"
    return f"{kind} for {scene.level.goods[int(building['output'])]} at {spot(int(building['tile']), scene.side)}"


def _sold(before: Scene, after: Scene) -> str:
    """What was sold and for how much; empty if nothing was."""
    account = st.GOODS_ACCOUNTS.index("sold")
    was, now = before.me["goods_ledger"][:, account], after.me["goods_ledger"][:, account]
    units = [(name, int(was[k]) - int(now[k])) for k, name in enumerate(after.level.goods)]
    parts = [f"{many} {name}" for name, many in units if many > 0]
    return f"sold {' and '.join(parts)} for {int(after.me['sales'])} coins" if parts else ""


def game_events(
    scenes: Sequence[Scene], *, differs: Sequence[tuple[int, str]], values: Sequence[float] | None
) -> list[Event]:
    """The events of a game in the order of their turns.

    Args:
        scenes: [T + 1], the player's; rivals count with their bankruptcies.
        differs: (turn, words) of the orders that were not greedy's.
        values: value of the best action [T], where a policy played.
    """
    found = [Event(turn, "differs", 0, text) for turn, text in differs]
    for turn in range(1, len(scenes)):
        found += _own_events(scenes[turn - 1], scenes[turn], turn)
        for one, other in zip(scenes[turn - 1].rivals(), scenes[turn].rivals(), strict=True):
            if other.me["bankrupt"] > one.me["bankrupt"]:
                found.append(Event(turn, "bankruptcy", other.seat, f"rival {other.seat} went bankrupt"))
    found += _greatest_loss(scenes, values)
    order = list(KINDS)
    return sorted(found, key=lambda event: (event.turn, order.index(event.kind)))


def _own_events(before: Scene, after: Scene, turn: int) -> list[Event]:
    old, new, found = before.me, after.me, []
    for good, name in enumerate(after.level.goods):
        if old["made_turn"][good] < 0 <= new["made_turn"][good]:
            found.append(Event(turn, "good", 0, f"the first {name}"))
    if old["stage_turn"][st.STAGE_SELL] < 0 <= new["stage_turn"][st.STAGE_SELL]:
        found.append(Event(turn, "sale", 0, f"first sale: {_sold(before, after)}"))
    mark, texts = happened_to(before, after)
    found += [Event(turn, "building", 0, text) for text in texts if text.startswith("began ")]
    if mark in ("illegal", "bankruptcy"):
        found.append(Event(turn, mark, 0, texts[-1]))
    return found


def _greatest_loss(scenes: Sequence[Scene], values: Sequence[float] | None) -> list[Event]:
    """The turn after which the value fell most; of a game without values, in which most cash went."""
    series = [float(scene.me["cash"]) for scene in scenes] if not values else list(values)
    falls = [before - after for before, after in pairwise(series)]
    if not falls or max(falls) <= 0:
        return []
    turn = falls.index(max(falls))
    what, form = ("cash", ".0f") if not values else ("the value", ".2f")
    text = f"greatest loss: {what} fell from {series[turn]:{form}} to {series[turn + 1]:{form}}"
    return [Event(turn + 1, "loss", 0, text)]
