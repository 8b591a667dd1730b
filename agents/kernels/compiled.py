"""How the agents' numeric loops are compiled: by Numba, kept on disk, anew when what they are made of changes.

``x[i] = x[i] if … else 0`` and ``x[i] = max(x[i], …)`` become stores under a mask, which some processors are slow with
(five times slower than a product with 0 or 1, measured on an AMD EPYC with AVX2): so no loop here writes a number back
that it may just have read. What was computed may be chosen so; it is stored in any case.
"""

from __future__ import annotations

from typing import Any

from groundwork.compiled_code import F, compile_lazily


def fast_kernel(function: Any) -> Any:
    """Compile a loop over numbers; its sums may be reordered so that they are computed eight at a time.

    It becomes part of whatever kernel calls it: compiled apart and once more within its caller it would add in two
    orders, and which of the two is used would depend on what this process has compiled itself.
    """
    fast = {"reassoc", "contract", "nsz", "arcp"}
    return compile_lazily(function, nogil=True, error_model="numpy", fastmath=fast, forceinline=True)


def exact_kernel(function: F) -> F:
    """Compile a loop that gives the same to the bit as Python would: copying, counting, sums in their order."""
    return compile_lazily(function, nogil=True)
