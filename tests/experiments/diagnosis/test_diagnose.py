"""``diagnose.py``: planted faults are found, the page is whole and offline, mistakes are one line."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from planted import mask_of_the_wrong_step, target_never_updated, wrong_sign_of_shaping
from typed import ROOT, command, refused

from experiments.diagnosis.diagnose import diagnose_run
from experiments.runs.train import start_run
from tiny import DQN, tiny_node

LINES = {
    wrong_sign_of_shaping: "Shaping has the wrong sign: what is added is -1.00 times γΦ(s′) − Φ(s)",
    target_never_updated: "The target network did not move before",
    mask_of_the_wrong_step: "of the states learnt from the mask is not that of their own candidates",
}


@pytest.mark.parametrize("plant", LINES, ids=lambda plant: plant.__name__)
def test_a_planted_fault_is_found(
    tmp_path: Path, plant: Callable[[pytest.MonkeyPatch], tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    start_run(tiny_node(tmp_path, *DQN, *plant(monkeypatch)), folder=tmp_path / "run")
    broken = [finding.text for finding in diagnose_run(str(tmp_path / "run")) if finding.is_broken]
    assert len(broken) == 1
    assert LINES[plant] in broken[0]
    assert LINES[plant].split(":")[0] in (tmp_path / "run" / "diagnosis.html").read_text()


def test_a_sound_run_has_nothing_broken_and_a_page_that_needs_nothing_else(tmp_path: Path) -> None:
    start_run(tiny_node(tmp_path, *DQN), folder=tmp_path / "run")
    done = command("diagnose.py", "run", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "broken:" not in done.stdout
    assert done.stdout.splitlines()[-1] == "page:   run/diagnosis.html"
    text = (tmp_path / "run" / "diagnosis.html").read_text()
    for heading in ("At a glance", "Values", "Checks", "Layers", "Exploration", "Games", "Attribution", "Information"):
        assert f"<h2>{heading}</h2>" in text
    assert text.count("<img ") == 6
    assert "left out" not in text
    drawn = re.findall(r"<figure><figcaption>([^<]+)</figcaption><div[^>]*><svg", text)
    assert len(drawn) == len(set(drawn)) == text.count("<svg ") >= 15
    assert drawn[0] == "Does it learn? Score on validation games"
    assert not re.findall(r'(?:src|href)="(?!data:|#)', text)
    assert "<script" not in text


def test_a_policy_without_curves_is_looked_into_as_it_is(tmp_path: Path) -> None:
    page = tmp_path / "haul.html"
    findings = diagnose_run(str(ROOT / "policies" / "haul"), out=str(page))
    assert not any(finding.is_broken for finding in findings)
    text = page.read_text()
    assert "<h2>Values</h2>" in text
    assert "<svg" not in text  # a single point is no curve
    assert re.search(r"<p>\d\d charts left out: this run has a single point of their curves.</p>", text)
    assert "<h2>At a glance</h2>" not in text


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("nowhere",), "nowhere"),
        (("player",), "player: agent=greedy does not learn, there is nothing to diagnose"),
        (("run", "--out", "nowhere/x.html"), "--out=nowhere/x.html: a file in a folder that is there is needed"),
        (("run", "--device", "cuda:99"), "device=cuda:99"),
    ],
)
def test_a_mistake_is_one_line(tmp_path: Path, words: tuple[str, ...], line: str) -> None:
    start_run(tiny_node(tmp_path, *DQN, "steps=200"), folder=tmp_path / "run")
    start_run(tiny_node(tmp_path, "agent=greedy"), folder=tmp_path / "player")
    assert line in refused(command("diagnose.py", *words, cwd=tmp_path), "diagnose.py")
    assert not (tmp_path / "run" / "diagnosis.html").exists()
