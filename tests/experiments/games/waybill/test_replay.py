"""Watching games: of a run, of a player, from a record; as text, as an animation, as a record."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from handmade import company
from PIL import Image

from envs.waybill import record
from envs.waybill.core import levels
from envs.waybill.core.state import PASS
from envs.waybill.players.play import play_games
from experiments.games.waybill import replay, watching
from experiments.runs import train
from tiny import DQN, tiny_node

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder of a tiny training."""
    out = tmp_path_factory.mktemp("runs")
    train.start_run(tiny_node(out, *DQN, "steps=300"), folder=out / "run")
    return out / "run"


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The record of a greedy game."""
    path = tmp_path_factory.mktemp("records") / "greedy.jsonl"
    show("greedy", level="haul", map_seed=2, format="record", out=str(path))
    return path


def show(target: object, **changed: Any) -> record.Game:
    options: dict[str, Any] = {
        "level": None, "map_seed": None, "format": "text", "out": None, "fps": 4, "device": "cpu",
    }  # fmt: skip
    return replay.replay_game(str(target), **{**options, **changed})


def test_a_player_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    game = show("greedy", level="haul", map_seed=2)
    printed = capsys.readouterr().out
    games = play_games("greedy", levels.load_level("haul"), np.array([2], np.uint64))
    assert game.score == games.score[0]
    assert printed.startswith("greedy on haul, map 2\n")
    assert printed.rstrip().endswith(f"greedy on haul, map 2: score {game.score} after {len(game.orders)} turns")
    for turn in range(len(game.orders) + 1):
        assert f"haul  turn {turn}/{game.level.horizon}  cash " in printed
    assert printed.count("\norder: ") == len(game.orders)


def test_the_record_of_a_player_replays_as_it_was_played(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    game = record.load_game(saved)
    states = list(record.replay_states(game))
    assert (game.player, game.level, game.map_seed) == ("greedy", levels.load_level("haul"), 2)
    assert int(company(states[-1])["cash"][0]) - game.level.start_cash == game.score
    again = show(saved)
    assert again.score == game.score
    assert f"score {game.score} after" in capsys.readouterr().out


def test_a_policy_plays_the_game_that_its_record_tells(run: Path, tmp_path: Path) -> None:
    watched = [watching.watch(str(run), level=None, map_seed=5, device="cpu") for _ in range(2)]
    game = watched[0].game
    assert game.hashes == watched[1].game.hashes
    assert game.map_seed == 5
    assert len(watched[0].candidates) == len(game.orders)
    for rows in watched[0].candidates:
        assert sum(chosen for _, _, chosen in rows) == 1
        assert max(q for _, q, _ in rows) == next(q for _, q, chosen in rows if chosen)
        assert rows[0][0] == "pass"
    game.save(tmp_path / "game.jsonl")
    assert len(list(record.replay_states(record.load_game(tmp_path / "game.jsonl")))) == len(game.orders) + 1


def test_a_policy_that_searches_plays_a_better_game(run: Path) -> None:
    """Nothing is hidden: rounds give the same game again; what the candidates are worth is shown as before."""
    plain, first, again = (
        watching.watch(str(run), level=None, map_seed=1, device="cpu", search=search) for search in (None, "2", "2")
    )
    assert first.game.hashes == again.game.hashes
    assert first.game.player.endswith(", search 2")
    cash = [int(company(list(record.replay_states(one.game))[-1])["cash"][0]) for one in (plain, first)]
    assert cash[1] > cash[0]
    assert len(first.candidates) == len(first.game.orders)


def test_a_policy_shows_what_it_thinks_of_each_order(run: Path, tmp_path: Path) -> None:
    game = show(run, out=str(tmp_path / "game.txt"))
    lines = (tmp_path / "game.txt").read_text().splitlines()
    assert sum(line.startswith("> ") for line in lines) == len(game.orders)
    assert record.load_game(tmp_path / "game.jsonl").hashes == game.hashes


def test_a_policy_plays_another_level_with_the_same_weights(run: Path) -> None:
    watched = watching.watch(str(run), level="refine", map_seed=0, device="cpu")
    assert watched.game.level == levels.load_level("refine")


def test_a_policy_among_rivals(tmp_path: Path) -> None:
    choices = ("level.rivals=[greedy,random]", "level.sight=8", "level.horizon=50", "steps=400")
    train.start_run(tiny_node(tmp_path, *DQN, *choices), folder=tmp_path / "run")
    watched = watching.watch(str(tmp_path / "run"), level=None, map_seed=2, device="cpu")
    game = watched.game
    assert game.orders.shape == (len(watched.candidates), 3)
    assert (game.orders["verb"][:, 1:] != PASS).any()
    assert len(list(watched.frames())) == len(game.orders) + 1


@pytest.mark.slow
@pytest.mark.parametrize("actions", ["masked", "buckets"])
def test_a_policy_on_the_raw_action_space(tmp_path: Path, actions: str) -> None:
    choices = (
        f"actions={actions}",
        "network=mlp",
        "network.width=[16]",
        "level.side=8",
        "level.deposits=3",
        "agent.memory_capacity=200",
    )
    train.start_run(tiny_node(tmp_path, *DQN, *choices, "steps=300"), folder=tmp_path / "run")
    watched = watching.watch(str(tmp_path / "run"), level=None, map_seed=0, device="cpu")
    assert all(1 <= len(rows) <= watching.SHOWN_CANDIDATES + 1 for rows in watched.candidates)
    assert all(sum(chosen for _, _, chosen in rows) == 1 for rows in watched.candidates)


def test_an_animation_has_a_frame_a_turn_and_holds_the_last(saved: Path, tmp_path: Path) -> None:
    game = show(saved, format="gif", out=str(tmp_path / "game.gif"), fps=10)
    assert [path.name for path in tmp_path.iterdir()] == ["game.gif"]  # the game was saved already
    with Image.open(tmp_path / "game.gif") as picture:
        assert (picture.size, picture.n_frames) == ((1140, 740), len(game.orders) + 1)
        durations = []
        for frame in range(picture.n_frames):
            picture.seek(frame)
            durations.append(picture.info["duration"])
    assert durations == [100] * len(game.orders) + [4000]
    assert (tmp_path / "game.gif").stat().st_size < 3_000_000


def test_frames_of_an_animation_are_the_pictures(saved: Path, tmp_path: Path) -> None:
    game = show(saved, format="gif", out=str(tmp_path / "game.gif"))
    states, pool = list(record.replay_states(game)), game.map_pool()
    with Image.open(tmp_path / "game.gif") as picture:
        for turn in (0, 7, len(game.orders)):
            picture.seek(turn)
            shown = np.asarray(picture.convert("RGB")).astype(int)
            order = game.orders[turn] if turn < len(game.orders) else None
            drawn = replay.to_image(states[turn][0], pool, game.level, order=order).astype(int)
            assert abs(shown - drawn).mean() < 4
            assert (abs(shown - drawn).max(2) > 60).mean() < 0.001


@pytest.mark.parametrize(
    ("target", "options", "said"),
    [
        ("nobody", {}, "'nobody' is neither a run folder nor a saved game nor a player, players are random"),
        ("greedy", {"level": "nope"}, "unknown level 'nope', known are "),
        ("greedy", {"map_seed": -1}, "--map-seed=-1 is not allowed, held-out maps are 0..2147483647"),
        ("greedy", {"map_seed": 2**31}, "--map-seed=2147483648 is not allowed"),
        ("greedy", {"fps": 0}, "--fps=0 is not allowed, it must be 1..50"),
        ("greedy", {"against": "random"}, "--against=random: only a page shows it, use --format html"),
        ("greedy", {"planner": "next"}, "--planner=next: only a page shows it, use --format html"),
        ("greedy", {"format": "html", "planner": "9"}, "--planner=9 is not allowed, it must be one of off, next, 1, 2"),
        ("greedy", {"format": "html", "against": "nobody"}, "'nobody' is neither a run folder nor a saved game"),
        ("greedy", {"device": "tpu"}, "device=tpu is not allowed"),
        ("greedy", {"format": "gif", "out": "/nowhere/game.gif"}, "there is no folder '/nowhere'"),
        ("greedy", {"format": "gif", "out": "."}, "is a folder, a file is needed"),
        (ROOT / "tests", {}, "is no run folder"),
        (ROOT / "Makefile", {}, "Makefile: line 1: not a JSON object"),
    ],
)
def test_mistakes_are_one_clear_line(target: object, options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        show(target, **options)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_saved_game_has_its_own_level_and_map(saved: Path) -> None:
    with pytest.raises(ValueError, match="is a saved game and has its own"):
        show(saved, level="haul")
    with pytest.raises(ValueError, match="is a saved game and has its own"):
        show(saved, map_seed=0)


def test_nothing_is_shown_of_a_record_that_was_changed(saved: Path, tmp_path: Path) -> None:
    changed = tmp_path / "changed.jsonl"
    changed.write_text(saved.read_text().replace('"map_seed": 2', '"map_seed": 3'))
    with pytest.raises(ValueError, match="turn 0: the state at the start"):
        show(changed, format="gif", out=str(tmp_path / "game.gif"))
    assert not (tmp_path / "game.gif").exists()


def test_a_page_of_a_policy_and_one_of_two_players(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "game.html"
    game = show(run, format="html", planner="off", out=str(page))
    assert f"html:   {page}" in capsys.readouterr().out
    assert f'"score":{game.score},' in page.read_text()
    assert f"--planner off --device cpu --format html --out {page}" not in page.read_text()
    assert f"{run} --planner off --format html --out {page}" in page.read_text()
    show(run, against="random", format="html", planner="off", out=str(page))
    assert capsys.readouterr().out.count(": score ") == 2
    assert f"{run} --against random" in page.read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["game.html"]


@pytest.mark.slow
def test_the_door() -> None:
    command = [sys.executable, "replay.py"]
    good = subprocess.run(
        [*command, "greedy", "--level", "haul"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert good.returncode == 0, good.stderr
    assert "greedy on haul, map 0: score " in good.stdout
    bad = subprocess.run([*command, "nobody"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert bad.returncode == 2
    assert bad.stderr.startswith("replay.py: error: 'nobody' is neither")
    assert len(bad.stderr.splitlines()) == 1
