"""How the engine is compiled: Numba, cached on disk, one cache folder per version of the sources.

Numba notices a changed function only in the file that changed, not in the compiled callers elsewhere. So the cache
lives in a folder named by a hash of all engine sources: a stale cache cannot be read.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])
_ENGINE = Path(__file__).resolve().parents[1]
_COMPILED = ("core", "maps", "rules", "rewards", "forecasts", "actions", "observation", "players")  # rooms
_RULES = ("core", "maps", "rules")


def _hash_of(rooms: Iterable[str]) -> str:
    digest = hashlib.sha256(numba.__version__.encode())
    for room in rooms:
        for path in sorted((_ENGINE / room).rglob("*.py")):
            digest.update(path.relative_to(_ENGINE).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:16]


@cache
def fingerprint() -> str:
    """Hash of all compiled sources and of Numba's version, 16 hex digits."""
    return _hash_of(_COMPILED)


@cache
def rules_fingerprint() -> str:
    """Hash of what decides how a game goes, 16 hex digits: a record made under another one may not replay."""
    return _hash_of(_RULES)


def _cache_folder() -> Path:
    return _ENGINE / "__pycache__" / f"numba-{fingerprint()}"


def _use_cache_folder() -> None:
    folder = _cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return  # a read-only installation: Numba falls back to the user's own cache folder
    if not os.access(folder, os.W_OK):
        return
    for old in folder.parent.glob("numba-*"):
        if old != folder:
            shutil.rmtree(old, ignore_errors=True)
    vars(numba.config)["CACHE_DIR"] = str(folder)


_use_cache_folder()

_njit: Any = numba.njit
_OPTIONS = {"cache": True, "error_model": "numpy"}
# Without Numba's own memory management: what would allocate does not compile, and views of arrays that threads share
# are not counted, which cost a quarter of the time.
_NO_MEMORY = {"_nrt": False}


def jit(function: F) -> F:
    """Compile a rule: called from other compiled code, or on a single record.

    It is inlined into its callers: a pool of maps is passed as some eighty machine words, which calls would copy.
    """
    return cast(F, _njit(**_OPTIONS, **_NO_MEMORY, forceinline=True)(function))


def called(function: F) -> F:
    """Compile a large rule that is used in many places: it is called, not inlined, or compiling takes minutes."""
    return cast(F, _njit(**_OPTIONS, **_NO_MEMORY)(function))


def kernel(function: F) -> F:
    """Compile a batch pass over games ``low..high-1``; it gives up Python's lock, so threads share a batch."""
    return cast(F, _njit(**_OPTIONS, **_NO_MEMORY, nogil=True)(function))


def allocating(function: F) -> F:
    """Compile what may allocate: drawing maps, which happens outside the games."""
    return cast(F, _njit(**_OPTIONS, nogil=True)(function))
