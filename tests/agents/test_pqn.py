"""PQN: learns the chain, against naive lambda-returns, seeds against single agents, and its round trip."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from chain import Chain, assert_optimal, assert_same_state, build_pqn, every_state, optimal_q, play, reload

from agents.pqn import PQN
from agents.pqn_settings import PQNSettings

HL_GAUSS = {"head": "hl_gauss", "atoms": 31, "v_min": -0.3, "v_max": 1.3}

pytestmark = pytest.mark.usefixtures("one_thread")


def by_autograd(agent: PQN) -> PQN:
    """The same agent, without fused updates and forward passes."""
    agent.fitter.is_fused, agent.policy.flat = False, None
    return agent


@pytest.mark.parametrize("switches", [{}, {"dueling": True}, HL_GAUSS], ids=["scalar", "dueling", "hl_gauss"])
def test_learns_the_optimal_values_of_a_chain(switches: dict[str, Any]) -> None:
    """With lambda = 0: otherwise the values are those of the exploring player in part."""
    defaults = {"epsilon_end": 0.5, "epsilon_fraction": 0.2, "lambda_": 0.0, "learning_rate": 5e-3}
    agent = build_pqn(num_envs=16, total_steps=12_000, **defaults | switches)
    play(agent, Chain(num_envs=16), 0, 12_000)
    assert_optimal(agent, 0.8)
    assert agent.updates == 46 * 8


def test_lambda_carries_values_back_quickly() -> None:
    """Acts optimally after a quarter of the updates."""
    agent = build_pqn(epsilon_end=0.2, lambda_=0.65, num_envs=16, total_steps=6_000)
    play(agent, Chain(num_envs=16), 0, 6_000)
    assert agent.greedy(*every_state()).tolist() == optimal_q(0.8).argmax(1).tolist()


def naive_returns(rows: list[dict[str, Any]], v: list[np.ndarray], lambda_: float) -> np.ndarray:
    """Returns [T, N] by loops; v[t] are the values of the states in which step t was taken, v[T] those after."""
    returns = np.zeros((len(rows), len(v[0])))
    for game in range(len(v[0])):
        for t in reversed(range(len(rows))):
            row, value = rows[t], v[t + 1][game]
            mixed = value
            if t + 1 < len(rows) and not (row["terminated_t"] | row["truncated_t"])[game]:
                mixed = (1 - lambda_) * value + lambda_ * returns[t + 1, game]
            returns[t, game] = row["r_t"][game] + (0.0 if row["terminated_t"][game] else 0.8 * mixed)
    return returns


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("lambda_", [0.0, 0.65, 1.0])
def test_the_fit_is_to_naive_lambda_returns(lambda_: float, fused: bool) -> None:
    """The loss of the one update after a rollout, over games that end, are cut and reset; resets don't count."""
    agent, env = build_pqn(minibatches=1, epochs=1, lambda_=lambda_, epsilon_start=1.0), Chain(num_envs=8, limit=3)
    if not fused:
        by_autograd(agent)
    rows, values, taken = [], [], []
    for step in range(17):
        obs, mask = env.observe()
        q = agent.q_values(obs, mask)
        a = agent.act(obs, mask, None, env_step=8 * step)
        values.append(np.where(mask.any(1), q.max(1), 0.0))
        taken.append(np.take_along_axis(q, a[:, None], 1)[:, 0])
        result = env.step(a)
        agent.observe(obs_tm1=obs, mask_tm1=mask, a_tm1=a, **result)
        rows.append(result)
        assert agent.learn(8 * step + 8) == (step == 16)
    counts = ~np.stack([row["reset_rows"] for row in rows[:16]])
    assert 0.1 < 1 - counts.mean() < 0.4
    errors = np.where(counts, naive_returns(rows[:16], values, lambda_) - np.stack(taken[:16]), 0.0)
    assert agent.means()[0]["loss"] == pytest.approx(float((0.5 * errors**2).mean()), rel=1e-4)


def test_what_a_reset_row_holds_does_not_matter() -> None:
    """Its action was ignored and its reward is none."""
    agents = [build_pqn(), build_pqn()]
    env, twin, resets = Chain(num_envs=8, limit=4), Chain(num_envs=8, limit=4), 0
    for step in range(60):
        obs, mask = env.observe()
        a, other = (agent.act(obs, mask, None, env_step=8 * step) for agent in agents)
        assert (a == other).all()
        result, _ = env.step(a), twin.step(a)
        reset = result["reset_rows"]
        resets += int(reset.sum())
        agents[0].observe(obs_tm1=obs, mask_tm1=mask, a_tm1=a, **result)
        spoilt = result | {"r_t": np.where(reset, 100.0, result["r_t"]).astype(np.float32)}
        agents[1].observe(obs_tm1=obs, mask_tm1=mask, a_tm1=np.where(reset, 2 - a, a), **spoilt)
        for agent in agents:
            agent.learn(8 * step + 8)
    assert resets > 50
    assert agents[0].updates == 24
    assert torch.equal(agents[0].fitter.flat.values, agents[1].fitter.flat.values)


@pytest.mark.parametrize(
    ("switches", "fused"), [({}, True), ({"dueling": True, "epsilon_ladder": 1.0}, False), (HL_GAUSS, False)]
)
def test_two_seeds_are_two_agents(switches: dict[str, Any], fused: bool) -> None:
    """The same actions over some 150 updates, and nearly the same numbers in the end."""
    agents = [build_pqn(num_envs=4, seeds=seeds, **switches) for seeds in ((3, 4), (3,), (4,))]
    for agent in agents:
        if not fused:
            by_autograd(agent)
    together, *singles = agents
    actions = np.array(play(together, Chain(num_envs=8), 0, 1_200))  # [steps, S * N]
    means = together.means()
    for s, single in enumerate(singles):
        assert np.array_equal(play(single, Chain(num_envs=4), 0, 1_200), actions[:, 4 * s : 4 * s + 4])
        assert single.updates == together.updates == 18 * 8
        torch.testing.assert_close(together.fitter.flat.values[s], single.fitter.flat.values[0], rtol=1e-4, atol=1e-5)
        assert means[s] == pytest.approx(single.means()[0], rel=1e-3, abs=1e-5)
    assert not np.array_equal(actions[:, :4], actions[:, 4:])


@pytest.mark.parametrize("switches", [{}, HL_GAUSS])
def test_a_restored_agent_goes_on_as_the_uninterrupted_one(switches: dict[str, Any]) -> None:
    """Amidst a rollout: weights, optimiser, what was played, generators and metrics, bit for bit."""
    agent, env = build_pqn(seeds=(1, 2), **switches), Chain(num_envs=16)
    play(agent, env, 0, 8 * 40)
    state = agent.state_dict()
    assert len(state["rows"]) == 8  # of step 40, beyond two rollouts of 16
    restored = build_pqn(seeds=(7, 8), **switches)
    play(restored, Chain(num_envs=16), 0, 400)  # whatever it did before
    restored.load_state_dict(reload(state))
    twin = env.copy()
    assert play(agent, env, 320, 1_320) == play(restored, twin, 320, 1_320)
    assert agent.updates > state["updates"] > 0
    assert_same_state(agent.state_dict(), restored.state_dict())
    assert agent.means() == restored.means()


def test_without_its_memory_a_rollout_begins_anew() -> None:
    agent, env = build_pqn(), Chain(num_envs=8)
    play(agent, env, 0, 8 * 40)
    restored = build_pqn()
    restored.load_state_dict(reload(agent.state_dict(include_memory=False)))
    play(restored, env, 320, 320 + 8 * 16)
    assert restored.updates == agent.updates == 16
    play(restored, env, 448, 456)
    assert restored.updates == 24


def test_masks_are_respected_and_may_be_absent() -> None:
    """Greedy and random actions are legal (the chain checks); without masks all actions are."""
    agent = build_pqn(epsilon_start=0.5, epsilon_end=0.5)
    actions = play(agent, Chain(num_envs=8), 0, 800)
    assert {a for row in actions for a in row} == {0, 1, 2}
    rng, no = np.random.default_rng(0), np.zeros(8, bool)
    for step in range(40):
        obs = rng.random((8, 7), np.float32)
        a = agent.act(obs, None, None, env_step=8 * step)
        if step == 0:
            agent._rows.clear()
        agent.observe(
            obs_tm1=obs, mask_tm1=None, a_tm1=a, r_t=rng.random(8), terminated_t=no, truncated_t=no, reset_rows=no
        )
        agent.learn(8 * step + 8)
    assert agent.means()[0]["loss"] > 0
    assert np.isfinite(agent.q_values(obs, None)).all()


def test_metrics_of_all_seeds_are_read_once() -> None:
    agent = build_pqn(seeds=(0, 1))
    assert agent.means() == [{}, {}]
    play(agent, Chain(num_envs=16), 0, 200)
    first, second = agent.means()
    assert set(first) == {"loss", "q_mean", "td_error_abs", "grad_norm"}
    assert first != second
    assert all(np.isfinite(value) for value in [*first.values(), *second.values()])
    assert agent.means() == [{}, {}]


def test_a_policy_alone_acts_like_its_seed_of_the_agent() -> None:
    agent = build_pqn(seeds=(1, 2))
    both = agent.q_values(*every_state(seeds=2)).reshape(2, 6, 3)
    single = build_pqn(seeds=(5,))
    for seed in (0, 1):
        single.load_policy(reload(agent.policy_state_dict(seed)))
        assert single.q_values(*every_state()) == pytest.approx(both[seed], abs=1e-6)
    assert agent.epsilon(0) == 1.0
    assert agent.epsilon(4_000) == pytest.approx(0.525)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PQNSettings(head="categorical"), "agent.head=scalar or hl_gauss, not head=categorical"),
        (lambda: PQNSettings(head="quantile"), "agent=pqn needs agent.head=scalar or hl_gauss, not head=quantile"),
        (lambda: PQNSettings(head="normal"), "agent.head=normal is not one of"),
        (lambda: PQNSettings(lambda_=1.1), "agent.lambda_=1.1 is not in 0..1"),
        (lambda: PQNSettings(rollout=0), "agent.rollout=0 is not in 1..10000"),
        (lambda: PQNSettings(group_weights=[]), "agent.group_weights="),
        (lambda: build_pqn(minibatches=129), r"agent.minibatches=129 is more than .* num_envs=8 x rollout=16"),
    ],
)
def test_settings_check_ranges_and_each_other(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        make()
    assert "\n" not in str(error.value)
