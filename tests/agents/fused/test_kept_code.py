"""Compiled code that was kept gives the bits of the process that compiled it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
CALLER = """
import hashlib
import numpy as np
from agents.kernels.compiled import fast_kernel
from agents.kernels.mlp import activate

@fast_kernel
def caller(x, values, kept, scale):
    activate(x, values, 0, 128, 256, kept, scale)

rng = np.random.default_rng(0)
x, values = rng.normal(size=(1, 64, 128)).astype(np.float32), rng.normal(size=(1, 384)).astype(np.float32)
kept, scale = np.zeros((1, 64, 128), np.float32), np.zeros((1, 64), np.float32)
caller(x, values, kept, scale)
print(hashlib.md5(x.tobytes() + scale.tobytes()).hexdigest())
"""


def test_a_kernel_within_another_rounds_alike_whether_compiled_or_kept(tmp_path: Path) -> None:
    """A callee that was compiled just now, apart, must not stand in for the one in its caller's kept code."""
    script = tmp_path / "caller.py"
    script.write_text(CALLER)
    settings = {**os.environ, "WAYBILL_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    found = [
        subprocess.run([sys.executable, str(script)], env=settings, capture_output=True, text=True, check=True).stdout
        for _ in range(3)
    ]
    assert len(found[0].strip()) == 32
    assert found[1:] == [found[0]] * 2
