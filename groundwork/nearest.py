"""What may have been meant by a name that isn't known."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path


def meant(given: object, known: Iterable[object]) -> str:
    """The nearest known name as " (is X meant?)"; nothing if none is near."""
    near = difflib.get_close_matches(str(given), [str(name) for name in known], n=1)
    return f" (is {near[0]} meant?)" if near else ""


def meant_path(given: str | Path, known: Iterable[object] = ()) -> str:
    """The same for a file or folder that isn't there, by what lies beside it; or one of the ``known`` names."""
    path = Path(given)
    try:
        beside = [str(path.with_name(one.name)) for one in path.parent.iterdir() if not one.name.startswith(".")]
    except (OSError, ValueError):
        beside = []
    return meant(given, [*map(str, known), *beside])
