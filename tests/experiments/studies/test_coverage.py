"""What action spaces leave of the planner's play: recall against brute force, and the command."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from handmade import company, views
from midgame import raw
from numbering import numbers_of

from envs.waybill import record
from envs.waybill.actions.raw import raw_mask
from envs.waybill.core import levels
from envs.waybill.core.scratch import make_scratch
from envs.waybill.core.state import PASS
from envs.waybill.maps.pool import make_pool
from envs.waybill.players.play import PlayedGames
from experiments.studies import coverage

LEVEL = "haul"
MAPS = np.arange(5, 8, dtype=np.uint64)


@cache
def planned() -> PlayedGames:
    """The planner's games on MAPS."""
    return coverage.plan_games(levels.load_level(LEVEL), MAPS, title="", threads=1, progress=False)


@pytest.mark.parametrize("cells", [2, 3])
def test_recall_of_buckets_is_how_often_the_order_is_the_lowest_in_its_cells(cells: int) -> None:
    games, level = planned(), levels.load_level(LEVEL)
    found = coverage.measure_coverage(level, MAPS, games, actions="buckets", cells=cells, threads=1, progress=False)
    record_, scratch, orders = level.record(), make_scratch(), raw(LEVEL)
    hits = []
    for i, seed in enumerate(MAPS.tolist()):
        pool, given = make_pool(record_, np.array([seed])), games.orders[i, : games.length[i]]
        states = list(record.play_orders(level=level, map_seed=seed, game_seed=i, orders=given))
        for turn, (state, order) in enumerate(zip(states, given, strict=False)):
            if order["verb"] == PASS:
                assert not found.given[i, turn]
                continue
            mask = np.zeros((1, level.n_raw_actions), np.int8)
            state["map"] = 0
            raw_mask(state, views(1), pool, record_, scratch, mask, 0, 1)
            legal = orders[np.flatnonzero(mask[0])]
            same = legal[numbers_of(level, cells, legal) == numbers_of(level, cells, order.reshape(1))]
            hits.append((i, turn, bool(same[0] == order)))
        assert company(states[-1])["cash"].item() - level.start_cash == games.score[i]
    assert np.argwhere(found.given).tolist() == [[i, turn] for i, turn, _ in hits]
    assert [bool(found.offered[i, turn]) for i, turn, _ in hits] == [hit for *_, hit in hits]
    by_map = [np.mean([hit for j, _, hit in hits if j == i]) for i in range(3)]
    assert found.recall.tolist() == pytest.approx(by_map)
    assert np.mean(by_map) > 0.2
    assert np.mean(by_map) < 1 or cells == 3  # two sites hardly ever share so small a cell


def test_recall_of_the_others() -> None:
    games, level = planned(), levels.load_level(LEVEL)
    sizes = {"threads": 1, "progress": False}
    everything = coverage.measure_coverage(level, MAPS, games, actions="masked", **sizes)
    assert everything.recall.tolist() == [1.0] * 3
    np.testing.assert_array_equal(everything.ceiling, games.score)
    assert everything.n_actions == level.n_raw_actions
    few, many = (
        coverage.measure_coverage(level, MAPS, games, actions="random_k", candidates=k, **sizes) for k in (2, 200)
    )  # fmt: skip
    assert few.recall.mean() < 0.5
    assert many.recall.tolist() == [1.0] * 3  # there are fewer legal orders than that
    assert few.ceiling.sum() < games.score.sum()
    verbs = everything.by_verb(games.orders)
    assert set(verbs) >= {"extract", "haul"}
    assert "pass" not in verbs
    assert set(verbs.values()) == {1.0}


def test_the_command_prints_and_saves(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "new" / "coverage.json"
    found = coverage.run_coverage(
        ["heuristic", "masked"], level=LEVEL, maps=3, map_seed=5, candidates=32, cells=4, out=out, threads=1,
        progress=False,
    )  # fmt: skip
    assert json.loads(out.read_text()) == found
    assert found["planner"]["by_map"] == planned().score.tolist()
    heuristic, masked = found["actions"]["heuristic"], found["actions"]["masked"]
    assert (heuristic["n_actions"], masked["n_actions"]) == (32, levels.load_level(LEVEL).n_raw_actions)
    assert masked["recall"] == {"mean": 1.0, "low": 1.0, "high": 1.0}
    assert masked["normalised_ceiling"]["mean"] == 1.0
    assert 0.5 < heuristic["normalised_ceiling"]["mean"] <= 1.05
    told = capsys.readouterr().out
    for part in ("haul, 3 maps from seed 5", "heuristic", "39,529", str(out), "python train.py level=haul"):
        assert part in told


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"actions": ["bucket"]}, "actions='bucket': no player can be confined to it, known are full, masked, buckets"),
        ({"maps": 1}, "--maps=1 is not allowed"),
        ({"map_seed": -1}, "--map-seed=-1 is not allowed"),
        ({"candidates": 1}, "--candidates=1 is not allowed, it must be 2..256"),
        ({"cells": 10}, "--cells=10 is not allowed, it must be 1..9, the side of level haul"),
        ({"level": "hall"}, "unknown level 'hall'"),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, changed: dict[str, object], line: str) -> None:
    usual = {"actions": ["masked"], "level": LEVEL, "maps": 3, "map_seed": 5, "candidates": 32, "cells": 4}
    out = tmp_path / "new" / "coverage.json"
    with pytest.raises(ValueError, match="^") as caught:
        coverage.run_coverage(**{**usual, **changed}, out=out)  # type: ignore[arg-type]
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)
    assert not out.parent.exists()
