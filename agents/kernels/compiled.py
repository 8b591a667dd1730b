"""How the agents' numeric loops are compiled."""

from __future__ import annotations

from typing import Any

from numba import njit


def fast_kernel(function: Any) -> Any:
    """Compile, keep on disk; sums may be reordered so that they are computed eight at a time."""
    fast = {"reassoc", "contract", "nsz", "arcp"}
    return njit(cache=True, nogil=True, error_model="numpy", fastmath=fast)(function)
