"""How the engine is compiled: Numba, cached on disk, one cache folder per version of the sources.

Numba notices a changed function only in the file that changed, not in the compiled callers elsewhere. So the cache
lives in a folder named by a hash of all engine sources: a stale cache cannot be read.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])
_HERE = Path(__file__).resolve().parent
_NOT_COMPILED = {"__init__", "levels", "notation", "record", "raw_spaces", "batch", "env", "parallel"}


def _hash_of(names: Iterable[str]) -> str:
    digest = hashlib.sha256(numba.__version__.encode())
    for name in names:
        digest.update(name.encode() + (_HERE / f"{name}.py").read_bytes())
    return digest.hexdigest()[:16]


@cache
def fingerprint() -> str:
    """Hash of all compiled sources and of Numba's version, 16 hex digits."""
    return _hash_of(sorted(path.stem for path in _HERE.glob("*.py") if path.stem not in _NOT_COMPILED))


@cache
def rules_fingerprint() -> str:
    """Hash of what decides how a game goes, 16 hex digits: a record made under another one may not replay."""
    return _hash_of(("state", "maps", "books", "sight", "orders", "tick", "rules"))


def _cache_folder() -> Path:
    return _HERE / "__pycache__" / f"numba-{fingerprint()}"


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


def named(function: F) -> F:
    """Mark a reward, reducer or encoding as a part that configs find by its function's name."""
    function.is_part = True  # type: ignore[attr-defined]
    return function


def find_part(module: ModuleType, name: str, key: str, others: tuple[str, ...] = ()) -> Any:
    """The part of that name in a module; ``others`` are names that are allowed without being a function.

    Raises:
        ValueError: for an unknown name, in one line with the known ones.
    """
    known = {n: f for n, f in vars(module).items() if getattr(f, "is_part", False)}
    if name in known:
        return known[name]
    raise ValueError(f"{key}={name!r} is unknown, known are {', '.join(sorted([*known, *others]))}")


class Threads:
    """Runs a batch pass over slices of the games side by side. Results do not depend on the number of threads.

    Args:
        count: threads to use, at least 1.
    """

    smallest_slice = 32

    def __init__(self, count: int) -> None:
        self.count = max(1, count)
        self._pool = ThreadPoolExecutor(self.count - 1) if self.count > 1 else None

    def run(self, games: int, function: Callable[[int, int, int], None]) -> None:
        """Call ``function(low, high, thread)`` on slices that cover ``range(games)``."""
        parts = min(self.count, max(1, games // self.smallest_slice))
        if self._pool is None or parts == 1:
            function(0, games, 0)
            return
        edges = [games * i // parts for i in range(parts + 1)]
        waiting = [self._pool.submit(function, edges[i], edges[i + 1], i) for i in range(1, parts)]
        function(edges[0], edges[1], 0)
        for future in waiting:
            future.result()

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown()
