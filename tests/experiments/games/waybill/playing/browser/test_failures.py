"""What fails beneath a game that is played in a browser: one line for all, a traceback in the terminal, it goes on."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tables import SHORT, Browser, break_policy, served, session_on

from experiments.games.waybill.playing.advisers import shipped_policy
from experiments.games.waybill.playing.opponents import level_against
from experiments.games.waybill.playing.session import PlaySession

PASS = {"order": "pass"}
BROKEN = "RuntimeError: the network is broken (tables.py, line "


def news_of(browser: Browser, version: int = 9999) -> Any:
    return browser.ask("GET", f"/news?version={version}&since=1&undone=0")[1]


def test_a_policy_that_fails_gives_the_turn_back_and_all_are_told(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with served(session_on("haul"), tmp_path, policy=shipped_policy("haul")) as browser:
        break_policy(browser.live.advisers.policy_for(1), after=2)
        assert browser.post("/play", by="policy", turns=None, turn=0)[0] == 200
        deadline = time.monotonic() + 60
        while browser.live.trouble is None:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        news = news_of(browser)
        assert (news["turn"], news["plays"]) == (2, None)
        assert news["trouble"].startswith(f"the policy failed: {BROKEN}")
        assert news["trouble"].count("\n") == 0
        said = capfd.readouterr().err
        assert said.count("Traceback") == 1
        assert "RuntimeError: the network is broken" in said
        assert browser.post("/order", order=PASS, turn=2)[0] == 200
        assert news_of(browser)["trouble"] is None
        status, told = browser.post("/hint", by="policy", turn=3)
        assert (status, told["error"][: len(BROKEN) + 19]) == (409, f"the policy failed: {BROKEN}")
        assert news_of(browser)["trouble"] == told["error"]
        assert browser.post("/try", order=PASS, by="policy", turn=3)[1]["error"] == told["error"]
        assert browser.post("/hint", by="greedy", turn=3)[0] == 200


def test_a_rival_that_fails_is_told_and_the_turn_stays(tmp_path: Path) -> None:
    folder = shipped_policy("haul")
    assert folder is not None
    level, names = level_against(SHORT["haul"], [folder])
    with served(PlaySession(level=level, map_seed=0, seat=0, names=names, undo=False), tmp_path) as browser:
        break_policy(browser.live.session.others._policies[1], after=1)
        assert browser.post("/order", order=PASS, turn=0)[0] == 200
        status, told = browser.post("/order", order=PASS, turn=1)
        assert (status, told["error"][: len(BROKEN) + 17]) == (409, f"the turn failed: {BROKEN}")
        assert (news_of(browser)["turn"], news_of(browser)["trouble"]) == (1, told["error"])


def test_who_fails_in_the_comparison_at_the_end_is_told_and_the_others_come(tmp_path: Path) -> None:
    folder = shipped_policy("haul")
    assert folder is not None
    shutil.copytree(folder, tmp_path / "mine")
    session = session_on(replace(SHORT["haul"], horizon=2))
    with served(session, tmp_path, policy=str(tmp_path / "mine")) as browser:
        for turn in range(2):
            assert browser.post("/order", order=PASS, turn=turn)[0] == 200
        shutil.rmtree(tmp_path / "mine")
        lines = list(browser.server.desk._ending.lines())
        told = browser.ask("GET", "/ending")[1]
    assert [name for name, _ in told["rows"]] == ["person", "greedy", "policy mine", "planner"]
    assert [type(score) for _, score in told["rows"]] == [int, int, str, int]
    assert told["complete"]
    assert f"  {told['rows'][2][1]}" in lines


def test_a_bug_in_an_answer_is_one_line_too(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with served(session_on("haul"), tmp_path) as browser:
        browser.server.desk.reads["/ending"] = lambda query: 1 // 0
        status, told = browser.ask("GET", "/ending")
        assert (status, told["error"][:31]) == (500, "ZeroDivisionError: integer divi")
        assert "Traceback" in capfd.readouterr().err
        assert browser.post("/order", order=PASS, turn=0)[0] == 200
