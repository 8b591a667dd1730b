"""Orders as a person types them: ``haul 0 3 4 to 5 6``, or the number that the list gives them."""

from __future__ import annotations

import re
from typing import Any

from envs.waybill.core import state as st
from envs.waybill.core.levels import LevelConfig
from envs.waybill.core.notation import recipe_names
from groundwork.errors import WaybillError

FORMS = {
    "pass": "pass",
    "extract": "extract ROW COLUMN",
    "workshop": "workshop GOOD ROW COLUMN",
    "haul": "haul new|CART ROW COLUMN to ROW COLUMN",
    "dismantle": "dismantle ROW COLUMN",
}


def order_words(text: str, level: LevelConfig) -> dict[str, Any]:
    """What is typed as the plain values of ``core/notation.py``; brackets and commas count as blanks.

    Raises:
        WaybillError: in one line that says how such an order is written.
    """
    words = re.sub(r"[(),\[\]]", " ", text).split()
    verb = words[0].lower() if words else ""
    if verb not in FORMS:
        raise WaybillError(f"{text.strip()!r} is no order, they are {', '.join(st.VERBS)}; type help")
    rest = [word for word in words[1:] if word.lower() not in ("to", "from", "with", "cart", "at")]
    wanted = {"pass": 0, "extract": 2, "workshop": 3, "haul": 5, "dismantle": 2}[verb]
    if verb == "workshop" and len(rest) > wanted:  # names of goods may have several words
        rest = [" ".join(rest[:-2]), *rest[-2:]]
    if len(rest) != wanted:
        raise WaybillError(f"{text.strip()!r} is not written as {FORMS[verb]!r}")
    found: dict[str, Any] = {"order": verb}
    if verb == "workshop":
        found["recipe"], rest = rest[0], rest[1:]
        if found["recipe"] not in recipe_names(level):
            made = ", ".join(recipe_names(level)) or "nothing"
            raise WaybillError(f"there is no workshop for {found['recipe']!r}, this level makes {made}")
    if verb == "haul":
        found["cart"] = "new" if rest[0].lower() == "new" else _number(rest[0], text, verb)
        rest = rest[1:]
    numbers = [_number(word, text, verb) for word in rest]
    for name, place in zip(("tile", "target"), (numbers[:2], numbers[2:]), strict=True):
        if place:
            if not all(0 <= number < level.side for number in place):
                raise WaybillError(
                    f"({place[0]},{place[1]}) is not on the map, rows and columns are 0..{level.side - 1}"
                )
            found[name] = place
    return found


def _number(word: str, text: str, verb: str) -> int:
    if not (word.isascii() and word.isdigit()):
        raise WaybillError(f"{text.strip()!r}: {word!r} is no number, it is written as {FORMS[verb]!r}")
    return int(word)
