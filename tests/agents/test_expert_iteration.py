"""Expert iteration: learns the chain from rollouts, its targets against loops, seeds against single agents."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from chain import (
    LEFT,
    QUIT,
    RIGHT,
    STATES,
    Chain,
    assert_optimal,
    assert_same_state,
    every_state,
    play,
    reload,
)
from expert import GAMMA, build_expert
from torch.nn import functional

from agents.acting.teacher import TeacherSettings
from agents.expert_iteration import ExpertIteration
from agents.expert_settings import ExpertSettings
from agents.memory.tried import TriedMemory
from groundwork.errors import WaybillError

HL_GAUSS = {"head": "hl_gauss", "atoms": 31, "v_min": -0.3, "v_max": 1.3}

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("switches", [{}, HL_GAUSS, {"searched": 0.0}, {"double": True}], ids=str)
def test_learns_the_optimal_values_of_a_chain(switches: dict[str, Any]) -> None:
    env = Chain(num_envs=16)
    agent = build_expert(env, updates_per_step=1 / 4, **switches)
    play(agent, env, 0, 20_000)
    assert_optimal(agent, GAMMA, 0.07)


def q_by_hand(agent: ExpertIteration, place: int, action: int, turns: int, chooser: np.ndarray | None = None) -> float:
    """The return of an action in a state, played on by the agent's policy, by a loop; ``chooser`` takes the last."""
    q = agent.q_values(*every_state())
    chooser = q if chooser is None else chooser
    found, discount = 0.0, 1.0
    for turn in range(turns):
        if action == QUIT:
            return found + discount * 0.3
        if action == RIGHT and place == STATES - 1:
            return found + discount
        place += 1 if action == RIGHT else -1
        discount *= GAMMA
        if turn + 1 == turns:
            return found + discount * float(q[place, chooser[place].argmax()])
        action = int(q[place].argmax())
    raise AssertionError


@pytest.mark.parametrize("double", [False, True])
@pytest.mark.parametrize("turns", [1, 2, 5])
def test_every_tried_action_has_the_return_of_the_policy_playing_on(turns: int, double: bool) -> None:
    env = Chain(num_envs=STATES)
    agent = build_expert(env, turns=turns, learning_starts=10_000, double=double)
    env.place = np.arange(STATES)
    fitted = None
    if double:  # the fitted weights are others than their average, and choose the last action
        other = torch.randn(agent.fitter.flat.values.shape, generator=torch.Generator().manual_seed(0))
        agent.fitter.flat.values.copy_(other)
        obs, mask = (torch.from_numpy(array).unsqueeze(0) for array in every_state())
        outputs = agent.fitter.network(obs, mask.bool())[0, :, :, 0].detach()
        fitted = np.where(mask[0].numpy() > 0, outputs.numpy(), -np.inf)
        assert (fitted.argmax(1) != agent.q_values(*every_state()).argmax(1)).any()
    agent.act(*env.observe(), None, env_step=0)
    kept = agent.memories[0].columns
    q = agent.q_values(*every_state())
    for place in range(STATES):
        tried = kept["a"][place][kept["tried"][place]].tolist()
        legal = [action for action in (LEFT, RIGHT, QUIT) if np.isfinite(q[place, action])]
        assert tried == sorted(legal, key=lambda action: -q[place, action])
        for k, action in enumerate(tried):
            assert float(kept["target"][place, k]) == pytest.approx(
                q_by_hand(agent, place, action, turns, fitted), rel=1e-5
            )


def test_some_games_go_on_with_the_best_tried_action_the_others_with_the_policys() -> None:
    env = Chain(num_envs=8)
    agent = build_expert(env, searched=0.5, epsilon_start=0.0, epsilon_end=0.0, turns=1)
    env.place[:] = STATES - 1  # the last state: RIGHT pays 1
    obs, mask = env.observe()
    with torch.no_grad():
        for name, parameter in agent.policy.network.named_parameters():
            parameter.zero_()
            if name.endswith("bias") and parameter.shape[-1] == 3:
                parameter[..., LEFT] = 0.9  # what the policy thinks, and acts on
    assert agent.greedy(obs, mask).tolist() == [LEFT] * 8
    assert agent.act(obs, mask, None, env_step=0).tolist() == [LEFT, RIGHT] * 4
    found = agent._found[0]
    assert found[:2].tolist() == [8, 8]
    assert found[2] == pytest.approx(8 * (1.0 - GAMMA * 0.9))


@pytest.mark.parametrize(("searched", "expected"), [(0.0, 0), (0.25, 2), (0.5, 4), (0.7, 5), (1.0, 8)])
def test_the_games_that_are_searched_are_spread_evenly(searched: float, expected: int) -> None:
    """Any part of them, as those of one level of several, has about its share."""
    agent = build_expert(Chain(num_envs=8), searched=searched)
    chosen = agent._is_searched(8)
    assert chosen.sum() == expected
    for size in (2, 4):
        parts = [int(chosen[k : k + size].sum()) for k in range(9 - size)]
        assert max(parts) - min(parts) <= 1


def test_a_share_of_the_states_is_tried() -> None:
    env, share = Chain(num_envs=40), 0.25
    agent = build_expert(env, tried=share, learning_starts=10_000, memory_capacity=2_000)
    play(agent, env, 0, 2_000)
    assert 0.8 * share * 1_500 < len(agent.memories[0]) < 1.2 * share * 2_000


def test_the_fit_is_to_all_tried_actions_and_to_what_tells_them_apart() -> None:
    env = Chain(num_envs=8)
    agent = build_expert(env, contrast=2.0, learning_rate=1e-8)
    play(agent, env, 0, 400)
    agent.means()
    (memory,) = agent.memories
    batch = {name: column.unsqueeze(0) for name, column in memory.sample(16).items()}
    q = agent.fitter.network(batch["obs"], batch["mask"])[0, :, :, 0].detach()
    total, errors = 0.0, []
    for row in range(16):
        tried = batch["tried"][0, row]
        own, target = q[row, batch["a"][0, row][tried]], batch["target"][0, row][tried]
        total += float(functional.huber_loss(own, target, reduction="sum"))
        total += 2.0 * float(functional.huber_loss(own - own.mean(), target - target.mean(), reduction="sum"))
        errors += (own - target).abs().tolist()
    agent.fitter.update(batch, 400)
    means = agent.fitter.metrics()[0]
    assert means["loss"] == pytest.approx(total / len(errors), rel=1e-4)
    assert means["td_error_abs"] == pytest.approx(float(np.mean(errors)), rel=1e-4)


def test_an_average_of_the_weights_acts() -> None:
    env = Chain(num_envs=8)
    agent = build_expert(env, tau=0.25)
    first = agent.average.values.clone()
    torch.testing.assert_close(first, agent.fitter.flat.values)
    agent.branches[0].follow()
    while agent.updates == 0:
        play(agent, env, agent._last_env_step, agent._last_env_step + 8)
    assert agent.updates == 1
    torch.testing.assert_close(agent.average.values, torch.lerp(first, agent.fitter.flat.values, 0.25))
    np.testing.assert_allclose(agent._players[0].q_values(*every_state()), agent.q_values(*every_state()), rtol=1e-5)


@pytest.mark.parametrize("switches", [{}, HL_GAUSS])
def test_two_seeds_are_two_agents(switches: dict[str, Any]) -> None:
    envs = [Chain(num_envs=8), Chain(num_envs=4), Chain(num_envs=4)]
    together, *singles = (
        build_expert(env, seeds=seeds, **switches) for env, seeds in zip(envs, ((3, 4), (3,), (4,)), strict=True)
    )
    actions = np.array(play(together, envs[0], 0, 600))
    for s, single in enumerate(singles):
        assert np.array_equal(play(single, envs[1 + s], 0, 600), actions[:, 4 * s : 4 * s + 4])
        assert single.updates == together.updates > 20
        torch.testing.assert_close(together.average.values[s], single.average.values[0], rtol=1e-3, atol=1e-4)
    assert not np.array_equal(actions[:, :4], actions[:, 4:])


def test_a_restored_agent_goes_on_as_the_uninterrupted_one() -> None:
    env = Chain(num_envs=16)
    agent = build_expert(env, seeds=(1, 2))
    play(agent, env, 0, 8 * 40)
    state, twin = reload(agent.state_dict()), env.copy()
    restored = build_expert(twin, seeds=(7, 8))
    restored.load_state_dict(state)
    assert play(agent, env, 320, 1_320) == play(restored, twin, 320, 1_320)
    assert agent.updates > state["updates"] > 0
    assert_same_state(agent.state_dict(), restored.state_dict())


def test_without_its_memory_it_fills_it_before_it_learns() -> None:
    env = Chain(num_envs=8)
    agent = build_expert(env)
    play(agent, env, 0, 320)
    restored = build_expert(env)
    restored.load_state_dict(reload(agent.state_dict(include_memory=False)))
    play(restored, env, 320, 376)
    assert restored.updates == agent.updates > 0
    play(restored, env, 376, 480)
    assert restored.updates > agent.updates


def test_it_begins_with_given_weights_in_what_acts_too() -> None:
    env = Chain(num_envs=8)
    agent, other = build_expert(env), build_expert(env, seeds=(5,))
    fresh = build_expert(env, seeds=(6,)).policy.network
    agent.begin_with([other.policy_state_dict()["network"]], mode="full", fresh=fresh, shrink_perturb=0.0)
    assert agent.q_values(*every_state()).tolist() == other.q_values(*every_state()).tolist()


def test_means_tell_how_often_another_action_did_best() -> None:
    env = Chain(num_envs=8)
    agent = build_expert(env)
    play(agent, env, 0, 480)
    (means,) = agent.means()
    assert 0.0 < means["other_found"] < 1.0
    assert means["other_gains"] > 0.0
    assert agent.means() == [{}]


@pytest.mark.parametrize("size", [2, 70], ids=["plain", "packed"])
def test_the_memory_keeps_the_last_and_refuses_what_it_cannot_hold(size: int) -> None:
    memory = TriedMemory(
        capacity=5, obs_size=size, n_actions=3, tried=2, obs_dtype="float16", memory_bytes=10_000,
        device=torch.device("cpu"), generator=np.random.default_rng(0),
    )  # fmt: skip
    for k in range(4):
        obs, row = np.full((2, size), 10.0 * k, np.float32), np.full((2, 2), k)
        memory.add(obs, np.ones((2, 3), np.int8), row, row.astype(np.float32), row > 1)
    assert len(memory) == 5
    drawn = memory.sample(200)
    assert set(drawn["obs"][:, 0].tolist()) == {10.0, 20.0, 30.0}
    assert (memory.sparse is not None) == (size > 2)
    assert torch.equal(drawn["obs"][:, -1].float(), 10.0 * drawn["target"][:, 0])
    assert torch.equal(drawn["tried"][:, 0], drawn["a"][:, 0] > 1)
    with pytest.raises(WaybillError, match="agent.obs_dtype=float16 holds numbers up to 65504"):
        memory.add(np.full((1, size), 1e6), np.ones((1, 3)), np.zeros((1, 2)), np.zeros((1, 2)), np.ones((1, 2)))


def test_a_memory_that_does_not_fit_is_refused() -> None:
    with pytest.raises(WaybillError, match=r"3 tried actions\) needs 0.1 GiB.*lower memory_capacity to 14,285"):
        build_expert(Chain(num_envs=8), memory_capacity=2_000_000, memory_bytes=1_000_000)


def test_a_teacher_is_learnt_from() -> None:
    """A teacher that goes left everywhere, against rollouts: with a large weight the policy goes left."""
    chosen = {}
    for weight in (0.0, 50.0):
        env = Chain(num_envs=8)
        teacher = TeacherSettings(weight, 0.1, 0.0, 10**9)
        agent = build_expert(env, teacher=teacher, updates_per_step=1 / 4)
        assert agent.teacher is not None
        with torch.no_grad():
            for name, parameter in agent.teacher.policy.network.named_parameters():
                parameter.zero_()
                if name.endswith("bias") and parameter.shape[-1] == 3:
                    parameter[..., LEFT] = 1.0
        play(agent, env, 0, 6_000)
        chosen[weight] = agent.greedy(*every_state()).tolist()
    assert chosen[0.0] == [RIGHT] * STATES
    assert chosen[50.0] == [RIGHT] + [LEFT] * (STATES - 1)  # LEFT is illegal in the first


@pytest.mark.parametrize(("changes", "message"), [
    ({"head": "quantile"}, "agent=expert_iteration needs agent.head=scalar or hl_gauss, not head=quantile"),
    ({"obs_dtype": "uint8"}, "agent.obs_dtype=uint8 is not allowed, it must be float16, float32 or null"),
    ({"turns": 0}, r"agent.turns=0\b"), ({"searched": 1.5}, r"agent.searched=1.5\b"),
])  # fmt: skip
def test_settings_that_cannot_be_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(WaybillError, match=message):
        ExpertSettings(**changes)
