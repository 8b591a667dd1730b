"""A rule of the engine that is changed is found out: copies of the engine with one line changed, and the reference."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[3]
REFERENCE, DUEL = Path("tests/helpers/reference"), Path("tests/helpers/duels/duel.py")
TURNS = 1000


class Mutant(NamedTuple):
    """A line of the engine and what stands there instead; the level and style that find it, and a word of how."""

    file: str
    line: str
    instead: str
    level: str
    style: str
    found_in: str


MUTANTS = {
    "a town forgets too little": Mutant(
        "rules/tick.py", "(np.int64(s.glut[town, good]) + share - 1) // share", "np.int64(s.glut[town, good]) // share",
        "haul", "greedy", "glut",
    ),
    "a cart waits until it is more than half full": Mutant(
        "rules/tick.py", "2 * np.int64(k.load) >= lv.cart_capacity", "2 * np.int64(k.load) > lv.cart_capacity",
        "haul", "greedy", "phase",
    ),
    "a workshop can be built on the last coin but one": Mutant(
        "rules/legality.py", "me.cash >= lv.workshop_cost", "me.cash + 1 >= lv.workshop_cost",
        "refine", "spiteful", "legal",
    ),
}  # fmt: skip
MORE_MUTANTS = {
    "the other company comes first": Mutant(
        "rules/tick.py", "^ turn) > key:", "^ turn) < key:", "rivals", "spiteful", "owner|glut|cash|illegal",
    ),
    "a cart turned round twice is early": Mutant(
        "rules/orders.py", "k.leg_from, k.leg_turns, k.leg_left = k.leg_to, on, ahead + on",
        "k.leg_from, k.leg_turns, k.leg_left = k.leg_to, ahead + on, ahead + on", "refine", "spiteful", "leg_",
    ),
    "what is cleared is paid back in full": Mutant(
        "rules/orders.py", "cost * np.int64(lv.refund_percent) // 100", "cost", "refine", "random", "cash",
    ),
    "the last turn is played twice": Mutant(
        "rules/tick.py", "s.turn >= lv.horizon", "s.turn > lv.horizon", "haul", "greedy", "over",
    ),
    "a road shows less": Mutant(
        "rules/sight.py", "+ 2 * np.int64(lv.sight)", "+ np.int64(lv.sight)", "fog", "greedy", "known|seen|sees",
    ),
    "a taken deposit is found free again and again": Mutant(
        "rules/legality.py", "me.seen_taken[site] = True", "pass", "fog", "spiteful", "seen|legal",
    ),
    "shaping forgets the discount": Mutant(
        "rewards/functions.py", "numbers.gamma * phi_t", "phi_t", "haul", "random", "reward shaped",
    ),
    "a deposit grows back for ever": Mutant(
        "rules/tick.py", "if s.reserve[i] < lv.reserve:", "if s.reserve[i] < 30000:", "haul", "random", "reserve",
    ),
    "deposits of a bankrupt company stay taken": Mutant(
        "rules/tick.py", "if s.owner[i] == me.seat:", "if s.owner[i] == me.seat + 9:", "rivals", "spiteful", "owner",
    ),
}  # fmt: skip


def compare(engine: Path, level: str, style: str) -> subprocess.CompletedProcess[str]:
    """Engine and reference of a tree of files, uncompiled: that takes seconds, and compiling a changed rule minutes."""
    command = [sys.executable, str(engine / DUEL), level, "--style", style, "--turns", str(TURNS)]
    env = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(engine), "PYTHONWARNINGS": "ignore"}
    return subprocess.run(command, cwd=engine, env=env, capture_output=True, text=True, check=False)


def copy_of_the_engine(out: Path) -> Path:
    """All that a comparison needs, to be changed."""
    for folder in ("envs", "groundwork", "conf", REFERENCE, DUEL.parent):
        shutil.copytree(ROOT / folder, out / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return out


@pytest.mark.parametrize("name", [*MUTANTS, *(pytest.param(name, marks=pytest.mark.proof) for name in MORE_MUTANTS)])
def test_a_changed_rule_is_found(tmp_path: Path, name: str) -> None:
    mutant, engine = {**MUTANTS, **MORE_MUTANTS}[name], copy_of_the_engine(tmp_path)
    path = engine / "envs" / "waybill" / mutant.file
    text = path.read_text()
    assert text.count(mutant.line) == 1
    path.write_text(text.replace(mutant.line, mutant.instead))
    found = compare(engine, mutant.level, mutant.style)
    assert found.returncode == 1, found.stdout + found.stderr
    assert re.search(mutant.found_in, found.stdout), found.stdout
    assert "in the engine" in found.stdout or "in the reference only" in found.stdout


def test_the_engine_as_it_is_passes(tmp_path: Path) -> None:
    found = compare(copy_of_the_engine(tmp_path), "haul", "greedy")
    assert (found.returncode, found.stderr) == (0, "")
    assert f"{TURNS} turns" in found.stdout
