"""How the agents' numeric loops are compiled: by Numba, kept on disk, anew whenever one of these files changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from compilation.cache import CompiledPackage, F

_CODE = CompiledPackage(Path(__file__).resolve().parents[1], ("kernels",))


def fast_kernel(function: Any) -> Any:
    """Compile a loop over numbers; its sums may be reordered so that they are computed eight at a time."""
    fast = {"reassoc", "contract", "nsz", "arcp"}
    return _CODE.jit(function, nogil=True, error_model="numpy", fastmath=fast)


def exact_kernel(function: F) -> F:
    """Compile a loop that gives the same to the bit as Python would: copying, counting, sums in their order."""
    return _CODE.jit(function, nogil=True)
