"""The section ``transfer`` of a config: numbers and their ranges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from experiments.config.errors import need_within
from groundwork.errors import WaybillError
from groundwork.nearest import meant

if TYPE_CHECKING:
    from agents.acting.teacher import TeacherSettings

_RANGES = {
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
        need_within(self, "transfer", _RANGES)
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
