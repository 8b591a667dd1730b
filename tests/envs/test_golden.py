"""Golden games: one per level, replayed and compared line by line with the text that was committed.

When the rules or a level's numbers were changed on purpose: ``python tests/golden/regenerate.py``, and read the diff.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from handmade import company

from envs.waybill import record
from envs.waybill.core import levels
from envs.waybill.core.state import SALES

FOLDER = Path(__file__).resolve().parents[1] / "golden"
HINT = "if that was meant, run python tests/golden/regenerate.py"


def script() -> ModuleType:
    """The script that made the golden games: it also knows how they are written down."""
    spec = importlib.util.spec_from_file_location("regenerate_golden", FOLDER / "regenerate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", levels.names())
def test_every_level_has_a_golden_game_that_replays_line_by_line(name: str) -> None:
    path = FOLDER / f"{name}.jsonl"
    assert path.is_file(), f"level {name} has no golden game: {HINT}"
    game = record.load_game(path)
    assert game.level == levels.load_level(name), f"the numbers of level {name} have changed: {HINT}"
    lines = list(script().as_text(game))
    expected = path.with_suffix(".txt").read_text(encoding="utf-8").splitlines()
    for number, (line, before) in enumerate(zip(lines, expected, strict=False), start=1):
        assert line == before, f"{name}.txt, line {number}: {HINT}"
    assert len(lines) == len(expected)


@pytest.mark.parametrize("name", levels.names())
def test_golden_games_are_worth_comparing(name: str) -> None:
    """They go to the end; where the level lets a plain script live, they use every verb, err once, and sell."""
    game = record.load_game(FOLDER / f"{name}.jsonl")
    state = list(record.replay_states(game))[-1][0]
    me = company(state)
    assert state["done"] == 1
    if not me["bankrupt"]:
        assert me["illegal"] == 1
        assert (me["orders"] > 0).tolist() == [True, True, bool(game.level.recipes), True, True]
        assert me["cash_ledger"][SALES] > 0


def test_no_golden_game_is_left_of_a_level_that_is_gone() -> None:
    assert {path.stem for path in FOLDER.glob("*.jsonl")} == set(levels.names())
    assert {path.stem for path in FOLDER.glob("*.txt")} == set(levels.names())
