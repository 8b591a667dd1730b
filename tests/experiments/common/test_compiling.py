"""What is said while Numba compiles."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
from numba import njit
from experiments.common.compiling import announce_compilation
announce_compilation()
announce_compilation()

def play_greedy(x):
    return x + 1

def two(x):
    return x + 2

play_greedy.__module__ = two.__module__ = {module!r}
assert njit(play_greedy)(1) == 2 and njit(two)(1) == 3 and njit(two)(1.0) == 3.0
"""


@pytest.mark.parametrize(
    ("module", "said"),
    [
        ("agents.kernels.mlp", "compiling the agents' loops (first time only, about 15 s)…\n"),
        ("envs.waybill.players.play", "compiling the player greedy (first time only, about 15 s)…\n"),
    ],
)
def test_what_takes_a_while_is_told_once(module: str, said: str) -> None:
    root = Path(__file__).resolve().parents[3]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    command = [sys.executable, "-c", PROGRAM.format(module=module)]
    assert subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout == said
