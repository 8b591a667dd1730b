"""How the engine is compiled: by Numba, kept on disk, anew whenever one of its sources changes."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from compilation.cache import CompiledPackage, F, hash_of_sources

_ENGINE = Path(__file__).resolve().parents[1]
_RULES = ("core", "maps", "rules")
_COMPILED = (*_RULES, "rewards", "forecasts", "actions", "observation", "players")
_CODE = CompiledPackage(_ENGINE, _COMPILED)

# Without Numba's own memory management: what would allocate does not compile, and views of arrays that threads share
# are not counted, which cost a quarter of the time.
_NO_MEMORY: dict[str, Any] = {"error_model": "numpy", "_nrt": False}


def fingerprint() -> str:
    """Hash of all compiled sources of the engine and of Numba's version, 16 hex digits."""
    return _CODE.fingerprint


@cache
def rules_fingerprint() -> str:
    """Hash of what decides how a game goes, 16 hex digits: a record made under another one may not replay."""
    return hash_of_sources(_ENGINE, _RULES)


def jit(function: F) -> F:
    """Compile a rule: called from other compiled code, or on a single record.

    It is inlined into its callers: a pool of maps is passed as some eighty machine words, which calls would copy.
    """
    return _CODE.jit(function, **_NO_MEMORY, forceinline=True)


def called(function: F) -> F:
    """Compile a large rule that is used in many places: it is called, not inlined, or compiling takes minutes."""
    return _CODE.jit(function, **_NO_MEMORY)


def kernel(function: F) -> F:
    """Compile a batch pass over games ``low..high-1``; it gives up Python's lock, so threads share a batch."""
    return _CODE.jit(function, **_NO_MEMORY, nogil=True)


def allocating(function: F) -> F:
    """Compile what may allocate: drawing maps, which happens outside the games."""
    return _CODE.jit(function, error_model="numpy", nogil=True)
