"""Products inside compiled loops against NumPy's, by each library that can be found."""

from __future__ import annotations

import numpy as np
import pytest
from numba.extending import get_cython_function_address

from agents.kernels import blas

LIBRARIES = {"torch": blas.sgemm(), "scipy": int(get_cython_function_address("scipy.linalg.cython_blas", "sgemm"))}
SHAPES = [(1, 1, 1), (5, 3, 4), (1, 7, 1), (9, 1, 6), (64, 37, 128), (0, 3, 4)]


@pytest.mark.parametrize("library", LIBRARIES.values(), ids=LIBRARIES)
@pytest.mark.parametrize(("m", "k", "n"), SHAPES)
def test_products_are_those_of_numpy(library: int, m: int, k: int, n: int) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(m, k)).astype(np.float32), rng.normal(size=(k, n)).astype(np.float32)
    for multiply, left, right in (
        (blas.multiply, a, b),
        (blas.multiply_turned, np.ascontiguousarray(a.T), b),
        (blas.multiply_by_turned, a, np.ascontiguousarray(b.T)),
    ):
        out = np.full((m + 2, n), 7.0, np.float32)  # longer than what is filled
        multiply(library, left, right, out)
        np.testing.assert_allclose(out[:m], a @ b, rtol=1e-5, atol=1e-5)
        assert (out[m:] == 7.0).all()


def test_rows_may_be_parts_of_longer_ones() -> None:
    """As the columns of a wider array are: the numbers of a row lie side by side, rows don't."""
    rng = np.random.default_rng(1)
    wide_a, wide_b, wide_out = (rng.normal(size=(6, 20)).astype(np.float32) for _ in range(3))
    a, b, out = wide_a[:4, 3:9], wide_b[:, 5:10], wide_out[:4, 2:7]
    kept = wide_out.copy()
    blas.multiply(blas.sgemm(), a, b, out)
    np.testing.assert_allclose(out, a @ b, rtol=1e-5, atol=1e-5)
    kept[:4, 2:7] = out
    assert np.array_equal(wide_out, kept)
