"""A teacher: its loss beside the TD loss, its actions, how both fade, and what is left once they have."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from chain import Chain, assert_same_state, build, build_pqn, every_state, make_network, play, reload
from learners import ROWS, fill, make_learner
from learners import make_network as make_candidates
from states import LAYOUT

from agents import losses
from agents.acting.policy import QPolicy
from agents.acting.teacher import Teacher, TeacherSettings
from agents.dqn_settings import DQNSettings
from agents.memory.transitions import TransitionBuffers
from agents.networks.heads import ScalarHead, make_head

CPU = torch.device("cpu")
BOTH = pytest.mark.parametrize("make", [build, build_pqn], ids=["dqn", "pqn"])


def make_teacher(seeds: int = 1, **changes: Any) -> Teacher:
    """Of the candidate network, with weights of its own."""
    torch.manual_seed(5)
    network = make_candidates(seeds, 1)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn(parameter.shape) * 0.3)
    policy = QPolicy(network=network, head=ScalarHead(1.0), n_actions=6, device=CPU)
    settings = TeacherSettings(**{"weight": 0.5, "temperature": 0.2, "acting": 0.0, "steps": 100, **changes})
    return Teacher(policy=policy, settings=settings, generators=[np.random.default_rng(s) for s in range(seeds)])


def buffers_of(seeds: int = 1) -> TransitionBuffers:
    return TransitionBuffers(seeds=seeds, batch_size=ROWS, obs_size=LAYOUT.size, n_actions=6, stores_masks=True)


def test_weight_falls_linearly_to_exactly_nothing() -> None:
    teacher = make_teacher()
    assert [teacher.weight(step) for step in (0, 25, 100, 500)] == [0.5, 0.375, 0.0, 0.0]


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize("kind", ["scalar", "quantile", "categorical", "hl_gauss"])
def test_gradients_are_those_of_both_losses(kind: str, seeds: int) -> None:
    """The TD loss's by hand, plus those of the cross-entropy alone, in each seed, whatever the student's head is."""
    head = make_head(kind, atoms=5, v_min=-3.0, v_max=3.0, huber_delta=1.0)
    network = make_candidates(seeds, head.outputs)
    plain, taught = (make_learner(network, kind, True) for _ in range(2))
    assert taught.fused is not None
    taught.teacher = teacher = make_teacher(seeds)
    buffers = buffers_of(seeds)
    fill(buffers, 0)
    batch = buffers.batch
    plain.update(batch, 60)
    q = head.mean(network(batch.obs_tm1, batch.mask_tm1))
    entropy = losses.distillation(
        q, teacher.policy.network(batch.obs_tm1, batch.mask_tm1).squeeze(3), batch.mask_tm1, 0.2
    )
    found = torch.autograd.grad((entropy * batch.weights).mean(1).sum(), list(network.parameters()))
    taught.update(batch, 60)
    assert plain.flat.gradients is not None
    expected = plain.flat.gradients + 0.2 * torch.cat([x.flatten(1) for x in found], dim=1)
    clipped = [x / (x.norm(dim=1, keepdim=True) + 1e-6).clamp(min=0.5) for x in (expected, taught.flat.gradients)]
    torch.testing.assert_close(clipped[1], clipped[0], rtol=1e-3, atol=1e-5)
    assert taught.optimizer.steps == 1


def test_fused_again_once_it_has_faded() -> None:
    """Same bits as an agent without a teacher from the same state: weights, moments and steps of the optimiser."""
    network, buffers = make_candidates(1, 1), buffers_of()
    taught, plain = (make_learner(network, "scalar", True) for _ in range(2))
    taught.teacher = make_teacher(steps=50)
    for number in range(3):
        fill(buffers, number)
        taught.update(buffers.batch, 10 * number)
    plain.load_state_dict(reload(taught.state_dict()))
    for number in range(3, 8):
        fill(buffers, number)
        for learner in (taught, plain):
            learner.update(buffers.batch, 50 + number)
    assert_same_state(taught.state_dict(), plain.state_dict())
    assert taught.updates == taught.optimizer.steps == 8


def test_a_student_becomes_its_teacher() -> None:
    """With a heavy weight the policies come together."""
    fast: dict[str, Any] = {"max_grad_norm": 10.0, "learning_rate": lambda step: 1e-2}
    learner, buffers = make_learner(make_candidates(1, 1), "scalar", True, **fast), buffers_of()
    learner.teacher = teacher = make_teacher(weight=10.0, steps=10**9)
    fill(buffers, 0)
    batch = buffers.batch
    mask, above = batch.mask_tm1, []
    q_teacher = teacher.policy.network(batch.obs_tm1, mask).squeeze(3)
    least = losses.distillation(q_teacher, q_teacher, mask, 0.2).mean().item()
    for _ in range(150):
        q = learner.network(batch.obs_tm1, mask).squeeze(3)
        above.append(losses.distillation(q, q_teacher, mask, 0.2).mean().item() - least)
        learner.update(batch, 0)
    assert 0 <= above[-1] < 0.2 * above[0], above[::30]


def always_left() -> dict[str, torch.Tensor]:
    """Weights of the chain's network by which LEFT is best everywhere."""
    network = DQNSettings().fresh_network(make_network, (0,), CPU).state_dict()
    return {name: torch.zeros_like(x) for name, x in network.items()} | {"head.bias": torch.tensor([[[9.0, 0.0, 1.0]]])}


def teaches(make: Any, seeds: tuple[int, ...] = (0,), epsilon: float = 0.0, **changes: Any) -> Any:
    settings = TeacherSettings(**{"weight": 1.0, "temperature": 0.2, "acting": 0.5, "steps": 4_000, **changes})
    agent = make(seeds=seeds, teacher=settings, epsilon_start=epsilon, epsilon_end=epsilon)
    fresh = DQNSettings().fresh_network(make_network, seeds, CPU)
    agent.begin_with([always_left()] * len(seeds), mode="random_init", fresh=fresh, shrink_perturb=0.0)
    return agent


@BOTH
def test_a_falling_share_of_actions_is_the_teachers(make: Any) -> None:
    agent = teaches(make, steps=1_000)
    chain = Chain(num_envs=2_000)
    chain.place[:] = 3
    obs, mask = chain.observe()
    with torch.no_grad():
        agent.policy.network.head.bias[..., 1] += 99  # its own choice is RIGHT
    shares = [(agent.act(obs, mask, None, env_step=env_step) == 0).mean() for env_step in (0, 500, 1_000)]
    assert shares == [pytest.approx(0.5, abs=0.05), pytest.approx(0.25, abs=0.05), 0.0]


@BOTH
def test_random_numbers_of_all_else_stay_as_they_are(make: Any) -> None:
    """A teacher that has faded out from the start changes nothing but its own state."""
    settings = TeacherSettings(weight=1.0, temperature=0.1, acting=0.5, steps=1)
    taught, plain = make(teacher=settings), make()
    assert play(taught, Chain(num_envs=8), 8, 1_200) == play(plain, Chain(num_envs=8), 8, 1_200)
    theirs, ours = plain.state_dict(), taught.state_dict()
    assert theirs.pop("teacher") is None
    assert ours.pop("teacher") is not None
    assert_same_state(ours, theirs)


@BOTH
def test_seeds_and_a_resumed_run_go_on_with_their_teacher(make: Any) -> None:
    """Seed 1 of two is a run of seed 1; a reloaded agent plays on like the one that was saved."""
    both, env = teaches(make, seeds=(0, 1)), Chain(num_envs=16)
    played = [actions[8:] for actions in play(both, env, 0, 1_200)]
    alone = teaches(make, seeds=(1,))
    assert played[:20] == play(alone, Chain(num_envs=8), 0, 160)
    again = make(seeds=(0, 1), teacher=both.teacher.settings, epsilon_start=0.0, epsilon_end=0.0)
    again.load_state_dict(reload(both.state_dict()))
    twin = env.copy()
    assert play(both, env, 1_200, 2_000) == play(again, twin, 1_200, 2_000)
    assert_same_state(both.state_dict(), again.state_dict())


def test_a_pqn_learns_from_it() -> None:
    """The policy of the chain is RIGHT; a heavy teacher makes it LEFT, as long as it lasts."""
    agent = teaches(build_pqn, weight=1_000.0, acting=0.0, steps=10**9, epsilon=0.5)
    play(agent, Chain(num_envs=8), 0, 6_000)
    assert agent.greedy(*every_state())[1:].tolist() == [0] * 5
