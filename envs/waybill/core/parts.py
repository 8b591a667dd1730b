"""Parts found by name: rewards, action spaces, reducers and encodings are marked ``@named`` in a module."""

from __future__ import annotations

from types import ModuleType
from typing import Any, TypeVar

from groundwork.errors import WaybillError
from groundwork.modules import import_object

P = TypeVar("P")


def named(part: P) -> P:
    """Mark a function or a class as a part that configs find by its name, a class by its name in lower case."""
    part.part_name = part.__name__.lower()  # type: ignore[attr-defined]
    return part


def parts_of(*modules: ModuleType) -> dict[str, Any]:
    """The parts marked in modules, by their names; a class does not inherit the mark."""
    found = [thing for module in modules for thing in vars(module).values()]
    marked = [thing for thing in found if "part_name" in getattr(thing, "__dict__", ())]
    return {part.part_name: part for part in marked}


def find_part(name: str, key: str, *modules: ModuleType) -> Any:
    """The part of that name in one of the modules, or of a user's own by ``module.name``; ``key`` is what a config
    calls such a part.

    Raises:
        WaybillError: in one line, for an unknown name with the known ones, or if there is no such module or part.
    """
    if "." in name:
        return import_object(name, f"{key}={name}")
    known = parts_of(*modules)
    if name not in known:
        raise WaybillError(f"{key}={name!r} is unknown, known are {', '.join(sorted(known))}")
    return known[name]
