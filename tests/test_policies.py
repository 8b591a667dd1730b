"""The policies that come with the project: one for each level, small, whole, as good as their cards say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from envs.waybill import record
from envs.waybill.core import levels
from experiments.config.reading import Setup, notes_of, read_run
from experiments.games.waybill.config import waybill_config
from experiments.games.waybill.evaluation import MapEvaluator
from experiments.runs.policies import load_policy

ROOT = Path(__file__).resolve().parents[1]
POLICIES = ROOT / "policies"
FILES = {"README.md", "config.json", "policy.safetensors", "replay.jsonl", "replay.png", "result.json"}
MAPS = 12  # of the hundred that a card is about
BETTER = {"haul": 1.1, "refine": 1.15, "chain": 1.8, "rivals": 5.0, "fog": 2.0}  # than greedy, so many times at least


def setup_of(level: str) -> Setup:
    return read_run(POLICIES / level)


def result_of(level: str) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((POLICIES / level / "result.json").read_text())
    return result


def test_there_is_one_for_every_level_and_all_are_small() -> None:
    assert sorted(path.name for path in POLICIES.iterdir() if path.name != ".cache") == sorted(levels.ladder())
    for level in levels.ladder():
        assert {path.name for path in (POLICIES / level).iterdir()} - {"diagnosis.html"} == FILES
    files = [POLICIES / level / name for level in levels.ladder() for name in FILES]
    assert sum(path.stat().st_size for path in files) < 3_000_000


@pytest.mark.parametrize("level", levels.ladder())
def test_a_config_is_that_of_the_level_and_names_no_folder(level: str) -> None:
    setup = setup_of(level)
    config = waybill_config(setup)
    assert config.level == levels.load_level(level)  # the level has not changed since
    assert (setup.transfer.source, config.resume, config.out, config.callbacks) == (None, None, "runs", {})
    assert all(note.startswith("python train.py") for note in notes_of(POLICIES / level))
    assert result_of(level)["commands"] == notes_of(POLICIES / level) != []


@pytest.mark.parametrize("level", levels.ladder())
def test_it_is_as_good_as_its_card_says(level: str) -> None:
    """Game by game where this processor rounds as that of the card did; a choice between equals may fall otherwise."""
    setup, result = setup_of(level), result_of(level)
    assert result["maps"]["first"] == 0
    evaluator = MapEvaluator(setup=setup, first_map=0, maps=MAPS)
    policy = load_policy(setup, POLICIES / level, env=evaluator.env, device=torch.device("cpu"))
    told = result["scores"][setup.names["agent"]]
    scores, before = evaluator(policy.greedy).score, np.array(told["by_map"])
    assert len(before) == result["maps"]["count"] == 100
    assert (scores == before[:MAPS]).mean() >= 0.5
    assert abs(scores.mean() - before[:MAPS].mean()) <= 0.15 * abs(before.mean())
    assert abs(before.mean() - told["mean"]) < 0.01
    assert told["low"] < told["mean"] < told["high"]
    assert told["mean"] > BETTER[level] * max(result["scores"]["greedy"]["mean"], 100.0)
    if level in ("chain", "rivals", "fog"):
        assert told["made"]["tools"] > 15  # the two-stage chain is found


@pytest.mark.parametrize("level", levels.ladder())
def test_its_game_is_one_of_the_card(level: str) -> None:
    game = record.load_game(POLICIES / level / "replay.jsonl")
    states = list(record.replay_states(game))  # raises if it doesn't replay
    assert len(states) == len(game.orders) + 1
    assert game.level == levels.load_level(level)
    result = result_of(level)
    scores = result["scores"][result["choices"]["agent"]]["by_map"]
    assert game.score == scores[game.map_seed] == sorted(scores)[49]  # the median: neither luck nor mishap


@pytest.mark.parametrize("level", levels.ladder())
def test_card_and_page_say_what_was_measured(level: str) -> None:
    result = result_of(level)
    row = result["scores"][result["choices"]["agent"]]
    score = f"{row['mean']:,.1f}"
    assert f"| {score} | {row['low']:,.1f} … {row['high']:,.1f} |" in (POLICIES / level / "README.md").read_text()
    page = (ROOT / "docs" / "policies.md").read_text()
    (line,) = [line for line in page.splitlines() if line.startswith(f"| `{level}` |")]
    assert f"{row['mean']:,.0f} ({row['low']:,.0f} … {row['high']:,.0f})" in line
    assert f"{result['policy']['validation_score']:,.0f}" in line
    if "tools" in row["made"]:
        assert f"| {row['made']['tools']:.1f} |" in line
    assert f"| {row['bankruptcies']:.0%} |".replace("%", " %") in line
