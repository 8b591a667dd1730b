"""Runs of expert iteration: from a run's weights, stopped and gone on with, and refused where games are not copied."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from trained_runs import differences, trained

from experiments.runs import train as runs
from groundwork.errors import WaybillError
from tiny import DQN, tiny_node

EXPERT = (
    "agent=expert_iteration", "network.width=16", "agent.learning_starts=64", "agent.batch_size=16", "agent.turns=3",
    "agent.memory_capacity=600",
)  # fmt: skip


@pytest.mark.parametrize("level", ["haul", "rivals"])
def test_an_interrupted_run_ends_bit_for_bit_like_an_uninterrupted_one(tmp_path: Path, level: str) -> None:
    more = (f"level={level}", "evaluation.maps=2")
    whole = trained(tmp_path / "whole", *EXPERT, *more)
    parts = trained(tmp_path / "parts", *EXPERT, *more, stops=(20,))
    assert differences(whole, parts) == []
    assert whole["agent"]["updates"] > 20


def test_a_run_goes_on_from_what_a_dqn_has_learnt(tmp_path: Path) -> None:
    runs.start_run(tiny_node(tmp_path, *DQN, "steps=600"), folder=tmp_path / "first")
    given = (f"transfer.from={tmp_path / 'first'}", "transfer.epsilon_start=0.05", "steps=800")
    runs.start_run(tiny_node(tmp_path, *EXPERT, *given), folder=tmp_path / "second")
    first, second = (json.loads((tmp_path / name / "result.json").read_text()) for name in ("first", "second"))
    assert second["choices"]["agent"] == "expert_iteration"
    assert second["curve"][0][1] == pytest.approx(first["policy"]["validation_score"])  # begins where that ended
    assert second["updates"] > 20
    assert set(second["scores"]) == {"expert_iteration", "random", "greedy", "planner"}
    events = EventAccumulator(str(tmp_path / "second"))
    events.Reload()
    assert {"train/other_found", "train/other_gains", "train/loss"} <= set(events.Tags()["scalars"])


def test_a_run_through_levels_is_gone_on_with_bit_for_bit(tmp_path: Path) -> None:
    """Its states are tried on copies of each level's games, also right after a move up."""
    more = ("level=refine", "curriculum=ladder", "curriculum.replay_share=0.5", "curriculum.least_steps=0.1",
            "curriculum.most_steps=0.3", "evaluation.maps=2")  # fmt: skip
    whole = trained(tmp_path / "whole", *EXPERT, *more)
    parts = trained(tmp_path / "parts", *EXPERT, *more, stops=(20, 45))
    assert differences(whole, parts) == []
    assert 0 < whole["seeds"][0]["climb"]["begun"]["refine"] < 1200
    assert whole["agent"]["updates"] > 20


def test_fewer_candidates_at_first_are_refused(tmp_path: Path) -> None:
    message = "actions.candidates_start=4: agent=expert_iteration plays with all candidates, .* must be null"
    with pytest.raises(WaybillError, match=message):
        runs.start_run(tiny_node(tmp_path, *EXPERT, "actions.candidates_start=4"), folder=tmp_path / "run")


def test_games_that_cannot_be_copied_are_refused(tmp_path: Path) -> None:
    gym = ("env=gym", "env.id=CartPole-v1", "network=mlp", "network.width=[16]")
    chosen = tuple(word for word in EXPERT if not word.startswith("network"))
    with pytest.raises(WaybillError, match="agent=expert_iteration: games of env=gym can't be copied"):
        runs.start_run(tiny_node(tmp_path, *chosen, *gym), folder=tmp_path / "run")
