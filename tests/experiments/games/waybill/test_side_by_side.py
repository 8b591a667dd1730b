"""Two games in one animation: the same map, a frame a turn, and the one that ends early stands still."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from envs.waybill import record
from envs.waybill.core import levels
from envs.waybill.players import play
from experiments.games.waybill.side_by_side import side_by_side

OPTIONS = {"map_seed": None, "titles": None, "fps": 6, "device": "cpu"}


LEVEL = replace(levels.load_level("haul"), horizon=16, start_cash=80)


def saved(folder: Path, player: str, map_seed: int) -> str:
    games = play.play_games(player, LEVEL, np.array([map_seed], np.uint64))
    orders = games.orders[0, : int(games.length[0])]
    path = folder / f"{player}{map_seed}.jsonl"
    record.record_game(level=LEVEL, map_seed=map_seed, game_seed=0, player=player, orders=orders).save(path)
    return str(path)


def pictures(path: Path) -> list[np.ndarray]:
    image = Image.open(path)
    found = []
    for frame in range(getattr(image, "n_frames", 1)):
        image.seek(frame)
        found.append(np.asarray(image.convert("RGB")).astype(int))
    return found


def test_both_games_are_shown_to_the_longer_ones_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    maps = np.arange(20, dtype=np.uint64)
    seed = int(np.flatnonzero(play.play_games("random", LEVEL, maps).length < 10)[0])
    left, right = saved(tmp_path, "random", seed), "greedy"
    side_by_side(left, right, level=None, out=str(tmp_path / "game.gif"), **OPTIONS)
    short = record.load_game(left)
    greedy = play.play_games("greedy", LEVEL, np.array([seed], np.uint64))
    assert f"random: score {short.score} after {len(short.orders)} turns" in capsys.readouterr().out
    shown = pictures(tmp_path / "game.gif")
    assert len(shown) == int(greedy.length[0]) + 1
    middle = shown[0].shape[1] // 2
    changes = [np.abs(a - b).max(axis=(0, 2)) > 0 for a, b in pairwise(shown)]
    assert any(change[:middle].any() for change in changes[: len(short.orders)])
    assert not any(change[:middle].any() for change in changes[len(short.orders) :])
    assert all(change[middle:].any() for change in changes)


def test_games_of_different_maps_are_refused(tmp_path: Path) -> None:
    one, other = saved(tmp_path, "greedy", 0), saved(tmp_path, "greedy", 1)
    with pytest.raises(ValueError, match="games of different maps or levels"):
        side_by_side(one, other, level=None, out=str(tmp_path / "game.gif"), **OPTIONS)
    assert not (tmp_path / "game.gif").exists()
