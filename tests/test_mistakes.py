"""A short random walk through mistakes (``make mistakes`` has the long one), and what would be found on the way."""

from __future__ import annotations

from pathlib import Path

import pytest
from drawn import OPTIONS, PLAYED, Mistake
from judged import judge
from walk import table, walk

SMALL = (
    "level=haul",
    "agent=greedy",
    "level.horizon=5",
    "evaluation.final_maps=2",
    "diagnostics.pictures=false",
    "level.planner_effort=1",
    "device=cpu",
)


def test_a_walk_through_mistakes_finds_no_traceback_and_no_silence(tmp_path: Path) -> None:
    verdicts = walk(25, 7, tmp_path)
    assert [(v.mistake.words, v.fault) for v in verdicts if v.fault is not None] == []
    assert len({v.mistake.kind for v in verdicts}) >= 6
    assert sum(v.outcome == "refused" for v in verdicts) >= 12
    assert table(verdicts).count("\n") >= 5


def judged(tmp_path: Path, *words: str, may_pass: bool = False) -> str | None:
    return judge(Mistake("mistake", words, may_pass), tmp_path).fault


@pytest.mark.parametrize("option", sorted(OPTIONS["play.py"]))
def test_what_play_does_not_allow_is_one_line(tmp_path: Path, option: str) -> None:
    for value in OPTIONS["play.py"][option]:
        assert judged(tmp_path, *PLAYED, option, value) is None, value


def test_a_person_who_types_nothing_ends_the_game_without_a_fault(tmp_path: Path) -> None:
    assert judged(tmp_path, *PLAYED, may_pass=True) is None
    assert (judged(tmp_path, *PLAYED) or "").startswith("accepted in silence: ")


def test_what_is_accepted_is_a_fault_unless_it_may_be(tmp_path: Path) -> None:
    told = judged(tmp_path, "train.py", *SMALL)
    assert told is not None
    assert told.startswith("accepted in silence: ")
    assert judged(tmp_path, "train.py", *SMALL, may_pass=True) is None


def test_a_traceback_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*words: object, **named: object) -> None:
        raise ZeroDivisionError("inside")

    monkeypatch.setattr("experiments.runs.train.start_run", broken)
    told = judged(tmp_path, "train.py", *SMALL)
    assert told is not None
    assert told.rstrip().endswith("ZeroDivisionError: inside")


@pytest.mark.parametrize(
    ("text", "told"),
    [("two\nlines", None), ("<class 'int'> is wrong", "Python's words"), ("long " * 300, None)],
)
def test_a_line_that_helps_nobody_is_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, told: str | None
) -> None:
    from groundwork.errors import WaybillError

    def refuse(*words: object, **named: object) -> None:
        raise WaybillError(text)

    monkeypatch.setattr("experiments.runs.train.start_run", refuse)
    found = judged(tmp_path, "train.py", *SMALL)
    assert (found is None) == (told is None)  # the door puts two lines into one, and shortens a long one
    assert told is None or (found or "").startswith(told)


def test_what_is_left_behind_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from groundwork.errors import WaybillError

    def leave(node: object, *, folder: Path, **named: object) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.yaml").write_text("x: 1\n")
        raise WaybillError("too late")

    monkeypatch.setattr("experiments.runs.train.start_run", leave)
    assert (judged(tmp_path, "train.py", *SMALL) or "").startswith("left behind: ")
