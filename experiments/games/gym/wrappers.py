"""Wrappers around a game, as a config names them: Gymnasium's own, or classes of any module."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium

from groundwork.blame import passed_users_code
from groundwork.errors import WaybillError
from groundwork.modules import import_object

Wrappers = Sequence[Any]  # each a name, or {name: keyword arguments}


def wrapped(env: gymnasium.Env, wrappers: Wrappers, key: str = "env.wrappers") -> gymnasium.Env:
    """A game in ``wrappers``, the first of them next to the game; ``key`` is where the config names them.

    Raises:
        WaybillError: in one line, for a wrapper that there is not, or that refuses the game or its arguments.
    """
    for name, arguments in (read_wrapper(given, key) for given in wrappers):
        wrapper = _find(name, key)
        try:
            env = wrapper(env, **arguments)
        except Exception as error:
            if passed_users_code(error):
                raise
            line = " ".join(str(error).split())[:300] or type(error).__name__
            raise WaybillError(f"{key}={name}: {line}") from None
    return env


def read_wrapper(given: Any, key: str = "env.wrappers") -> tuple[str, dict[str, Any]]:
    """Name and arguments of a wrapper as a config gives it.

    Raises:
        WaybillError: in one line, if it is neither a name nor one name with arguments.
    """
    if isinstance(given, str):
        return given, {}
    if isinstance(given, Mapping) and len(given) == 1:
        (name, arguments), *_ = given.items()
        if isinstance(arguments, Mapping) or arguments is None:
            return str(name), dict(arguments or {})
    raise WaybillError(f"{key}: {given!r} is not allowed, each is a name or {{name: {{argument: value}}}}")


def _find(name: str, key: str) -> Any:
    if "." in name or ":" in name:
        return import_object(name.replace(":", "."), f"{key}={name}")
    if name not in gymnasium.wrappers.__all__:
        own = ", ".join(known for known in gymnasium.wrappers.__all__ if known[0].isupper())
        raise WaybillError(f"{key}={name}: unknown, allowed are module.Class and Gymnasium's: {own}")
    return getattr(gymnasium.wrappers, name)
