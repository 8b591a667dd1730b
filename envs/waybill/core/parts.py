"""Parts found by name: rewards, reducers and encodings are functions marked ``@named`` in a module."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from envs.waybill.core.jit import F


def named(function: F) -> F:
    """Mark a reward, reducer or encoding as a part that configs find by its function's name."""
    function.is_part = True  # type: ignore[attr-defined]
    return function


def find_part(module: ModuleType, name: str, key: str, others: tuple[str, ...] = ()) -> Any:
    """The part of that name in a module; ``others`` are names that are allowed without being a function.

    Raises:
        ValueError: for an unknown name, in one line with the known ones.
    """
    known = {n: f for n, f in vars(module).items() if getattr(f, "is_part", False)}
    if name in known:
        return known[name]
    raise ValueError(f"{key}={name!r} is unknown, known are {', '.join(sorted([*known, *others]))}")
