"""The trainings that are killed: small ones of each kind that promises to end the same, bit for bit."""

from __future__ import annotations

from pathlib import Path

from tiny import COMMON, DQN

SMALL = ("steps=4800", "checkpoint_every=400", "evaluation.every=600", "train_maps=16")
# A memory of several files, which come and go: a checkpoint is more than one file then
LARGE = ("agent.memory_capacity=2000", "network.width=32")
PQN = ("agent=pqn", "network.width=16", "agent.rollout=4", "agent.minibatches=2")
CASES: dict[str, tuple[str, ...]] = {
    "dqn": (*DQN, *LARGE),
    "dqn, prioritised, noisy, quantiles": (
        *DQN, "agent.prioritised=true", "agent.noisy=true", "agent.head=quantile", "agent.redo_every=50",
    ),
    "dqn, two seeds": (*DQN, *LARGE, "seeds=2"),
    "pqn": PQN,
    "self-play": (*DQN, "rivals=[self,greedy]", "selfplay.snapshot_every=400"),
    "curriculum": (
        *DQN, "level=refine", "curriculum=ladder", "curriculum.levels=[haul,refine]", "curriculum.most_steps=0.2",
    ),
    "teacher": (*DQN, "transfer.from=SOURCE", "transfer.teacher=true", "transfer.teacher_steps=4000"),
    "expert iteration": (
        "agent=expert_iteration", "network.width=16", "agent.learning_starts=64", "agent.batch_size=16",
        "agent.turns=3", "agent.memory_capacity=600", "steps=1600",
    ),
}  # fmt: skip


def words_of(name: str, source: Path) -> list[str]:
    """The words of a case's command; ``source`` is the run that teachers come from."""
    own = [word.replace("SOURCE", str(source)) for word in CASES[name]]
    return [*COMMON, *SMALL, *own]
