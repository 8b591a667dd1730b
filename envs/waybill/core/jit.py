"""How the engine is compiled: by Numba, kept on disk, anew when what a function is made of changes."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from groundwork import compiled_code
from groundwork.compiled_code import F
from groundwork.sources import hash_of_folders

_ENGINE = Path(__file__).resolve().parents[1]
_RULES = ("core", "maps", "rules")

# Without Numba's own memory management: what would allocate does not compile, and views of arrays that threads share
# are not counted, which cost a quarter of the time.
# No wrapper for calls from C: nobody calls these so, and it costs a twentieth of the compiling.
_NO_MEMORY: dict[str, Any] = {"error_model": "numpy", "_nrt": False, "no_cfunc_wrapper": True}


@cache
def rules_fingerprint() -> str:
    """Hash of what decides how a game goes, 16 hex digits: a record made under another one may not replay."""
    return hash_of_folders(_ENGINE, _RULES)


def jit(function: F) -> F:
    """Compile a rule: called from other compiled code, or on a single record.

    It is inlined into its callers: a pool of maps is passed as some eighty machine words, which calls would copy.
    """
    return compiled_code.compile_lazily(function, **_NO_MEMORY, forceinline=True)


def called(function: F) -> F:
    """Compile a large rule that is used in many places: it is called, not inlined, or compiling takes minutes."""
    return compiled_code.compile_lazily(function, **_NO_MEMORY)


def kernel(function: F) -> F:
    """Compile a batch pass over games ``low..high-1``; it gives up Python's lock, so threads share a batch."""
    return compiled_code.compile_lazily(function, **_NO_MEMORY, nogil=True)


def allocating(function: F) -> F:
    """Compile what may allocate: drawing maps, which happens outside the games."""
    return compiled_code.compile_lazily(function, error_model="numpy", nogil=True)
