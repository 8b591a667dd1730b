"""What is shown of a run beside its scores."""

from __future__ import annotations

from dataclasses import dataclass, field

from experiments.config.errors import need
from groundwork.errors import WaybillError

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
                known = ", ".join(PARTS_SHOWN)
                raise WaybillError(
                    f"diagnostics.parts={self.parts}: {part!r} is no part, parts are {known}; [] is none"
                )
        need(64 <= self.states <= 2**20, "diagnostics.states", self.states, "64..1048576 visited states")
