"""Whole numbers however they are written: ``steps=1e6`` and ``agent.n_step=5.0`` are meant as 1000000 and 5.

OmegaConf takes no float for an int, and any number for a bool. So configs are composed with a schema that leaves both
open, and read with them made whole.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from experiments.config.errors import need

_hints = typing.cast(Callable[[type[Any]], dict[str, Any]], cache(typing.get_type_hints))


def with_whole_numbers(cls: type[Any], values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A section's values with each float that stands for a whole number where ``cls``, its dataclass, has an int.

    What isn't whole stays as it is, so that the schema refuses it. ``prefix`` comes before the section's keys.

    Raises:
        WaybillError: in one line, for a number where there must be true or false, and for what is not a number.
    """
    hints = _hints(cls)
    return {str(key): _converted(hints.get(str(key)), value, f"{prefix}{key}") for key, value in values.items()}


def with_open_numbers(cls: type[Any], with_target: Sequence[str] = ()) -> type[Any]:
    """A dataclass of the same fields and defaults, without checks, any value where ``cls`` has an int or a bool.

    The sections ``with_target`` may also have a ``_target_``, the part that a file names.
    """
    hints = _hints(cls)
    fields = []
    for own in dataclasses.fields(cls):
        kind = _opened(hints[own.name])
        if own.name in with_target:
            target = ("_target_", str | None, dataclasses.field(default=None))
            kind = dataclasses.make_dataclass(kind.__name__, [target], bases=(kind,))
        if own.default_factory is not dataclasses.MISSING:
            section = own.default_factory is hints[own.name]  # a dataclass, as it is by default
            default: Any = dataclasses.field(default_factory=kind if section else own.default_factory)
        else:
            default = (
                dataclasses.field() if own.default is dataclasses.MISSING else dataclasses.field(default=own.default)
            )
        fields.append((own.name, kind, default))
    return dataclasses.make_dataclass(cls.__name__, fields)


def _converted(kind: Any, value: Any, key: str) -> Any:
    if dataclasses.is_dataclass(kind) and isinstance(value, Mapping):
        return with_whole_numbers(typing.cast(type[Any], kind), value, f"{key}.")
    if isinstance(value, list):
        inner = next(iter(typing.get_args(_alone(kind))), None)
        return [_converted(inner, one, f"{key}[{i}]") for i, one in enumerate(value)]
    if isinstance(value, Mapping):
        inner = next(iter(typing.get_args(_alone(kind))[1:]), None)
        return {name: _converted(inner, one, f"{key}.{name}") for name, one in value.items()}
    if _alone(kind) is bool and isinstance(value, int | float):
        need(isinstance(value, bool), key, value, "true or false")
    if isinstance(value, float):
        need(not math.isnan(value), key, value, "a number")
    if isinstance(value, float) and _alone(kind) is int and value.is_integer():
        return int(value)
    return value


def _alone(kind: Any) -> Any:
    """``X`` of ``X | None``, otherwise the type as it is."""
    if typing.get_origin(kind) not in (types.UnionType, typing.Union):
        return kind
    kinds = [one for one in typing.get_args(kind) if one is not type(None)]
    return kinds[0] if len(kinds) == 1 else kind


def _opened(kind: Any) -> Any:
    if dataclasses.is_dataclass(kind):
        return with_open_numbers(typing.cast(type[Any], kind))
    own = _alone(kind)
    if own in (int, bool):
        return Any
    if typing.get_origin(own) in (list, dict):
        opened = typing.get_origin(own)[tuple(_opened(one) for one in typing.get_args(own))]
        return opened if own is kind else opened | None
    return kind
