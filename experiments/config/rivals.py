"""The keys ``rivals`` and ``selfplay`` of a config: who plays the other companies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from envs.waybill.core.levels import RIVALS as RULES
from envs.waybill.core.state import MAX_SEATS
from experiments.config.errors import need_within
from groundwork.errors import WaybillError

SELF = "self"
STAND_IN = "greedy"  # the rule that stands for a policy where only rules can play, or are foreseen

_RANGES = {"snapshot_every": (1, 10**12), "pool": (1, 1000), "latest_share": (0, 1), "league_share": (0, 1)}


@dataclass
class SelfplaySettings:
    """How the pool of past snapshots is filled and drawn from. See ``conf/config.yaml``.

    Raises:
        WaybillError: in one line, when a value is out of range.
    """

    snapshot_every: int = 25_000
    pool: int = 8
    latest_share: float = 0.5
    league: list[str] = field(default_factory=list)
    league_share: float = 0.3

    def __post_init__(self) -> None:
        need_within(self, "selfplay", _RANGES)
        for player in self.league:
            if player == SELF or (player in RULES and player != STAND_IN):
                raise WaybillError(f"selfplay.league={player} is not allowed, it must be {STAND_IN} or a run folder")
        if len(set(self.league)) < len(self.league):
            raise WaybillError(f"selfplay.league={','.join(self.league)} is not allowed, it must name each once")


def check_rivals(rivals: Sequence[str], key: str) -> None:
    """Refuse rivals that are more or fewer than a game has seats for; ``key`` is the key or flag that names them.

    Raises:
        WaybillError: in one line.
    """
    if not 1 <= len(rivals) < MAX_SEATS or not all(rivals):
        given = ",".join(rivals)
        allowed = f"1..{MAX_SEATS - 1} of {', '.join(RULES)}, {SELF} or a run folder"
        raise WaybillError(f"{key}=[{given}] is not allowed, it must be {allowed}")


def placeholders(rivals: Sequence[str]) -> list[str]:
    """The rules of a level with these rivals: policies play from outside, and whoever plans counts on greedy there."""
    return [rival if rival in RULES else STAND_IN for rival in rivals]
