"""The engine plays by the rules as docs/game.md tells them: a slow reference of plain objects agrees, turn by turn.

State, books, what is seen, legality of every order and all rewards, on all levels and drawn ones. ``make proofs``
has the long comparison; ``python tests/helpers/duels/duel.py LEVEL`` compares by hand.
"""

from __future__ import annotations

import random
import re
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from batches import make_batch
from compared import Disagreement
from converted import order_numbered, order_of
from duel import ODD, duel, games
from styles import STYLES
from versus import Match, matches

from envs.waybill.core import levels
from envs.waybill.core.levels import LevelConfig, TerrainConfig, load_level
from envs.waybill.core.state import EXTRACTOR, STATE, WORKS

STYLES_OF_ALL = ("random", "raw", "greedy", "spiteful")
SHORT = {"haul": 250, "refine": 200, "chain": 160, "rivals": 60, "fog": 30, ODD: 560}  # turns in each style
LONG = {"haul": 4000, "refine": 4000, "chain": 4000, "rivals": 2000, "fog": 1000, ODD: 10_100}
PLANNED = {"haul": 100, "refine": 80}
FRESH = 70_000  # the first map seed of the long comparison; the short one has those from 0 on


def test_every_level_and_enough_turns_are_compared() -> None:
    assert {*SHORT} == {*LONG} == {*levels.names(), ODD}
    assert sum(SHORT.values()) * len(STYLES_OF_ALL) + sum(PLANNED.values()) >= 5000
    assert sum(LONG.values()) * len(STYLES_OF_ALL) >= 100_000
    assert {*STYLES_OF_ALL, "planner"} == {*STYLES}


def test_the_reference_uses_nothing_of_the_engine() -> None:
    room = Path(__file__).resolve().parents[2] / "helpers" / "reference"
    allowed = {path.stem for path in room.glob("*.py")} | set(sys.stdlib_module_names)
    for path in room.glob("*.py"):
        used = re.findall(r"^\s*(?:from|import) (\w+)", path.read_text(), re.MULTILINE)
        assert {*used} <= allowed, path.name


@pytest.mark.parametrize("style", STYLES_OF_ALL)
@pytest.mark.parametrize("level", SHORT)
def test_engine_and_reference_agree(level: str, style: str) -> None:
    assert duel(level, style, SHORT[level]) >= 1


@pytest.mark.parametrize("level", PLANNED)
def test_engine_and_reference_agree_on_the_planners_games(level: str) -> None:
    assert duel(level, "planner", PLANNED[level]) >= 1


@pytest.mark.proof
@pytest.mark.parametrize("style", STYLES_OF_ALL)
@pytest.mark.parametrize("level", LONG)
def test_engine_and_reference_agree_for_long(level: str, style: str) -> None:
    assert duel(level, style, LONG[level], FRESH) > 3


@pytest.mark.parametrize("name", ["haul", "chain"])
def test_actions_are_numbered_as_told(name: str) -> None:
    """1 + T + R·T + (C + 1)·T² + T actions: the first and last of each verb, and some between."""
    level = load_level(name)
    tiles, recipes, carts = level.side**2, len(level.recipes), level.max_carts
    ends = np.cumsum([1, tiles, recipes * tiles, (carts + 1) * tiles**2, tiles])
    assert int(ends[-1]) == level.n_raw_actions
    numbers = np.concatenate([[0], ends - 1, ends[:-1], np.random.default_rng(3).integers(0, ends[-1], 200)])
    batch = make_batch(level=level, actions="full", num_envs=1, reward="sparse", maps=(0, 1))
    book = matches(level, range(1))[0].book
    batch.reset(np.zeros(1, np.uint64))
    for number in numbers.tolist():
        assert order_of(batch.orders_of(np.array([number]))[0].item()) == order_numbered(book, number), number


def test_the_page_has_the_numbers_that_a_level_file_leaves_out() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "game.md").read_text()
    rows = page.split("### Numbers of a level")[1].splitlines()
    told = dict(re.findall(r"`(\w+)` \| (\d+)", " ".join(row for row in rows if row.startswith("| `"))))
    numbers = {field.name: field.default for field in fields(LevelConfig) if isinstance(field.default, int)}
    known = {name: str(number) for name, number in numbers.items() if not name.startswith("planner")}
    assert told == known
    terrain = " ".join(str(field.default) for field in fields(TerrainConfig))
    assert terrain == "22 12 14 1 2 3"


# --- a difference is found, whatever it is in -------------------------------------------------------------------------
NOT_COMPARED = {"rng", "map_seed", "map", "key", "seat"}  # what a game begins with


def paths(dtype: np.dtype, before: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """All fields of a record, those inside others too, as the names that lead there."""
    found = []
    for name in dtype.names or ():
        inner = dtype[name].base
        found += paths(inner, (*before, name)) if inner.names else [(*before, name)]
    return [path for path in found if path[-1] not in NOT_COMPARED]


def busy_match() -> Match:
    """A game of ``fog`` in which somebody has an extractor, a workshop and a cart that has driven its road."""
    for match in games("fog", 3):
        choose, rng = STYLES["greedy"](), random.Random(0)
        for _ in range(60):
            match.play(choose(match, rng))
            first = match.states["companies"][0, 0]
            kinds = first["buildings"]["kind"][:2].tolist()
            if first["carts"][0]["sees"] and first["carts"][0]["load"] and {*kinds} == {EXTRACTOR, WORKS}:
                return match
    raise AssertionError


def test_a_change_of_any_field_is_a_disagreement() -> None:
    match = busy_match()
    kept, kinds = match.states.copy(), match.states["companies"]["buildings"]["kind"][0, 0].tolist()
    for path in paths(STATE):  # the last one that is tried is the culprit of a failure
        match.states[:] = kept
        slot = kinds.index(WORKS if path[-1] in ("recipe", "inputs") else EXTRACTOR)
        place = match.states
        for name in path:
            place = place[name]
            if name in ("companies", "buildings", "carts"):
                place = place[:, slot if name == "buildings" else 0]
        place.flat[0] ^= 1
        with pytest.raises(Disagreement, match="in the engine"):
            match.check()
