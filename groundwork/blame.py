"""Whose code an exception comes from: Waybill's, a library's, or the user's own."""

from __future__ import annotations

import sysconfig
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_OURS = ("agents", "envs", "experiments", "groundwork", "hydra_plugins")
_DOORS = ("train.py", "evaluate.py", "replay.py", "report.py", "tune.py", "diagnose.py", "play.py", "share.py")
_LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")})


def is_ours(error: BaseException) -> bool:
    """True if the code nearest to where an exception was raised, libraries aside, is Waybill's."""
    owners = [_owner(frame.filename) for frame in traceback.extract_tb(error.__traceback__)]
    return next((owner == "ours" for owner in reversed(owners) if owner != "library"), False)


def passed_users_code(error: BaseException) -> bool:
    """True if an exception came through code that is neither Waybill's nor a library's."""
    return any(_owner(frame.filename) == "user" for frame in traceback.extract_tb(error.__traceback__))


def _owner(filename: str) -> str:
    path = Path(filename)
    if path.is_relative_to(ROOT) and path.relative_to(ROOT).parts[0] in (*_OURS, *_DOORS):
        return "ours"
    return "library" if is_library(filename) else "user"


def is_our_module(name: str) -> bool:
    """True for a module of Waybill's, or anything in one, by its dotted name."""
    return name.partition(".")[0] in _OURS


def is_library(filename: str) -> bool:
    """True for a file of Python's own or of an installed package, and for code that has no file.

    Waybill's own packages are no library, wherever they are installed.
    """
    path = Path(filename)
    if path.is_relative_to(ROOT) and path.relative_to(ROOT).parts[0] in _OURS:
        return False
    return filename.startswith((*_LIBRARIES, "<"))
