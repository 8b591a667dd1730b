"""Arms of a study: names for lists of overrides, for what no product of single keys can say.

``conf/experiment/*.yaml`` names them under ``arms``; ``arm=NAME`` stands for its overrides, in a sweep or in one run,
and stays in the run's config as what it is called. A sweep of an experiment with arms goes through all of them unless
the command line chooses some.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from experiments.config.keys import key_of
from groundwork.errors import WaybillError

ARM = "arm"


def expand_arms(overrides: Sequence[str], arms: Mapping[str, Any]) -> list[str]:
    """The overrides with those of ``arm=NAME`` put before it, so that what the command line says after it wins.

    Raises:
        WaybillError: in one line, if there is no such arm, or it is no list of overrides.
    """
    found: list[str] = []
    for override in overrides:
        if key_of(override) == ARM:
            found += _overrides_of(override.partition("=")[2], arms)
        found.append(override)
    return found


def _overrides_of(name: str, arms: Mapping[str, Any]) -> list[str]:
    if name == "null":
        return []
    if name not in arms:
        known = f"known are {', '.join(arms)}" if arms else "arms belong to an experiment that has some"
        raise WaybillError(f"arm={name}: there is no such arm, {known}")
    given = arms[name]
    if not isinstance(given, list) or not all(isinstance(one, str) and "=" in one for one in given):
        raise WaybillError(f"arms.{name}={given}: it must be a list of overrides, key=value each")
    return list(given)


def all_of(arms: Mapping[str, Any], overrides: Sequence[str]) -> list[str]:
    """The override that a sweep needs to go through all arms; none if there are no arms, or some are chosen."""
    if not arms or any(key_of(override) == ARM for override in overrides):
        return []
    return [f"{ARM}={','.join(arms)}"]
