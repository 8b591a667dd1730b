"""A short fuzz of every kind of input, and what would be found on the way."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fuzz as short_fuzz
import inputs
import pytest
from fuzz import judge_input, table_of
from harm import harm_bytes, harm_json, harm_lines, harm_values, harm_yaml
from inputs import KINDS, OFTEN, Input
from made import Subjects

from groundwork.errors import WaybillError


@pytest.fixture(scope="module")
def subjects(tmp_path_factory: pytest.TempPathFactory) -> Subjects:
    return Subjects(tmp_path_factory.mktemp("fuzz") / "made")


@pytest.mark.parametrize("kind", KINDS)
def test_wrong_inputs_are_refused_in_one_line_or_work(kind: str, subjects: Subjects, tmp_path: Path) -> None:
    found = [judge_input(kind, seed, subjects, tmp_path / "input") for seed in range(5 * OFTEN.get(kind, 2))]
    assert [(one.seed, one.told, one.fault) for one in found if one.fault is not None] == []
    assert any(one.refused for one in found)
    assert table_of(found).count("\n") == 2


def test_what_is_not_harmed_works(subjects: Subjects, tmp_path: Path) -> None:
    """Otherwise nothing would be learned from inputs that are refused."""
    for folder in (subjects.sweep, subjects.search):
        shutil.copytree(folder, tmp_path / folder.name)
    subjects.states(tmp_path / "sweep")()
    assert len(subjects.trials(tmp_path / "search")()) == 2  # type: ignore[arg-type]
    subjects.all_of(subjects.run)()
    subjects.last(subjects.run)()
    for policy in subjects.policies:
        subjects.record(policy / "replay.jsonl")()
        subjects.policy(policy)()


def test_a_seed_makes_the_same_input_again(subjects: Subjects, tmp_path: Path) -> None:
    drawn = []
    for _ in range(2):
        place = tmp_path / f"again{len(drawn)}"
        place.mkdir()
        KINDS["records"](random.Random("records 3"), subjects, place)
        drawn.append((place / "game.jsonl").read_bytes())
    assert drawn[0] == drawn[1]


def bug() -> None:
    raise KeyError("inside")


def two_lines() -> None:
    raise WaybillError("<class 'int'> is wrong")


def slow() -> None:
    while True:
        time.sleep(0.1)


@pytest.mark.parametrize(
    ("use", "told"),
    [(bug, "KeyError: 'inside'"), (two_lines, "not a line that helps"), (slow, "not done after 1 s")],
)
def test_what_is_wrong_is_a_failure(
    use: Callable[[], None], told: str, subjects: Subjects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(short_fuzz, "SECONDS", 1)
    monkeypatch.setitem(inputs.KINDS, "bugs", lambda rng, subjects, place: Input("x", use))
    found = judge_input("bugs", 1, subjects, tmp_path / "input")
    assert told in (found.fault or "")
    assert "| bugs | 1 | 0 | 0 | 1 |" in table_of([found])


def test_a_read_that_writes_or_takes_much_memory_is_a_failure(
    subjects: Subjects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def writes(rng: Any, subjects: Any, place: Path) -> Input:
        return Input("x", lambda: (place / "new").write_text("x"))

    def takes(rng: Any, subjects: Any, place: Path) -> Input:
        return Input("x", lambda: bytearray(2**26).count(1))

    monkeypatch.setattr(short_fuzz, "MORE_BYTES", 2**25)
    monkeypatch.setitem(inputs.KINDS, "writes", writes)
    monkeypatch.setitem(inputs.KINDS, "takes", takes)
    assert "changed files" in (judge_input("writes", 1, subjects, tmp_path / "input").fault or "")
    assert (judge_input("takes", 1, subjects, tmp_path / "input").fault or "").startswith("took ")


@pytest.mark.parametrize("harm", [harm_bytes, harm_json, harm_lines, harm_yaml])
def test_harm_changes_nearly_everything(harm: Callable[[bytes, random.Random], bytes]) -> None:
    whole = (
        b'{"a": 1, "b": [1, 2, {"c": "x"}]}\n{"d": 2}\n' if harm is harm_lines else b'{"a": 1, "b": [1, {"c": "x"}]}'
    )
    found = [harm(whole, random.Random(seed)) for seed in range(60)]
    assert sum(one != whole for one in found) > 50
    assert len(set(found)) > 25


def test_harmed_values_leave_the_honest_ones_alone() -> None:
    honest = {"a": [1, {"b": 2.5}], "c": "x"}
    for seed in range(40):
        harm_values(honest, random.Random(seed))
    assert honest == {"a": [1, {"b": 2.5}], "c": "x"}
