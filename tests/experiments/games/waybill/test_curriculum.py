"""Runs with a curriculum: when they move up, what they leave, and that a resumed one is the uninterrupted one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ladder_games import games
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from trained_runs import differences, trained

from agents.networks.weights import flat_values
from experiments.config.curriculum import CurriculumConfig
from experiments.config.reading import read_setup
from experiments.games import evaluate
from experiments.games.waybill.curriculum import LadderCurriculum
from experiments.games.waybill.evaluation import MapGames
from experiments.runs import checkpoints, train
from experiments.runs.loop import make_loop
from experiments.runs.policies import load_policy
from tiny import DQN, tiny_node, tiny_setup

LADDER = (
    *DQN, "level=refine", "level.horizon=30", "curriculum=ladder", "curriculum.most_steps=0.4", "steps=1200",
    "curriculum.shrink_perturb=0.3", "actions.candidates_start=4",
)  # fmt: skip


class Scores:
    """An evaluator of games whose scores are given."""

    env = None

    def __init__(self, scores: list[int], made: list[int]) -> None:
        self.scores, self.made = scores, made

    def warm_up(self) -> None: ...

    def __call__(self, policy: Any) -> MapGames:
        score = np.array([self.scores.pop(0)])
        units = {good: np.full(1, self.made[0]) for good in ("wood", "ore", "planks", "iron", "tools")}
        self.made = self.made[1:] or self.made
        return MapGames(score, score < 0, np.zeros(1), np.ones(1, np.int64), score > 0, False, units)


def curriculum_of(
    tmp_path: Path, scores: list[int], *, units: tuple[int, ...] = (0,), **settings: Any
) -> tuple[LadderCurriculum, list[int]]:
    perturbed: list[int] = []

    def shrink_perturb(draw: int, share: float) -> dict[str, float]:
        perturbed.append(draw)
        return {"dormant_before": 0.5}

    own = CurriculumConfig(name="ladder", **settings)
    evaluator: Any = Scores(scores, list(units))
    curriculum = LadderCurriculum(
        games=games(tmp_path), settings=own, total_steps=1000, last_step=1000, validation=lambda level: evaluator,
        goal=lambda level: 100.0, shrink_perturb=shrink_perturb,
    )  # fmt: skip
    return curriculum, perturbed


def nothing(obs: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return np.zeros(len(obs), np.int64)


def test_a_run_moves_up_when_a_level_is_mastered_but_not_too_early(tmp_path: Path) -> None:
    curriculum, perturbed = curriculum_of(tmp_path, [89, 90], mastered=0.9, least_steps=0.2, most_steps=0.4)
    tags = curriculum.after_evaluation(nothing, 7.0)
    assert (tags["ladder/level"], tags["ladder/haul/score"], tags["ladder/haul/made/ore"]) == (1.0, 89.0, 0.0)
    assert curriculum.after_step(300) == {}
    curriculum.after_evaluation(nothing, 7.0)
    curriculum.total_steps = 2000
    assert curriculum.after_step(300) == {}  # 0.15 of the steps
    assert curriculum.after_step(400) == {"ladder/level": 2.0, "ladder/dormant_before": 0.5}
    assert curriculum.begun == {"haul": 0, "refine": 400}
    assert perturbed == [1]
    assert curriculum.after_step(900) == {}  # mastery is not handed on


def test_a_level_may_ask_for_its_last_good_beside_the_score(tmp_path: Path) -> None:
    """On haul nothing is refined, so the score is enough there."""
    curriculum, _ = curriculum_of(tmp_path, [200, 200, 200], units=(0, 11, 12), made=12, least_steps=0, most_steps=0.4)
    curriculum.games.reset(seed=0)
    moved = []
    for step in (100, 200, 300):
        curriculum.after_evaluation(nothing, 7.0)
        moved.append(bool(curriculum.after_step(step)))
        for _ in range(2):
            curriculum.games.step(np.zeros(8, np.int64))
    assert moved == [True, False, True]


def test_a_run_moves_up_after_the_most_steps_in_any_case_and_stays_on_top(tmp_path: Path) -> None:
    curriculum, perturbed = curriculum_of(tmp_path, [], least_steps=0.1, most_steps=0.25)
    curriculum.games.reset(seed=0)
    moved = []
    for step in range(50, 1050, 50):
        if curriculum.after_step(step):
            moved.append(step)
            for _ in range(2):
                curriculum.games.step(np.zeros(8, np.int64))
    assert moved == [250, 500]
    assert perturbed == [1, 2]
    assert curriculum.on_top
    assert curriculum.after_evaluation(nothing, 7.0) == {"ladder/level": 3.0, "ladder/chain/score": 7.0}
    curriculum.load_state_dict({"begun": {"haul": 0, "refine": 3}, "mastered": True})
    assert curriculum.level.name == "refine"


@pytest.mark.parametrize("agent", [(), ("agent.prioritised=true",)])
def test_a_resumed_ladder_run_equals_an_uninterrupted_one(agent: tuple[str, ...], tmp_path: Path) -> None:
    """Stopped before the move, when it is asked for (after batch step 60), when games are cut off, and after it."""
    whole = trained(tmp_path / "whole", *LADDER, *agent)
    parts = trained(tmp_path / "parts", *LADDER, *agent, stops=(30, 28, 0, 0, 20))
    assert differences(whole, parts) == []
    assert whole["seeds"][0]["climb"]["begun"] == {"haul": 0, "refine": 480}
    best = [checkpoints.read_policy(tmp_path / name) for name in ("whole", "parts")]
    assert differences(best[0], best[1]) == []


def test_a_limit_of_all_slots_is_a_run_like_any_other(tmp_path: Path) -> None:
    plain, grown = (
        trained(tmp_path / name, *DQN, *more) for name, more in (("a", ()), ("b", ("actions.candidates_start=32",)))
    )
    assert differences(plain["agent"], grown["agent"]) == []


def test_a_run_leaves_where_it_was_when(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    train.start_run(tiny_node(tmp_path, *LADDER, "evaluation.every=200"), folder=folder)
    result = json.loads((folder / "result.json").read_text())
    assert result["ladder"] == {"haul": 0, "refine": 480}
    assert result["choices"]["curriculum"] == "ladder"
    events = EventAccumulator(str(folder))
    events.Reload()
    shown = [(point.step, point.value) for point in events.Scalars("ladder/level")]
    assert shown == [(0, 1), (200, 1), (400, 1), (480, 2), (600, 2), (800, 2), (1000, 2), (1200, 2)]
    assert [point.step for point in events.Scalars("ladder/haul/score")] == [0, 200, 400]
    own = {point.step: point.value for point in events.Scalars("eval/score")}
    assert all(own[point.step] == point.value for point in events.Scalars("ladder/refine/score"))
    for tag in ("ladder/dormant_before", "ladder/dormant_after"):
        assert [point.step for point in events.Scalars(tag)] == [480]
    scores = evaluate.evaluate_target(str(folder), level="haul", maps=3, device="cpu", out=str(tmp_path))
    assert len(scores["dqn"]["by_map"]) == 3


def test_each_of_several_seeds_climbs_by_itself(tmp_path: Path) -> None:
    """As its single run does; weights up to rounding, which several seeds' passes are made with."""
    train.start_run(tiny_node(tmp_path, *LADDER, "seeds=2", "seed=4"), folder=tmp_path / "both")
    train.start_run(tiny_node(tmp_path, *LADDER, "seed=5"), folder=tmp_path / "one")
    ours, theirs = (json.loads((tmp_path / x / "result.json").read_text()) for x in ("both/seed5", "one"))
    assert ours["ladder"] == theirs["ladder"] == {"haul": 0, "refine": 480}
    a, b = (checkpoints.read_policy(tmp_path / x)["policy"]["network"] for x in ("both/seed5", "one"))
    for name, value in b.items():
        torch.testing.assert_close(a[name], value, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("agent", ["dqn", "pqn"])
def test_shrink_and_perturb_moves_one_seed_that_far(agent: str, tmp_path: Path) -> None:
    setup = tiny_setup(tmp_path, f"agent={agent}", "network.width=16", "seeds=2")
    loop: Any = make_loop(setup, validation=setup.domain.validation(setup))
    fresh = [setup.agent.fresh_network(loop.make_network, [0, 1], torch.device("cpu"), draw=k) for k in (1, 2)]
    assert not torch.equal(flat_values(fresh[0]), flat_values(fresh[1]))
    updater = loop.agent._updater
    updater.optimizer.mean.fill_(1.0)
    before = updater.flat.values.clone()
    loop.agent.shrink_perturb(fresh[0], 0.25, 1)
    assert torch.equal(updater.flat.values[0], before[0])
    torch.testing.assert_close(updater.flat.values[1], 0.75 * before[1] + 0.25 * flat_values(fresh[0])[1])
    assert updater.optimizer.mean[0].all()
    assert not updater.optimizer.mean[1].any()
    if agent == "dqn":
        assert torch.equal(updater.target_flat.values[1], updater.flat.values[1])


def test_weights_of_few_candidates_play_with_many(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    train.start_run(tiny_node(tmp_path, *DQN, "actions.candidates=8", "steps=400"), folder=folder)
    saved = checkpoints.read_policy(folder)["policy"]["network"]
    wide = tiny_setup(tmp_path, *DQN, "actions.candidates=32")
    env = wide.domain.validation(wide).env
    policy = load_policy(wide, folder, env=env, device=torch.device("cpu"))
    obs, infos = env.reset(seed=0)
    q = policy.q_values(obs, infos["action_mask"])
    assert q.shape == (4, 32)
    loop: Any = make_loop(wide, validation=wide.domain.validation(wide))
    own = loop.agent.policy.network.state_dict()
    assert {name: value.shape for name, value in own.items()} == {name: value.shape for name, value in saved.items()}
    given: dict[str, Any] = {"maps": 3, "device": "cpu", "out": str(tmp_path)}
    few, many = (evaluate.evaluate_target(str(folder), candidates=k, **given)["dqn"]["by_map"] for k in (8, 32))
    assert few == evaluate.evaluate_target(str(folder), **given)["dqn"]["by_map"]
    assert len(many) == 3
    with pytest.raises(ValueError, match=r"^--candidates=1 is not allowed, it must be 2\.\.256$"):
        evaluate.evaluate_target(str(folder), candidates=1, **given)


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (("curriculum.mastered=2",), "curriculum.mastered=2.0 needs curriculum=ladder"),
        (
            ("curriculum=ladder", "agent=greedy"),
            "curriculum=ladder: agent=greedy has games of its own, only dqn and pqn can",
        ),
        (
            ("actions.candidates_start=4", "agent=sb3_dqn"),
            "actions.candidates_start=4: agent=sb3_dqn has games of its own, only dqn and pqn can",
        ),
        (
            ("curriculum=ladder", "actions=masked"),
            "curriculum=ladder: actions=masked numbers the orders of each level anew, take heuristic or random_k",
        ),
        (
            ("curriculum=ladder", "actions=buckets"),
            "curriculum=ladder: actions=buckets numbers the orders of each level anew, take heuristic or random_k",
        ),
        (
            ("curriculum=ladder", "curriculum.levels=[haul,nope,refine]"),
            "curriculum.levels: unknown level 'nope', known are haul, refine, chain, rivals, fog",
        ),
        (
            ("curriculum=ladder", "curriculum.levels=[refine,haul]"),
            "curriculum.levels=[refine,haul] must name each level once and end with level=refine",
        ),
        (
            ("curriculum=ladder", "level.rung=null"),
            "curriculum=ladder: level=refine is not on the ladder (it has no rung), give curriculum.levels=[...]",
        ),
        (
            ("curriculum=ladder", "curriculum.most_steps=1"),
            "curriculum.most_steps=1: 1 levels may take all steps, none would be left for level=refine",
        ),
        (
            ("curriculum=ladder", "curriculum.least_steps=0.5"),
            "curriculum.least_steps=0.5 is not allowed, it must be 0..0.15 (curriculum.most_steps)",
        ),
        (
            ("actions=full", "actions.candidates_start=4"),
            "actions.candidates_start=4: actions=full has no candidates to grow, actions=heuristic and random_k do",
        ),
        (
            ("actions.candidates_start=33",),
            "actions.candidates_start=33 is not allowed, it must be 2..32 (actions.candidates) or null",
        ),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(overrides: tuple[str, ...], line: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="^") as caught:
        read_setup(tiny_node(tmp_path, "level=refine", *overrides))
    assert str(caught.value) == line


def test_a_run_on_the_ladder_is_measured_against_policies_too(tmp_path: Path) -> None:
    """It has learnt on maps with fewer companies; what it sees on its own level has room for all of them."""
    folder = tmp_path / "run"
    levels = (
        "level=rivals",
        "level.horizon=20",
        "curriculum.levels=[haul,rivals]",
        "steps=600",
        "level.planner_effort=1",
    )
    train.start_run(tiny_node(tmp_path, *LADDER, *levels), folder=folder)
    result = json.loads((folder / "result.json").read_text())
    assert list(result["ladder"]) == ["haul", "rivals"]
    scores = evaluate.evaluate_target(str(folder), rivals=f"{folder},greedy", maps=3, device="cpu", out=str(tmp_path))
    assert len(scores["dqn"]["by_map"]) == 3
