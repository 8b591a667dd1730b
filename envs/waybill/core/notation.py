"""Orders in plain words, as records keep them: {"order": "haul", "cart": "new", "tile": [4, 1], "target": [4, 4]}."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import numpy as np

from envs.waybill.core import state as st
from envs.waybill.core.levels import LevelConfig
from groundwork.errors import WaybillError

_WORDS = (*st.VERBS, "none")  # the last one is verb -1: an empty slot of a reducer was chosen
_ARGUMENTS = ((), ("tile",), ("recipe", "tile"), ("cart", "tile", "target"), ("tile",), ())  # by verb
_KINDS = {str: "text", int: "an integer", list: "a list", dict: "an object"}


def recipe_names(level: LevelConfig) -> list[str]:
    """Names of a level's recipes: their output, numbered where two recipes give the same."""
    outputs = [recipe.output for recipe in level.recipes]
    return [good if outputs.count(good) == 1 else f"{good} #{i}" for i, good in enumerate(outputs)]


def order_to_words(order: Any, level: LevelConfig) -> dict[str, Any]:
    """An ORDER record as plain values: verb word, tiles as [row, column], recipe name, cart number or "new".

    Raises:
        WaybillError: for an unknown verb.
    """
    verb, recipe, cart = int(order["verb"]), int(order["recipe"]), int(order["cart"])
    if not -1 <= verb < len(st.VERBS):
        raise WaybillError(f"verb {verb} is not an order, allowed are -1..{len(st.VERBS) - 1}")
    values = {
        "recipe": recipe_names(level)[recipe] if 0 <= recipe < len(level.recipes) else recipe,
        "cart": "new" if cart == st.NEW_CART else cart,
        "tile": list(divmod(int(order["tile"]), level.side)),
        "target": list(divmod(int(order["target"]), level.side)),
    }
    return {"order": _WORDS[verb]} | {key: values[key] for key in _ARGUMENTS[verb]}


def order_from_words(words: dict[str, Any], level: LevelConfig, where: str) -> Any:
    """The ORDER record of plain values (see ``order_to_words``).

    Raises:
        WaybillError: in one line that starts with ``where``.
    """
    verb = words.get("order")
    if verb not in _WORDS:
        raise WaybillError(f"{where}: unknown order {verb!r}, known are {', '.join(_WORDS)}")
    order = np.zeros(1, st.ORDER)
    order["verb"], order["tile"], order["target"] = (*range(len(st.VERBS)), -1)[_WORDS.index(verb)], -1, -1
    for key in _ARGUMENTS[_WORDS.index(verb)]:
        value = words.get(key)
        if key in ("tile", "target"):
            place = checked(words, key, list, where)
            if len(place) != 2 or not all(type(number) is int for number in place):
                raise WaybillError(f"{where}: {key}={value!r} is not [row, column]")
            value = place[0] * level.side + place[1]
        elif key == "recipe" and value in recipe_names(level):
            value = recipe_names(level).index(value)
        elif key == "cart" and value == "new":
            value = st.NEW_CART
        limit = np.iinfo(order[key].dtype)
        if type(value) is not int or not limit.min <= value <= limit.max:
            raise WaybillError(f"{where}: {key}={words.get(key)!r} is not one of this level's")
        order[key] = value
    return order[0]


def turn_to_words(orders: Any, level: LevelConfig) -> dict[str, Any]:
    """The order of one company, or the orders of several [seats], as plain values."""
    if not level.rivals:
        return order_to_words(orders, level)
    return {"orders": [order_to_words(order, level) for order in orders]}


def turn_from_words(words: dict[str, Any], level: LevelConfig, where: str) -> Any:
    """The ORDER record, or array [seats], of plain values as ``turn_to_words`` gives them.

    Raises:
        WaybillError: in one line that starts with ``where``.
    """
    if not level.rivals:
        return order_from_words(words, level, where)
    given, seats = checked(words, "orders", list, where), 1 + len(level.rivals)
    if len(given) != seats or not all(isinstance(order, dict) for order in given):
        raise WaybillError(f"{where}: orders is not a list of {seats} objects, one a company")
    return np.array([order_from_words(order, level, f"{where}: seat {seat}") for seat, order in enumerate(given)])


def read_object(line: str, where: str) -> dict[str, Any]:
    """The JSON object on a line.

    Raises:
        WaybillError: in one line that starts with ``where``.
    """
    with suppress(ValueError, RecursionError):
        if isinstance(values := json.loads(line), dict):
            return values
    raise WaybillError(f"{where}: not a JSON object, the file is cut off or damaged")


def checked(values: dict[str, Any], key: str, kind: type, where: str) -> Any:
    """The value of a key, which must be of a kind.

    Raises:
        WaybillError: in one line that starts with ``where``.
    """
    value = values.get(key)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise WaybillError(f"{where}: {key}={value!r} is not {_KINDS[kind]}")
    return value
