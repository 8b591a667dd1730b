"""How a policy is to think before it acts, from a command's flags."""

from __future__ import annotations

from agents.acting.search import LookaheadSettings
from groundwork.errors import WaybillError


def lookahead_of(search: str | None, **numbers: int | None) -> LookaheadSettings | None:
    """Settings from ``--search`` and ``--search-NAME``; None if the policy acts at once.

    Raises:
        WaybillError: in one line that names the flag, for what is not allowed.
    """
    given = {name: value for name, value in numbers.items() if value is not None}
    if search is not None:
        try:
            return LookaheadSettings(search, **given)
        except WaybillError as error:
            raise WaybillError(f"--{error}") from None
    for name, value in given.items():
        raise WaybillError(f"--search-{name}={value} needs --search, how long to think")
    return None
