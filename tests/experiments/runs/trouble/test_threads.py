"""A run comes to the same, bit for bit, on any number of threads and in any process."""

from __future__ import annotations

from pathlib import Path

import pytest
from outcome import outcome, unlike

from experiments.runs.train import start_run
from tiny import DQN, tiny_node

LEARNERS = {
    "dqn": DQN,
    "mlp": (*DQN, "network=mlp", "network.width=[16]"),
    "two seeds": (*DQN, "seeds=2"),
    "pqn": ("agent=pqn", "network.width=16", "agent.rollout=4", "agent.minibatches=2"),
    "expert iteration": (
        "agent=expert_iteration", "network.width=16", "agent.learning_starts=64", "agent.batch_size=16",
        "agent.turns=3", "agent.memory_capacity=600",
    ),
}  # fmt: skip


LARGER = dict.fromkeys(("dqn", "mlp", "two seeds"), ("agent.memory_capacity=1600",))


@pytest.mark.parametrize("learner", LEARNERS)
def test_a_whole_run_does_not_depend_on_the_number_of_threads(tmp_path: Path, learner: str) -> None:
    """Weights, memory, scores and curves; 40 games are enough for several threads to share them."""
    for threads in (1, 3):
        node = tiny_node(tmp_path, *LEARNERS[learner], "num_envs=40", *LARGER.get(learner, ()), f"threads={threads}")
        start_run(node, folder=tmp_path / str(threads))
    one, three = (outcome(tmp_path / str(threads)) for threads in (1, 3))
    different = {line for line in unlike(one, three) if ".threads" not in line}
    assert different == set()
