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

def {function}(x):
    return x + 1

def two(x):
    return x + 2

{function}.__module__ = two.__module__ = {module!r}
assert njit({function})(1) == 2 and njit(two)(1) == 3 and njit(two)(1.0) == 3.0
"""


@pytest.mark.parametrize(
    ("module", "function", "said"),
    [
        ("agents.kernels.mlp", "play_greedy", "compiling the agents' loops (first time only, about 15 s)…\n"),
        ("envs.waybill.players.play", "play_greedy", "compiling the player greedy (first time only, about 15 s)…\n"),
        (
            "envs.waybill.players.beliefs",
            "follow_beliefs",
            "compiling the beliefs of a search (first time only, about 40 s)…\n",
        ),
    ],
)
def test_what_takes_a_while_is_told_once(module: str, function: str, said: str) -> None:
    root = Path(__file__).resolve().parents[3]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    command = [sys.executable, "-c", PROGRAM.format(module=module, function=function)]
    assert subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout == said
