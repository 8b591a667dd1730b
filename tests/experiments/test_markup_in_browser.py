"""Pages of what a stranger named with markup, opened in a browser: nothing of it runs, and it is there to be read."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from strangers import a_run, type_door
from swept import made

from envs.waybill.record import load_game
from experiments.config import reading
from experiments.sharing.share import share_run
from experiments.sweeps.manifest import Job, Planned

EVIL = "<img src=x onerror='window.ran=1'><svg onload='window.ran=1'><!--"  # no slash: it may be a folder's name


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose folder and whose texts are markup."""
    place = tmp_path_factory.mktemp("runs")
    a_run(place)
    folder = place / EVIL
    (place / "run").rename(folder)
    result = json.loads((folder / "result.json").read_text())
    texts = {"device": EVIL, "commit": {"id": EVIL, "dirty": True}, "versions": {EVIL: EVIL}}
    (folder / "result.json").write_text(json.dumps(result | texts))
    return folder


@pytest.fixture(scope="module")
def pages(run: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A report, a diagnosis and a replay of it, and a page that is careless."""
    place = tmp_path_factory.mktemp("pages")
    sweep = place / "sweep"
    made(sweep, [Planned(Job(0, EVIL, [], {"agent": EVIL}, [0], 240), reading.read_run(run).plain)])
    shutil.copytree(run, sweep / EVIL, dirs_exist_ok=True)
    (sweep / EVIL / "job.json").write_text(json.dumps({"state": "done", "attempts": 1, "seconds": 2.0, "error": EVIL}))
    shared = share_run(str(run), out=str(place / "shared"), device="cpu")
    replace(load_game(shared / "replay.jsonl"), player=EVIL).save(place / "game.jsonl")
    typed = {
        "report": ("report.py", "RUN", "--out", "report"),
        "diagnosis": ("diagnose.py", "RUN", "--out", "diagnosis.html"),
        "replay": ("replay.py", "RUN", "--format", "html", "--out", "replay.html"),
    }
    given = {"report": sweep, "diagnosis": run, "replay": place / "game.jsonl"}
    for name, words in typed.items():
        done = type_door(words, given[name], place)
        assert done[0] == 0, done
    (place / "careless.html").write_text(f"<!doctype html><p>{EVIL}</p>")
    (report,) = (place / "report").glob("*.html")
    return {"report": report} | {name: place / f"{name}.html" for name in ("diagnosis", "replay", "careless")}


@pytest.mark.parametrize("name", ["report", "diagnosis", "replay", "careless"])
def test_markup_of_a_stranger_is_text(chromium: Any, pages: dict[str, Path], name: str) -> None:
    context = chromium.new_context()
    opened = context.new_page()
    opened.goto(pages[name].as_uri(), wait_until="load")
    opened.wait_for_timeout(200)
    ran, shown = opened.evaluate("window.ran === 1"), opened.inner_text("body")
    context.close()
    assert ran == (name == "careless")
    assert (EVIL in shown) == (name != "careless")
