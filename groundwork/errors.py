"""What Waybill raises on purpose."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class WaybillError(ValueError):
    """A mistake of the user's, found by Waybill: one line with the value, where it came from and what is allowed.

    Commands print that line alone. Any other exception is a bug, of the user's own code or of ours, and keeps its
    traceback.
    """


class NotFiniteError(WaybillError):
    """Training cannot go on from numbers that are not finite.

    Args:
        line: what is not finite, where it came from, what to do.
        evidence: what was there, as tensors, arrays and plain data.
        diverged: True if the learner's own numbers have come to it, so that its state is not worth keeping.
    """

    def __init__(self, line: str, *, evidence: Mapping[str, Any], diverged: bool) -> None:
        super().__init__(line)
        self.evidence, self.diverged = dict(evidence), diverged
