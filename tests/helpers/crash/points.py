"""Named moments at which a training's process ends itself by SIGKILL: the windows that random kills rarely hit.

python tests/helpers/crash/points.py POINT COUNT train.py WORD … runs the command until it comes to the point for the
COUNT-th time. Nothing in Waybill knows of points: the calls to the system are watched.
"""

from __future__ import annotations

import os
import re
import runpy
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple


class Point(NamedTuple):
    """A moment: before or after a call whose file matches."""

    call: str  # fsync, replace or unlink
    file: str  # a regular expression for the name of the file (of a replacement: of the new one)
    after: bool
    seldom: bool = False  # it comes once in a training, or not in each


def written(name: str) -> dict[str, Point]:
    """The moments of a file that is written whole."""
    temporary = rf"\.{name}\.\d+\.tmp"
    return {
        "temporary written": Point("fsync", temporary, after=False),
        "temporary synced": Point("fsync", temporary, after=True),
        "in place": Point("replace", name, after=True),
    }


FILES = {
    "last.pt": r"last\.pt", "memory": r"\d+\.pt", "policy": r"policy\.safetensors", "result": r"result\.json",
}  # fmt: skip
POINTS: dict[str, Point] = {
    **{f"{file}: {name}": point for file, pattern in FILES.items() for name, point in written(pattern).items()},
    "last.pt: the one before is kept": Point("replace", r"previous\.pt", after=True),
    "last.pt: folder synced": Point("fsync", "run", after=True),
    "memory: folder synced": Point("fsync", "memory", after=True),
    "memory: a file is removed": Point("unlink", r"\d+\.pt", after=True),
    "curves: before they are synced": Point("fsync", r"events\.out.*", after=False),
    "curves: synced, last.pt is not in place": Point("fsync", r"events\.out.*", after=True),
}
ONCE = ("result: temporary written", "result: temporary synced", "result: in place")


def watch(point: Point, count: int) -> None:
    """Let this process end at the ``count``-th time that it comes to the point."""
    left = [count]

    def watched(real: Callable[..., Any], name_of: Callable[..., str]) -> Callable[..., Any]:
        def call(*given: Any, **more: Any) -> Any:
            here = re.fullmatch(point.file, name_of(*given)) is not None
            left[0] -= here
            if here and left[0] == 0 and not point.after:
                os.kill(os.getpid(), signal.SIGKILL)
            done = real(*given, **more)
            if here and left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return done

        return call

    if point.call == "fsync":
        os.fsync = watched(os.fsync, lambda handle: Path(os.readlink(f"/proc/self/fd/{handle}")).name)
    elif point.call == "replace":
        os.replace = watched(os.replace, lambda old, new: Path(new).name)
    else:
        Path.unlink = watched(Path.unlink, lambda path, *given: path.name)  # type: ignore[method-assign]


if __name__ == "__main__":
    watch(POINTS[sys.argv[1]], int(sys.argv[2]))
    sys.argv = sys.argv[3:]
    sys.path[0] = str(Path(sys.argv[0]).resolve().parent)
    runpy.run_path(sys.argv[0], run_name="__main__")
