"""The curriculum's settings: which levels training goes through, and when it moves up."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from envs.waybill.core import levels
from envs.waybill.core.levels import LevelConfig
from experiments.config.errors import need
from groundwork.errors import WaybillError


@dataclass
class CurriculumConfig:
    """The levels that training goes through before the run's own, and when it moves up. See ``conf/curriculum``.

    ``least_steps`` and ``most_steps`` are shares of the run's steps. ``numbers`` are the easier levels as their files
    were when the config was first read, so that a run goes on with them. Without a curriculum nothing may be set.
    """

    name: str = "none"
    levels: list[str] | None = None
    replay_share: float = 0.25
    mastered: float = 1.0
    made: float = 0.0
    least_steps: float = 0.01
    most_steps: float = 0.15
    shrink_perturb: float = 0.0
    own_advice: bool = True
    numbers: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        if not self.moves_up:
            for own in dataclasses.fields(self):
                value = getattr(self, own.name)
                if own.name != "name" and value != own.default:
                    raise WaybillError(f"curriculum.{own.name}={value} needs curriculum=ladder")
        for name in ("replay_share", "shrink_perturb"):
            need(0.0 <= getattr(self, name) <= 1.0, f"curriculum.{name}", getattr(self, name), "0..1")
        need(0.0 <= self.mastered <= 100.0, "curriculum.mastered", self.mastered, "0..100 times greedy's score")
        need(0.0 <= self.made <= 10_000.0, "curriculum.made", self.made, "0..10000 units a game")
        need(0.0 <= self.most_steps <= 1.0, "curriculum.most_steps", self.most_steps, "0..1 of the run's steps")
        allowed = f"0..{self.most_steps:g} (curriculum.most_steps)"
        need(0.0 <= self.least_steps <= self.most_steps, "curriculum.least_steps", self.least_steps, allowed)

    @property
    def moves_up(self) -> bool:
        """True if there is a curriculum."""
        return self.name != "none"

    def ladder(self, own: LevelConfig) -> list[LevelConfig]:
        """The levels of a run on level ``own``, in the order of training; the last is ``own``.

        Raises:
            WaybillError: in one line, if there are no such levels, or no steps would be left for the last.
        """
        if not self.moves_up:
            return [own]
        found = [*(self._load(name) for name in self._below(own)), own]
        share = self.most_steps * (len(found) - 1)
        if share >= 1.0:
            line = f"{len(found) - 1} levels may take all steps, none would be left for level={own.name}"
            raise WaybillError(f"curriculum.most_steps={self.most_steps:g}: {line}")
        return found

    def _below(self, own: LevelConfig) -> Sequence[str]:
        if self.levels is None:
            if self.numbers is not None:
                return list(self.numbers)
            if own.rung is None:
                line = "is not on the ladder (it has no rung), give curriculum.levels=[...]"
                raise WaybillError(f"curriculum={self.name}: level={own.name} {line}")
            return [name for name in levels.ladder() if (levels.load_level(name).rung or 0) < own.rung]
        if not self.levels or self.levels[-1] != own.name or len(set(self.levels)) < len(self.levels):
            named = ",".join(self.levels)
            raise WaybillError(f"curriculum.levels=[{named}] must name each level once and end with level={own.name}")
        return self.levels[:-1]

    def _load(self, name: str) -> LevelConfig:
        try:
            if self.numbers is not None and name in self.numbers:
                return levels.from_mapping(self.numbers[name], "curriculum.numbers")
            return levels.load_level(name)
        except WaybillError as error:
            raise WaybillError(f"curriculum.levels: {error}") from None
