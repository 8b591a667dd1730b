"""The policies that come with the project: one for each level, small, whole, and better than the greedy rule."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from envs.waybill.core import levels
from experiments.config.reading import Setup, read_run
from experiments.games.waybill.baselines import evaluate_player
from experiments.games.waybill.config import waybill_config
from experiments.games.waybill.evaluation import MapEvaluator
from experiments.runs.policies import load_policy

ROOT = Path(__file__).resolve().parents[1]
POLICIES = ROOT / "policies"
FIRST_MAP, MAPS = 8_000_000, 12  # held out
# Better than greedy by so many times at least: about half of what was measured on 30 to 100 maps (docs/policies.md).
BETTER = {"haul": 1.05, "refine": 1.1, "chain": 1.3, "rivals": 5.0, "fog": 2.0}


def setup_of(level: str) -> Setup:
    return read_run(POLICIES / level)


def test_there_is_one_for_every_level_and_all_are_small() -> None:
    assert sorted(path.name for path in POLICIES.iterdir() if path.name != ".cache") == sorted(levels.ladder())
    files = [path for level in levels.ladder() for path in (POLICIES / level).iterdir()]
    assert {path.name for path in files} == {"best.pt", "config.yaml"}
    assert sum(path.stat().st_size for path in files) < 2_000_000


@pytest.mark.parametrize("level", levels.ladder())
def test_a_config_is_that_of_the_level_and_names_no_folder(level: str) -> None:
    setup = setup_of(level)
    config = waybill_config(setup)
    assert config.level == levels.load_level(level)  # the level has not changed since
    assert (setup.transfer.source, config.resume, config.out, config.callbacks) == (None, None, "runs", {})
    first = (POLICIES / level / "config.yaml").read_text().splitlines()[0]
    assert first.startswith("# python train.py")


@pytest.mark.parametrize("level", levels.ladder())
def test_it_plays_far_better_than_the_greedy_rule(level: str) -> None:
    setup = setup_of(level)
    evaluator = MapEvaluator(setup=setup, first_map=FIRST_MAP, maps=MAPS)
    policy = load_policy(setup, POLICIES / level, env=evaluator.env, device=torch.device("cpu"))
    games = evaluator(policy.greedy)
    greedy = evaluate_player(
        "greedy", level=levels.load_level(level), first_map=FIRST_MAP, maps=MAPS, cache=None, threads=1
    )
    assert games.score.mean() > BETTER[level] * max(greedy.score.mean(), 100.0)
    if level in ("chain", "rivals", "fog"):
        assert (games.made["tools"] > 0).mean() > 0.4  # the two-stage chain is found
