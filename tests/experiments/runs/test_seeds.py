"""Several seeds in one process: each is its own single run, in a folder of its own."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from chain import assert_same_state
from gym_nodes import LEARNS, node
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from trained_runs import StopAfter

from experiments.common import checkpoint_files
from experiments.common.stopping import Interrupted, StopRequest
from experiments.config.reading import read_setup
from experiments.games import evaluate
from experiments.runs import checkpoints
from experiments.runs import train as runs
from experiments.runs.checkpoints import LAST, POLICY
from experiments.runs.loop import make_loop, session_of, train
from tiny import DQN, tiny_node, tiny_setup

CARTPOLE = (*LEARNS, "env.id=CartPole-v1", "network.width=[16]", "steps=1200")


def weights(folder: Path, name: str = POLICY) -> dict[str, Any]:
    if name == POLICY:
        return checkpoints.read_policy(folder)["policy"]["network"]
    return checkpoint_files.load_checkpoint(folder / name)["agent"]["network"]


def curve(folder: Path, tag: str) -> list[tuple[int, float]]:
    events = EventAccumulator(str(folder))
    events.Reload()
    return [(point.step, point.value) for point in events.Scalars(tag)]


@pytest.mark.parametrize("kind", ["gym", "waybill"])
def test_each_seed_is_its_single_run(kind: str, tmp_path: Path) -> None:
    """Weights, curves and result of the second of three seeds, and of a run with that seed alone."""

    def composed(out: Path, *overrides: str) -> Any:
        return node(out, *CARTPOLE, *overrides) if kind == "gym" else tiny_node(out, *DQN, *overrides)

    together, alone = tmp_path / "together", tmp_path / "alone"
    runs.start_run(composed(tmp_path, "seed=4", "seeds=3"), folder=together)
    runs.start_run(composed(tmp_path, "seed=5"), folder=alone)
    own = together / "seed5"
    assert [path.name for path in sorted(together.glob("seed*"))] == ["seed4", "seed5", "seed6"]
    for name, value in weights(alone).items():
        torch.testing.assert_close(weights(own)[name], value, rtol=1e-3, atol=1e-4)
    tags = ("rollout/ep_rew_mean", "train/loss", "eval/score", "train/n_updates")
    for tag in tags:
        points, expected = curve(own, tag), curve(alone, tag)
        assert [step for step, _ in points] == [step for step, _ in expected]
        assert [value for _, value in points] == pytest.approx([value for _, value in expected], rel=1e-3, abs=1e-4)
    ours, theirs = (json.loads((folder / "result.json").read_text()) for folder in (own, alone))
    assert ours["seed"] == theirs["seed"] == 5
    assert ours["scores"]["dqn"]["mean"] == pytest.approx(theirs["scores"]["dqn"]["mean"])
    assert ours["updates"] == theirs["updates"] > 50
    others = [next(iter(weights(together / name).values())) for name in ("seed4", "seed6")]
    assert not torch.equal(*others)


def trained(folder: Path, *stops: int) -> dict[str, Any]:
    """last.pt of two seeds whose training was interrupted after each of ``stops`` batch steps and resumed."""
    state = None
    for name in ("seed0", "seed1"):
        (folder / name).mkdir(parents=True)
    for stop in (*stops, None):
        setup = tiny_setup(folder.parent, *DQN, "seeds=2")
        validation = setup.domain.validation(setup)
        loop = make_loop(setup, validation=validation)
        request = StopRequest() if stop is None else StopAfter(stop)
        with contextlib.nullcontext() if stop is None else pytest.raises(Interrupted, match=f"resume={folder}"):
            train(setup=setup, folder=folder, loop=loop, validation=validation, state=state, stop=request)
        state = checkpoint_files.load_checkpoint(folder / LAST)
    assert state is not None
    return state


def test_a_stopped_group_goes_on_as_the_uninterrupted_one(tmp_path: Path) -> None:
    """Networks, optimisers and memories of all seeds, bit for bit, on Waybill's own games."""
    whole, parts = trained(tmp_path / "whole"), trained(tmp_path / "parts", 60, 30)
    assert whole["env_step"] == parts["env_step"] == 1200
    assert_same_state(parts["agent"], whole["agent"])
    for name in ("seed0", "seed1"):
        best, expected = (weights(tmp_path / kind / name) for kind in ("parts", "whole"))
        assert all(torch.equal(best[key], value) for key, value in expected.items())


def as_before(state: dict[str, Any]) -> dict[str, Any]:
    """last.pt as it was written when a run of one seed had a shape of its own."""
    own, parts = state["seeds"], state["loop"]["env"]["parts"]
    shared = {"env_step": state["env_step"], "agent": state["agent"]}
    if len(own) > 1:
        return shared | {"sessions": [{**one, "seconds": state["seconds"]} for one in own], "loop": state["loop"]}
    return shared | own[0] | {"seconds": state["seconds"], "loop": {**state["loop"], "env": parts[0]}}


@pytest.mark.parametrize("seeds", [1, 2])
def test_a_checkpoint_of_before_is_gone_on_with(tmp_path: Path, seeds: int) -> None:
    (tmp_path / "run").mkdir()
    runs.start_run(tiny_node(tmp_path, *DQN, f"seeds={seeds}"), folder=tmp_path / "run" / "now")
    state = checkpoint_files.load_checkpoint(tmp_path / "run" / "now" / LAST)
    checkpoint_files.save_checkpoint(tmp_path / "run" / LAST, as_before(state))
    found = checkpoints.load_last(tmp_path / "run")
    assert_same_state(found["agent"], state["agent"])
    assert found["seconds"] == state["seconds"]
    assert [one["curve"] for one in found["seeds"]] == [one["curve"] for one in state["seeds"]]
    loop = make_loop(setup := tiny_setup(tmp_path, *DQN, f"seeds={seeds}"), validation=setup.domain.validation(setup))
    loop.agent.load_state_dict(found["agent"])
    loop.load_state_dict(found["loop"])


def test_a_seed_that_is_done_leaves_the_others_their_own_curves(tmp_path: Path) -> None:
    """The first seed reaches the score before training, the second never: its losses are those of its updates."""
    folder, overrides = tmp_path / "group", ("env.id=CartPole-v1", *CARTPOLE, "seeds=2", "log_every=200")
    setup = read_setup(node(tmp_path, *overrides))
    for name in ("seed0", "seed1"):
        (folder / name).mkdir(parents=True)
    loop = make_loop(setup, validation=setup.domain.validation(setup))
    session = session_of(setup, folder, loop, setup.domain.validation(setup), StopRequest())
    session.begin(None)
    session.seeds[0].reached = {"score": 9.0, "env_step": 0, "seconds": 0.0, "seconds_since_start": None}
    loop.run(session)
    session.close()
    losses = [value for _, value in curve(folder / "seed1", "train/loss")]
    assert len(losses) > 3
    assert len(set(losses)) == len(losses)
    assert session.seeds[0].env_step == 0
    assert session.env_step == session.seeds[1].env_step >= 1200


def test_a_seed_is_measured_by_itself_and_the_group_says_so(tmp_path: Path) -> None:
    group = tmp_path / "group"
    runs.start_run(node(tmp_path, *CARTPOLE, "seeds=2"), folder=group)
    given: dict[str, Any] = {"level": None, "maps": None, "map_seed": None, "device": "cpu", "out": str(tmp_path)}
    with pytest.raises(ValueError, match=r"holds 2 seeds: name one, '.*seed0'"):
        evaluate.evaluate_target(str(group), episodes=3, seed=0, **given)
    scores = evaluate.evaluate_target(str(group / "seed1"), episodes=4, seed=7, **given)
    assert np.isfinite(scores["dqn"]["mean"])
    assert len(scores["dqn"]["by_seed"]) == 4


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("agent=sb3_dqn", "seeds=2 is not allowed, it must be 1 with agent=sb3_dqn: only dqn and pqn train several"),
        ("agent=greedy", "seeds=2 is not allowed, it must be 1 with agent=greedy: only dqn and pqn train several"),
        ("seed=65535", "seeds=2 is not allowed, it must be 1..1024, seed + seeds up to 65536"),
    ],
)
def test_agents_that_cannot_and_seeds_that_are_not_there_are_refused(override: str, line: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=line.replace("..", r"\.\.").replace("+", r"\+")):
        read_setup(tiny_node(tmp_path, "seeds=2", override))


def test_curves_of_the_others_go_on_when_one_seed_has_reached_its_score(tmp_path: Path) -> None:
    """Seed 5 reaches 70 and ends; whatever is logged of seed 6 goes on moving to the last step."""
    stop = ("steps=2400", "evaluation.every=200", "log_every=100", "stop_at_score=70")
    runs.start_run(tiny_node(tmp_path, *DQN, "seed=5", "seeds=2", *stop), folder=tmp_path / "group")
    assert curve(tmp_path / "group" / "seed5", "train/loss")[-1][0] <= 1200
    for tag in ("train/loss", "train/q_mean", "train/grad_norm", "train/n_updates"):
        late = [(step, value) for step, value in curve(tmp_path / "group" / "seed6", tag) if step > 1200]
        assert [step for step, _ in late][-1] == 2400
        assert len({value for _, value in late}) == len(late) == 12
