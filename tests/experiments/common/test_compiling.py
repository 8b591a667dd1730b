"""What is said while Numba compiles."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
from numba import njit
from experiments.common.compiling import announce_compilation
announce_compilation()
announce_compilation()

def one(x):
    return x + 1

def two(x):
    return x + 2

one.__module__ = two.__module__ = {module!r}
assert njit(one)(1) == 2 and njit(two)(1) == 3 and njit(one)(1.0) == 2.0
"""


def _said(module: str) -> str:
    root = Path(__file__).resolve().parents[3]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    command = [sys.executable, "-c", PROGRAM.format(module=module)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def test_agents_loops_are_announced_once() -> None:
    assert _said("agents.kernels.mlp") == "compiling the agents' loops (first time only, about 10 s)…\n"


def test_the_engine_is_announced_by_its_own_name() -> None:
    assert _said("envs.waybill.rules.game") == "compiling the engine (first time only, about 120 s)…\n"
