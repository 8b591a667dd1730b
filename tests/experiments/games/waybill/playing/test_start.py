"""The command: what is refused in one line, a game by words, Ctrl-C, the record and the table at the end."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from tables import advised, session_on
from typed import ROOT, command, refused

from envs.waybill import record
from experiments.games.waybill.playing.ending import Ending, record_path
from experiments.games.waybill.playing.opponents import level_against
from experiments.games.waybill.playing.start import play_game
from groundwork.errors import WaybillError


@pytest.mark.parametrize(
    ("given", "part"),
    [
        ({"level": "nope"}, "unknown level 'nope'"),
        ({"map_seed": -1}, "--map-seed=-1 is not allowed, held-out maps are 0.."),
        ({"port": 70000}, "--port=70000 is not allowed, it must be 0..65535"),
        ({"seat": 1}, "--seat=1 is not allowed, level haul has the seats 0..0"),
        ({"level": "rivals", "seat": 9}, "--seat=9 is not allowed, level rivals has the seats 0..3"),
        ({"seat": -1}, "--seat=-1 is not allowed"),
        ({"against": ["nobody"]}, "'nobody' is neither a run folder nor one of random, greedy, planner"),
        ({"against": ["self"]}, "--against=self is not allowed"),
        ({"against": ["greedy"] * 4}, "it must be 1..3 of"),
        ({"policy": "nowhere"}, "'nowhere' is neither a run folder"),
        ({"out": "no/such/game.jsonl"}, "there is no folder 'no/such'"),
        ({"device": "abacus"}, "device=abacus is not allowed"),
        ({"device": "cuda:99"}, "device=cuda:99 is not there"),
    ],
    ids=str,
)
def test_a_mistake_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, Any], part: str
) -> None:
    monkeypatch.chdir(tmp_path)
    options: dict[str, Any] = {
        "level": "haul", "against": None, "seat": 0, "map_seed": 0, "policy": None, "port": 0, "undo": False,
        "open": False, "terminal": True, "out": None, "device": "cpu",
    }  # fmt: skip
    with pytest.raises(WaybillError, match=re.escape(part)):
        play_game(**{**options, **given})
    assert list(tmp_path.iterdir()) == []


def test_a_port_in_use_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = refused(command("play.py", "--level", "haul", "--port", str(port), cwd=tmp_path), "play.py")
    assert f"--port={port} cannot be used" in line


def test_a_game_by_words_is_saved_compared_and_replays(tmp_path: Path) -> None:
    lines = "extract 4 1\nlet greedy play on\n"
    done = subprocess.run(
        [sys.executable, str(ROOT / "play.py"), "--level", "haul", "--terminal"],
        input=lines, capture_output=True, text=True, timeout=300, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    game = record.load_game(tmp_path / "played.jsonl")
    assert game.player == "person, 49 turns by greedy"
    table = dict(re.findall(r"^  (\S.*?)\s+(-?[\d,]+)$", done.stdout, flags=re.MULTILINE))
    assert table[game.player] == f"{game.score:,}"
    assert {"greedy", "policy haul", "planner"} < set(table)
    assert "next:    python replay.py played.jsonl --format html --out played.html" in done.stdout
    shown = command("replay.py", "played.jsonl", cwd=tmp_path)
    assert f"score {game.score} after 50 turns" in shown.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["played.jsonl"]


def test_ctrl_c_saves_and_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "played.jsonl").write_text("another game\n")
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "play.py"), "--level", "haul", "--port", "0"],
        cwd=tmp_path, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    address, token = "", ""
    for line in process.stdout:
        if line.startswith("play:"):
            address, token = line.split()[1].split("#token=")
        if line.startswith("watch:"):
            break
    headers = {"Origin": address.rstrip("/"), "X-Waybill-Token": token, "Content-Type": "application/json"}
    body = json.dumps({"order": {"order": "pass"}, "turn": 0}).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{address}order", body, headers), timeout=20) as answer:
        assert json.loads(answer.read())["turn"] == 1
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors == "play.py: stopped, the game is saved as played-2.jsonl\n"
    assert (tmp_path / "played.jsonl").read_text() == "another game\n"
    assert len(record.load_game(tmp_path / "played-2.jsonl").orders) == 1


def test_a_file_that_is_there_is_never_written_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.jsonl").write_text("kept")
    with pytest.raises(WaybillError, match="--out=mine.jsonl is there already"):
        record_path("mine.jsonl")
    session = session_on("haul")
    session.give(session.legal()[0])
    saved = [Ending(session, advised(session), path=Path("mine.jsonl"), device="cpu").save() for _ in range(3)]
    assert [str(path) for path in saved] == ["mine-2.jsonl", "mine-3.jsonl", "mine-4.jsonl"]
    assert (tmp_path / "mine.jsonl").read_text() == "kept"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "mine-2.jsonl",
        "mine-3.jsonl",
        "mine-4.jsonl",
        "mine.jsonl",
    ]


def test_nothing_played_is_nothing_saved(tmp_path: Path) -> None:
    session = session_on("haul")
    assert Ending(session, advised(session), path=tmp_path / "x.jsonl", device="cpu").save() is None
    assert list(tmp_path.iterdir()) == []


def test_the_others_are_compared_in_the_persons_seat(tmp_path: Path) -> None:
    """Greedy in the person's seat comes to what the person does who lets greedy play on from the start."""
    session: Any = session_on("rivals", seat=2)
    advisers = advised(session)
    while not session.over:
        session.give(advisers.order_of("greedy"), "greedy")
    ending = Ending(session, advisers, path=tmp_path / "x.jsonl", device="cpu")
    name, score = next(ending.compare())
    assert (name, score) == ("greedy", session.score)
    assert ending.told()["complete"] is False


def test_a_level_without_rivals_can_have_some() -> None:
    from envs.waybill.core import levels

    level, names = level_against(levels.load_level("haul"), ["random", "greedy"])
    assert (level.rivals, names) == (["random", "greedy"], ["random", "greedy"])
    session = session_on(level, seat=1)
    session.give(session.legal()[0])
    assert len(session.orders[0]) == 3
