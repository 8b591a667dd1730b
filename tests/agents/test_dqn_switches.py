"""Every switch of DQN learns the chain's optimal values; risk, annealed steps, noise, and switches that clash."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from chain import QUIT, RIGHT, Chain, assert_optimal, build, every_state, make_network, optimal_q, play

from agents.dqn import DQN
from agents.dqn_settings import DQNSettings
from agents.memory.transitions import Transitions

pytestmark = pytest.mark.usefixtures("one_thread")


SUPPORT = {"atoms": 31, "v_min": -0.3, "v_max": 1.3}
SWITCHES: dict[str, dict[str, Any]] = {
    "double": {}, "plain": {"double": False}, "polyak": {"tau": 0.02}, "dueling": {"dueling": True},
    "prioritised": {"prioritised": True}, "quantile": {"head": "quantile", "atoms": 8},
    "categorical": {"head": "categorical"} | SUPPORT, "hl_gauss": {"head": "hl_gauss"} | SUPPORT,
    "noisy": {"noisy": True}, "annealed": {"n_step": 3, "n_step_end": 1, "prioritised": True},
    "redo": {"redo_every": 50, "redo_threshold": 0.1},
    "reset": {"reset_every": 250, "learning_rate_final_share": 0.5},
    "bytes": {"obs_dtype": "uint8"},
    "rainbow": {"dueling": True, "prioritised": True, "noisy": True, "head": "categorical"} | SUPPORT,
}  # fmt: skip


def learnt(**switches: Any) -> DQN:
    """After 9,600 steps, in the end half of them at random, with an update at each batch step but the first 12."""
    defaults = {"epsilon_end": 0.5, "epsilon_fraction": 0.2, "target_every": 25, "learning_rate": 5e-3}
    agent = build(num_envs=16, total_steps=9_600, **defaults | switches)
    play(agent, Chain(num_envs=16), 0, 9_600)
    assert agent.updates == 588
    return agent


@pytest.mark.parametrize("switches", SWITCHES.values(), ids=SWITCHES)
def test_learns_the_optimal_values_of_a_chain(switches: dict[str, Any]) -> None:
    agent = learnt(**switches)
    assert_optimal(agent, 0.8, tolerance=0.15 if switches == {"noisy": True} else 0.05)  # targets carry noise
    restarts = {"redo_every": 588 // 50, "reset_every": 1}  # at 250: 500 is too late
    assert agent.plasticity.drawn == sum(restarts.get(name, 0) for name in switches)


@pytest.mark.parametrize("switches", [{}, {"head": "hl_gauss", "munchausen_corrected": False} | SUPPORT])
def test_munchausen_acts_optimally(switches: dict[str, Any]) -> None:
    """Its values are others: worse actions are lowered by up to alpha of the gap at each step."""
    agent, best = learnt(munchausen=True, **switches), optimal_q(0.8)
    assert agent.greedy(*every_state()).tolist() == best.argmax(1).tolist()
    q = agent.q_values(*every_state())
    assert q[2, RIGHT] - q[2, QUIT] > 1.2 * (best[2, RIGHT] - best[2, QUIT])


def test_the_number_of_steps_falls_geometrically() -> None:
    """From 10 to 3 over half of the steps; what is sampled follows."""
    agent = build(num_envs=8, total_steps=4_000, n_step=10, n_step_end=3, learning_starts=0, gamma=0.5)
    assert [agent.n_step(step) for step in (0, 500, 1_000, 1_500, 2_000, 4_000)] == [10, 7, 5, 4, 3, 3]
    env = Chain(num_envs=8, limit=1_000)
    for first, last, steps in ((0, 520, 7), (520, 1_040, 5), (1_040, 2_400, 3)):
        play(agent, env, first, last)
        assert agent.batch is not None
        discounts = agent.batch.discount_t.unique()
        assert discounts[discounts > 0].tolist() == [0.5**steps]
    constant = build(n_step=4)
    assert {constant.n_step(step) for step in (0, 9_999, 20_000)} == {4}


def test_noise_explores_without_epsilon_and_is_gone_in_evaluation() -> None:
    agent = build(noisy=True, epsilon_start=0.0, epsilon_end=0.0)
    obs, mask = every_state()
    actions = {tuple(agent.act(obs, mask, None, env_step=0).tolist()) for _ in range(30)}
    assert len(actions) > 3
    q = agent.q_values(obs, mask)
    agent.act(obs, mask, None, env_step=0)
    assert (agent.q_values(obs, mask) == q).all()
    assert (agent.greedy(obs, mask) == q.argmax(1)).all()
    assert all(np.isfinite(q[row, a]) for chosen in actions for row, a in enumerate(chosen))


def test_each_update_draws_noise_for_both_networks() -> None:
    """Noise of its own for the target network, new each time."""
    agent, env = build(noisy=True, updates_per_step=1 / 8, learning_starts=80, learning_rate=1e-8), Chain(num_envs=8)
    obs, mask = (torch.from_numpy(x).unsqueeze(0) for x in every_state())
    play(agent, env, 0, 160)
    seen: list[torch.Tensor] = []
    for first in (160, 168):
        play(agent, env, first, first + 8)
        agent.learner.target_flat.values.copy_(agent.learner.flat.values)
        with torch.no_grad():
            seen += [net(obs, mask.bool()) for net in (agent.learner.network, agent.learner.target_network)]
    assert agent.updates == 13
    assert all(not torch.allclose(seen[i], seen[j], atol=1e-3) for i in range(4) for j in range(i))


def test_cvar_takes_the_safe_action() -> None:
    """RIGHT returns 0.4 for sure, QUIT -0.5 or 1.5 (0.5 on average): by hand, in quantiles."""
    obs, mask = every_state()
    chosen = {}
    for risk in (None, "cvar"):
        agent = build(head="quantile", atoms=4, risk=risk, risk_alpha=0.5, epsilon_start=0.0, epsilon_end=0.0)
        head: Any = agent.policy.network.head
        head.weight.data.zero_()
        head.bias.data = torch.tensor([[[-1.0] * 4 + [0.4] * 4 + [1.5, -0.5, -0.5, 1.5]]])
        chosen[risk] = agent.greedy(obs, mask)[2]
        assert agent.act(obs, mask, None, env_step=0)[2] == chosen[risk]
        expected = [-1, 0.4, 0.5 if risk is None else -0.5]
        assert agent.q_values(obs, mask)[2].tolist() == pytest.approx(expected)
    assert chosen == {None: 2, "cvar": 1}


@pytest.mark.parametrize("double", [False, True], ids=["plain", "double"])
def test_cvar_expects_the_safe_action_next(double: bool) -> None:
    """The same quantiles in the target: 0.4 follows the safe action, the mean's action would bring 0.5."""
    obs, mask = (torch.from_numpy(x)[None] for x in every_state())
    rows, ones = mask.shape[1], torch.ones(mask.shape[:2])
    batch = Transitions(
        obs_tm1=obs.float(), mask_tm1=torch.ones_like(mask, dtype=torch.bool), a_tm1=torch.zeros(1, rows).long(),
        r_t=0 * ones, discount_t=ones, obs_t=obs.float(), mask_t=torch.ones_like(mask, dtype=torch.bool),
        weights=ones, slots=torch.zeros(1, rows).long(),
    )  # fmt: skip
    for risk, expected in ((None, 0.5), ("cvar", 0.4)):
        agent = build(head="quantile", atoms=4, risk=risk, risk_alpha=0.5, double=double)
        for network in (agent.learner.network, agent.learner.target_network):
            head: Any = network.head
            head.weight.data.zero_()
            head.bias.data.copy_(torch.tensor([[[-1.0] * 4 + [0.4] * 4 + [1.5, -0.5, -0.5, 1.5]]]))
        td_error = agent.learner.update(batch, 0)
        assert td_error[0].tolist() == pytest.approx([expected + 1] * rows)


def test_a_policy_alone_acts_by_the_same_risk() -> None:
    settings = DQNSettings(head="quantile", atoms=4, risk="cvar", risk_alpha=0.25, dueling=True, noisy=True)
    agent = build(head="quantile", atoms=4, risk="cvar", risk_alpha=0.25, dueling=True, noisy=True)
    policy = settings.build_policy(make_network=make_network, n_actions=3, device=torch.device("cpu"))
    policy.load_policy(agent.policy_state_dict())
    assert (policy.q_values(*every_state()) == agent.q_values(*every_state())).all()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"batch_size": 0}, "agent.batch_size=0 is not in 1..65536"),
        ({"gamma": 1.5}, "agent.gamma=1.5 is not in 0..1"),
        ({"tau": 0.0}, "agent.tau=0.0 is not in 1e-06..1"),
        ({"obs_dtype": "int8"}, "agent.obs_dtype=int8 is not one of uint8, float16, float32 or null"),
        ({"group_weights": [0.0]}, "agent.group_weights="),
        ({"epsilon_end": float("nan")}, "agent.epsilon_end=nan"),
        ({"redo_every": 0}, "agent.redo_every=0 is not in 1.."),
        ({"risk_alpha": 0.0, "head": "quantile"}, "agent.risk_alpha=0.0 is not in"),
        ({"head": "normal"}, "agent.head=normal is not one of scalar, quantile, categorical, hl_gauss"),
        ({"head": "categorical", "v_min": 1.0, "v_max": 1.0}, "agent.v_min=1.0 is not below agent.v_max=1.0"),
        ({"risk": "mean"}, "agent.risk=mean is not one of cvar or null"),
        ({"risk": "cvar"}, "agent.risk=cvar needs agent.head=quantile, not head=scalar"),
        ({"risk": "cvar", "head": "categorical"}, "agent.risk=cvar needs agent.head=quantile, not head=categorical"),
        ({"munchausen": True, "n_step": 20}, "agent.munchausen=true needs agent.n_step=1, not n_step=20: its bonus"),
        ({"munchausen": True, "head": "quantile"}, "agent.munchausen=true needs agent.head=scalar or hl_gauss"),
        ({"munchausen": True, "head": "categorical"}, "agent.munchausen=true needs agent.head=scalar or hl_gauss"),
        ({"n_step": 3, "n_step_end": 4}, "agent.n_step_end=4 is above agent.n_step=3"),
    ],
)
def test_settings_check_ranges_and_each_other(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        DQNSettings(**values)
    assert "\n" not in str(error.value)
