"""What is not finite ends a training at its step: it is said where it came from, and nothing good is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from trained_runs import spoilt

from experiments.common.checkpoint_files import load_checkpoint
from experiments.runs import checkpoints
from experiments.runs.loop import BatchLoop
from experiments.runs.session import EVIDENCE
from groundwork.errors import NotFiniteError
from tiny import DQN

PQN = ("agent=pqn", "network.width=16", "agent.rollout=4", "agent.minibatches=2")
LEARNERS = {
    "fused candidates": DQN,
    "quantiles": (*DQN, "agent.head=quantile"),
    "fused mlp": (*DQN, "network=mlp", "network.width=[16]"),
    "autograd": (*DQN, "agent.munchausen=true", "agent.n_step=1"),
    "two seeds": (*DQN, "seeds=2"),
    "pqn": PQN,
    "pqn, fused mlp": ("agent=pqn", "network=mlp", "network.width=[16]", *PQN[2:]),
    "expert iteration": (
        "agent=expert_iteration", "network.width=16", "agent.learning_starts=64", "agent.batch_size=16",
        "agent.turns=3", "agent.memory_capacity=600",
    ),
}  # fmt: skip


def all_finite(kept: Any) -> bool:
    numbers = [x for x in torch.utils._pytree.tree_leaves(kept) if isinstance(x, torch.Tensor)]
    return all(bool(torch.isfinite(x).all()) for x in numbers if x.is_floating_point())


def spoil_weight(loop: BatchLoop) -> None:
    next(loop.agent._updater.network.parameters()).data.fill_(torch.nan)


@pytest.mark.parametrize("learner", LEARNERS)
def test_a_loss_that_is_not_finite_ends_a_run_at_its_update(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], learner: str
) -> None:
    """The line says where it came from; batch and weights are kept apart; checkpoint and policy are of before."""
    line = r"^training diverged in update \d+: the loss is not finite \([\w.]+\[0, 0.*\] is nan\); try a lower agent"
    with pytest.raises(NotFiniteError, match=line):
        spoilt(tmp_path, spoil_weight, *LEARNERS[learner])
    run, said = tmp_path / "run", capsys.readouterr().err
    assert f"evidence: {run / EVIDENCE} holds update, batch, weights, target_weights" in said
    assert "not saved: the weights of step" in said
    first = run / "seed0" if learner == "two seeds" else run
    assert all_finite(checkpoints.read_policy(first))
    assert all_finite(checkpoints.load_last(run))
    evidence = load_checkpoint(run / EVIDENCE)
    assert not all_finite(evidence["weights"])
    assert all_finite({name: x for name, x in evidence["batch"].items() if name != "target"})
    assert evidence["env_step"] >= checkpoints.load_last(run)["env_step"]
    column = evidence["batch"]["a_tm1" if "a_tm1" in evidence["batch"] else "a"]
    assert len(column) == (2 if learner == "two seeds" else 1)


@pytest.mark.parametrize("learner", LEARNERS)
def test_an_update_that_overflows_changes_no_weight(tmp_path: Path, learner: str) -> None:
    """Weights of 1e25 are finite, what comes of them isn't: the weights are those of before the update."""
    before: list[torch.Tensor] = []

    def enlarge(loop: BatchLoop) -> None:
        for parameter in loop.agent._updater.network.parameters():
            parameter.data.mul_(1e25)
        before.append(loop.agent._updater.flat.values.clone())

    line = r"\(batch and weights are finite, the largest weight is .*e\+2\d: it overflowed\)"
    if learner.startswith("pqn"):  # the returns that it fits are of its own values
        line = r"the batch's target\[0, \d+\] is"
    with pytest.raises(NotFiniteError, match=line):
        spoilt(tmp_path, enlarge, *LEARNERS[learner])
    kept = load_checkpoint(tmp_path / "run" / EVIDENCE)["weights"]
    assert torch.equal(torch.cat([x.flatten() for x in kept.values()]).sort()[0], before[0].flatten().sort()[0])


def test_a_reward_and_an_observation_that_are_not_finite_are_kept_beside_a_checkpoint_to_go_on_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def spoil_reward(loop: BatchLoop) -> None:
        step = loop.env.step

        def spoiling(a_tm1: Any) -> Any:
            obs_t, r_t, *rest = step(a_tm1)
            r_t = r_t.copy()
            r_t[5] = torch.inf
            return obs_t, r_t, *rest

        loop.env.step = spoiling  # type: ignore[method-assign]

    with pytest.raises(NotFiniteError, match=r"^game 5: the reward is inf, allowed are finite numbers$"):
        spoilt(tmp_path, spoil_reward, *DQN)
    assert "saved after 712 steps; once it is mended, go on with" in capsys.readouterr().err
    run = tmp_path / "run"
    evidence = load_checkpoint(run / EVIDENCE)
    assert evidence["game"] == 5
    assert evidence["env_step"] == 712
    assert evidence["r_t"][5] == torch.inf
    assert evidence["obs_tm1"].shape == evidence["obs_t"].shape
    assert evidence["a_tm1"].shape == (8,)
    state = checkpoints.load_last(run)
    assert state["env_step"] == 712
    assert all_finite(state)
