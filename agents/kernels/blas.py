"""Matrix products inside compiled loops, by the BLAS that PyTorch brings, or SciPy's.

A whole update as one compiled call needs neither Python nor its lock between its products, so that two threads don't
wait for each other. The library's address is an argument: nothing of one process is kept with the compiled code.
"""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path
from typing import Any

import torch
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import get_cython_function_address, intrinsic

from agents.kernels.compiled import fast_kernel

_INT, _POINTER = ir.IntType(32), ir.IntType(8).as_pointer()


@cache
def sgemm() -> int:
    """The address of BLAS's ``sgemm`` (Dongarra et al. 1990), for the first argument of ``multiply`` and the others.

    PyTorch's own is MKL on x86, the faster one for small products; where it has none that can be found, SciPy's.
    """
    for path in sorted(Path(torch.__file__).parent.glob("lib/*torch_cpu.*")):
        try:
            found = ctypes.CDLL(str(path)).sgemm_
        except (OSError, AttributeError):
            continue
        return ctypes.cast(found, ctypes.c_void_p).value or 0
    return int(get_cython_function_address("scipy.linalg.cython_blas", "sgemm"))


@intrinsic
def _by_columns(typing_context, address, turn_a, turn_b, m, n, k, a, lda, b, ldb, c, ldc):  # type: ignore[no-untyped-def]
    """Call ``sgemm`` with these numbers and addresses, all int64, in BLAS's order of columns: c = a b."""

    def build(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        at, *given = arguments
        one, zero = ir.Constant(ir.FloatType(), 1.0), ir.Constant(ir.FloatType(), 0.0)

        def placed(value: Any) -> Any:
            slot = cgutils.alloca_once(builder, value.type)
            builder.store(value, slot)
            return builder.bitcast(slot, _POINTER)

        def letter(turn: Any) -> Any:
            turned = builder.icmp_signed("!=", turn, ir.Constant(turn.type, 0))
            return placed(
                builder.select(turned, ir.Constant(ir.IntType(8), ord("T")), ir.Constant(ir.IntType(8), ord("N")))
            )

        def number(value: Any) -> Any:
            return placed(builder.trunc(value, _INT))

        def pointer(value: Any) -> Any:
            return builder.inttoptr(value, _POINTER)

        turn_a, turn_b, m, n, k, a, lda, b, ldb, c, ldc = given
        passed = [
            letter(turn_a), letter(turn_b), number(m), number(n), number(k), placed(one), pointer(a), number(lda),
            pointer(b), number(ldb), placed(zero), pointer(c), number(ldc),
        ]  # fmt: skip
        kind = ir.FunctionType(ir.VoidType(), [_POINTER] * len(passed))
        builder.call(builder.inttoptr(at, kind.as_pointer()), passed)
        return context.get_dummy_value()

    return types.void(*[types.int64] * 12), build


_call: Any = _by_columns


@fast_kernel
def _leading(x: Any) -> int:
    """Numbers from one row to the next."""
    return max(x.strides[0] // 4, x.shape[1])


@fast_kernel
def multiply(sgemm: Any, a: Any, b: Any, out: Any) -> None:
    """out [M, N] = a b of a [M, K] and b [K, N], float32; the numbers of a row lie side by side, also below."""
    m, k, n = a.shape[0], a.shape[1], b.shape[1]
    places = a.ctypes.data, b.ctypes.data, out.ctypes.data
    _call(sgemm, 0, 0, n, m, k, places[1], _leading(b), places[0], _leading(a), places[2], _leading(out))


@fast_kernel
def multiply_turned(sgemm: Any, a: Any, b: Any, out: Any) -> None:
    """out [M, N] = aᵀ b of a [K, M] and b [K, N]."""
    k, m, n = a.shape[0], a.shape[1], b.shape[1]
    places = a.ctypes.data, b.ctypes.data, out.ctypes.data
    _call(sgemm, 0, 1, n, m, k, places[1], _leading(b), places[0], _leading(a), places[2], _leading(out))


@fast_kernel
def multiply_by_turned(sgemm: Any, a: Any, b: Any, out: Any) -> None:
    """out [M, N] = a bᵀ of a [M, K] and b [N, K]."""
    m, k, n = a.shape[0], a.shape[1], b.shape[0]
    places = a.ctypes.data, b.ctypes.data, out.ctypes.data
    _call(sgemm, 1, 0, n, m, k, places[1], _leading(b), places[0], _leading(a), places[2], _leading(out))
