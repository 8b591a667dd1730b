"""Sections of a config: what may be chosen in each, and its ranges."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from omegaconf import MISSING

from envs.waybill.core.state import MAX_SIDE
from experiments.config.choices import need_declared
from experiments.config.errors import need, need_within
from groundwork.errors import WaybillError
from groundwork.nearest import meant

if TYPE_CHECKING:
    from agents.acting.teacher import TeacherSettings

MOST_GAMES = 100_000  # of one measurement
_SEEDS = {"maps": 2**31, "episodes": 2**29}  # of held-out games there are so many


@dataclass
class RewardConfig:
    """A reward function by name, and the discount that its shaping needs: the agent's.

    ``bonus``, in starting cashes, is a number of those rewards whose file has it, as ``milestone``'s has.
    """

    name: str = MISSING
    gamma: float = MISSING
    bonus: float | None = None

    def __post_init__(self) -> None:
        need(0.0 <= self.gamma <= 1.0, "agent.gamma", self.gamma, "0..1")
        need_declared("reward", self.name, "bonus", self.bonus)
        if self.bonus is not None:
            need(0.0 <= self.bonus <= 100.0, "reward.bonus", self.bonus, "0..100 starting cashes")


@dataclass
class ActionsConfig:
    """An action space by name; ``candidates`` is K, the number of slots that a reducer fills; ``cells`` a side are what
    ``buckets`` cuts the map into.

    In training no more than ``candidates_start`` of them are filled at first, and K after a share ``candidates_growth``
    of the run's steps. None: K from the start. Without ``hints`` candidates don't show what is calculated from travel
    times.
    """

    name: str = MISSING
    candidates: int | None = None
    candidates_start: int | None = None
    candidates_growth: float = 0.5
    hints: bool | None = None
    cells: int | None = None

    def __post_init__(self) -> None:
        need_declared("actions", self.name, "cells", self.cells)
        if self.cells is not None:
            need(1 <= self.cells <= MAX_SIDE, "actions.cells", self.cells, f"1..{MAX_SIDE}, at most level.side")
        if self.candidates is not None:
            check_candidates(self.candidates, "actions.candidates")
        need(0.0 <= self.candidates_growth <= 1.0, "actions.candidates_growth", self.candidates_growth, "0..1")
        if self.hints is not None and self.candidates is None:
            raise WaybillError(f"actions.hints={self.hints}: actions={self.name} has no candidates that could show any")
        start = self.candidates_start
        if start is not None and self.candidates is None:
            line = "has no candidates to grow, actions=heuristic and random_k do"
            raise WaybillError(f"actions.candidates_start={start}: actions={self.name} {line}")
        if start is not None and self.candidates is not None:
            allowed = f"2..{self.candidates} (actions.candidates) or null"
            need(2 <= start <= self.candidates, "actions.candidates_start", start, allowed)

    def limit(self, env_step: int, total_steps: int) -> int:
        """Number of candidates that may be proposed in training at that step: rises linearly to K, rounded down."""
        assert self.candidates is not None
        if self.candidates_start is None:
            return self.candidates
        growing = self.candidates_growth * total_steps
        share = 1.0 if env_step >= growing else env_step / growing
        return self.candidates_start + int((self.candidates - self.candidates_start) * share)


def check_candidates(count: int, key: str) -> None:
    """Refuse a number of slots for candidates; ``key`` is the key or flag that says it.

    Raises:
        WaybillError: in one line.
    """
    need(2 <= count <= 256, key, count, "2..256")


@dataclass
class EncodingConfig:
    """A position encoding by name, with the options of its own."""

    name: str = MISSING
    options: dict[str, Any] = field(default_factory=dict)


@dataclass
class EvaluationConfig:
    """When and on which games a policy is measured: a game a map, or a seed where games have no maps (env=gym)."""

    every: int = 50_000  # environment steps
    maps: int = 32
    final_maps: int = 100
    map_seed: int = 0
    episodes: int = 20
    final_episodes: int = 100
    episode_seed: int = 0
    max_steps: int = 27_000
    search: str | None = None

    def __post_init__(self) -> None:
        if self.search is not None:
            from agents.acting.search import LookaheadSettings

            try:
                LookaheadSettings(self.search)
            except WaybillError as error:
                raise WaybillError(f"evaluation.{error}") from None
        need(self.every >= 1, "evaluation.every", self.every, "1 or more environment steps")
        for name in ("maps", "final_maps", "episodes", "final_episodes"):
            check_count(getattr(self, name), f"evaluation.{name}", name.removeprefix("final_"))
        check_first_seed(self.map_seed, "evaluation.map_seed", "maps")
        check_first_seed(self.episode_seed, "evaluation.episode_seed", "episodes")
        need(self.max_steps >= 1, "evaluation.max_steps", self.max_steps, "1 or more steps")


def check_count(count: int, key: str, what: str) -> None:
    """Refuse a number of games to measure on; ``what`` are ``maps`` or ``episodes``, ``key`` is the key or flag.

    Raises:
        WaybillError: in one line.
    """
    need(2 <= count <= MOST_GAMES, key, count, f"2..{MOST_GAMES} {what}")


def check_first_seed(first: int, key: str, what: str) -> None:
    """Refuse the seed of a first held-out map or episode, so that none of so many has a seed meant for others.

    Raises:
        WaybillError: in one line.
    """
    end = _SEEDS[what] - MOST_GAMES
    need(0 <= first < end, key, first, f"0..{end - 1}")


PARTS_SHOWN = (
    "values", "checks", "layers", "exploration", "attribution", "features", "information", "projector", "games",
    "recall",
)  # fmt: skip


@dataclass
class DiagnosticsConfig:
    """Which parts are shown, of how many visited states, and whether pictures are drawn: docs/diagnostics.md."""

    parts: list[str] = field(default_factory=lambda: list(PARTS_SHOWN))
    pictures: bool = True
    states: int = 1024

    def __post_init__(self) -> None:
        for part in self.parts:
            if part not in PARTS_SHOWN:
                known, near = ", ".join(PARTS_SHOWN), meant(part, PARTS_SHOWN)
                raise WaybillError(
                    f"diagnostics.parts={self.parts}: {part!r} is no part{near}, parts are {known}; [] is none"
                )
        need(64 <= self.states <= 2**20, "diagnostics.states", self.states, "64..1048576 visited states")


_TRANSFER_RANGES = {
    "epsilon_start": (0, 1), "shrink_perturb": (0, 1), "teacher": (0, 10**6), "teacher_steps": (1, 10**12),
    "teacher_temperature": (1e-6, 10**6), "teacher_acting": (0, 1),
}  # fmt: skip


@dataclass
class TransferSettings:
    """What a run begins with; ``source`` is ``transfer.from`` for the user. See ``conf/config.yaml``.

    Raises:
        WaybillError: in one line, when a value is out of range, or there is no source to take from.
    """

    source: str | None = None
    mode: str = "full"
    epsilon_start: float | None = 0.3
    shrink_perturb: float = 0.0
    teacher: Any = False  # a weight, or whether the weight is 1
    teacher_steps: int = 100_000
    teacher_temperature: float = 0.1
    teacher_acting: float = 0.0

    def __post_init__(self) -> None:
        from agents.learning.transfer import MODES

        if self.mode not in MODES:
            raise WaybillError(f"transfer.mode={self.mode} is not one of {', '.join(MODES)}{meant(self.mode, MODES)}")
        if not isinstance(self.teacher, bool | int | float):
            raise WaybillError(f"transfer.teacher={self.teacher} is not allowed, it must be true, false or a weight")
        need_within(self, "transfer", _TRANSFER_RANGES)
        if self.teacher_acting > 0 and not self.teaches:
            raise WaybillError(f"transfer.teacher_acting={self.teacher_acting} needs transfer.teacher=true or a weight")
        for name, value, off in (("mode", self.mode, "full"), ("teacher", self.teacher, False)):
            if self.source is None and value != off:
                raise WaybillError(f"transfer.{name}={value} needs transfer.from=RUN, a run folder to take from")

    @property
    def teaches(self) -> bool:
        """True if the source teaches, too. A teacher of weight 0 only acts."""
        return self.teacher is not False

    def teaching(self) -> TeacherSettings | None:
        """How the source teaches; None if it doesn't."""
        if not self.teaches:
            return None
        from agents.acting.teacher import TeacherSettings

        return TeacherSettings(float(self.teacher), self.teacher_temperature, self.teacher_acting, self.teacher_steps)
