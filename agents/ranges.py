"""The ranges of settings' numbers, checked with messages that name the key."""

from __future__ import annotations

from collections.abc import Mapping

from groundwork.errors import WaybillError

Ranges = Mapping[str, tuple[float, float]]  # lowest and highest value allowed, by the setting's name


def check_ranges(settings: object, group: str, ranges: Ranges) -> None:
    """Check those settings of a config group that have a range; one that is None or absent is left out.

    Raises:
        WaybillError: in one line, for the first that lies outside.
    """
    for name, (low, high) in ranges.items():
        value = getattr(settings, name, None)
        if value is not None and not low <= value <= high:
            raise WaybillError(f"{group}.{name}={value} is not in {low:g}..{high:g}")
