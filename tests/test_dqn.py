"""DQN: learns a chain whose values are known, spreads its updates, and goes on exactly after a restart."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from agents.dqn import DQN, DQNSettings
from agents.networks import CandidateSettings, Layout, MLPSettings
from agents.policy import QPolicy

LEFT, RIGHT, QUIT = range(3)
STATES = 6


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Networks this small only wait for each other on several threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


class Chain:
    """States 0..5 in a row. RIGHT in the last state pays 1 and ends; QUIT, only in state 2, pays 0.3 and ends.

    LEFT is illegal in state 0. Games are cut after ``limit`` steps and reset themselves one step after they end.
    """

    def __init__(self, *, num_envs: int, limit: int = 12) -> None:
        self.n, self.limit = num_envs, limit
        self.place = np.zeros(num_envs, np.int64)
        self.turn = np.zeros(num_envs, np.int64)
        self.ended = np.zeros(num_envs, bool)

    def observe(self) -> tuple[np.ndarray, np.ndarray]:
        mask = np.ones((self.n, 3), np.int8)
        mask[:, LEFT] = self.place > 0
        mask[:, QUIT] = self.place == 2
        mask[self.place == STATES] = 0  # beyond the last state
        return np.eye(STATES + 1, dtype=np.float32)[self.place], mask

    def step(self, a: np.ndarray) -> dict[str, np.ndarray]:
        """Reward, ends, and which games were reset instead of played."""
        reset = self.ended.copy()
        _, mask = self.observe()
        assert mask[np.arange(self.n), a][~reset].all()
        won, quit_ = (self.place == STATES - 1) & (a == RIGHT), a == QUIT
        self.place = np.where(reset, 0, self.place + np.select([a == RIGHT, a == LEFT], [1, -1], 0))
        self.turn = np.where(reset, 0, self.turn + 1)
        terminated = ~reset & (won | quit_)
        truncated = ~reset & ~terminated & (self.turn >= self.limit)
        self.ended = terminated | truncated
        r = np.where(reset, 0.0, won * 1.0 + quit_ * 0.3).astype(np.float32)
        return {"r_t": r, "terminated_t": terminated, "truncated_t": truncated, "reset_rows": reset}


def optimal_q(gamma: float) -> np.ndarray:
    """Value iteration over the chain, [S, 3]; illegal actions are -inf."""
    q = np.full((STATES, 3), -np.inf)
    v = np.zeros(STATES + 1)
    for _ in range(200):
        for s in range(STATES):
            q[s, RIGHT] = 1.0 if s == STATES - 1 else gamma * v[s + 1]
            if s > 0:
                q[s, LEFT] = gamma * v[s - 1]
        q[2, QUIT] = 0.3
        v[:STATES] = q.max(1)
    return q


LAYOUT = Layout(globals=STATES + 1, entities=0, entity_features=0, candidates=0, candidate_features=0)


def build(num_envs: int = 8, seed: int = 0, total_steps: int = 20_000, **changes: Any) -> DQN:
    defaults: dict[str, Any] = {
        "batch_size": 64, "updates_per_step": 1 / 16, "learning_starts": 200, "n_step": 1, "target_every": 50,
        "learning_rate": 3e-3, "memory_capacity": 4_000, "gamma": 0.8,
    }  # fmt: skip
    return DQNSettings(**(defaults | changes)).build(
        make_network=lambda: MLPSettings(width=32, layers=1).build(layout=LAYOUT, n_actions=3),
        num_envs=num_envs, obs_size=STATES + 1, n_actions=3, total_steps=total_steps, device=torch.device("cpu"),
        seed=seed, store_masks=True,
    )  # fmt: skip


def play(agent: DQN, env: Chain, first: int, last: int) -> list[int]:
    """Steps first..last of the training loop; returns all actions."""
    actions: list[int] = []
    for env_step in range(first, last, env.n):
        obs, mask = env.observe()
        a = agent.act(obs, mask, np.arange(3, dtype=np.int8), env_step=env_step)
        result = env.step(a)
        agent.observe(obs_tm1=obs, mask_tm1=mask, a_tm1=a, **result)
        agent.learn(env_step + env.n)
        actions += a.tolist()
    return actions


def everything(value: Any, path: str = "") -> dict[str, Any]:
    """A nested state as one flat dict."""
    if not isinstance(value, dict | list):
        return {path: value}
    pairs: list[Any] = list(value.items() if isinstance(value, dict) else enumerate(value))
    return {k: v for key, entry in pairs for k, v in everything(entry, f"{path}.{key}").items()}


def assert_same_state(ours: Any, theirs: Any) -> None:
    a, b = everything(ours), everything(theirs)
    assert a.keys() == b.keys()
    for name, value in a.items():
        same = torch.equal(value, b[name]) if isinstance(value, torch.Tensor) else value == b[name]
        assert same, name


@pytest.mark.parametrize("changes", [{}, {"double": False}, {"tau": 0.02}], ids=["double", "plain", "polyak"])
def test_learns_the_optimal_values_of_a_chain(changes: dict[str, Any]) -> None:
    agent = build(epsilon_end=0.5, **changes)
    play(agent, Chain(num_envs=8), 0, 20_000)
    chain = Chain(num_envs=STATES)
    chain.place = np.arange(STATES)
    q, expected = agent.q_values(*chain.observe()), optimal_q(0.8)
    legal = np.isfinite(expected)
    assert (np.isneginf(q) == ~legal).all()
    assert np.abs(q[legal] - expected[legal]).max() < 0.05
    assert agent.greedy(*chain.observe()).tolist() == expected.argmax(1).tolist()


def test_same_seed_same_everything_and_other_seeds_differ() -> None:
    first, second, other = (build(seed=seed, n_step=3) for seed in (7, 7, 8))
    actions = [play(agent, Chain(num_envs=8), 0, 3_000) for agent in (first, second, other)]
    assert actions[0] == actions[1] != actions[2]
    assert first.updates > 100
    assert_same_state(first.state_dict(), second.state_dict())


def test_the_global_generators_are_left_alone() -> None:
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    np_before = repr(np.random.get_state())  # noqa: NPY002
    play(build(), Chain(num_envs=8), 0, 800)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert repr(np.random.get_state()) == np_before  # noqa: NPY002


def reload(state: dict[str, Any]) -> dict[str, Any]:
    torch.save(state, file := io.BytesIO())
    return torch.load(io.BytesIO(file.getvalue()), weights_only=True)


@pytest.mark.parametrize("stop", [1_000, 6_000])
def test_a_restored_agent_goes_on_as_the_uninterrupted_one(stop: int) -> None:
    """Weights, optimiser, memory (also a full ring), generators, counters and metrics, bit for bit."""
    changes: dict[str, Any] = {"updates_per_step": 0.03, "n_step": 3, "epsilon_ladder": 1.0}
    changes["group_weights"] = [1.0, 2.0, 1.0]
    agent, env = build(**changes), Chain(num_envs=8)
    play(agent, env, 0, stop)
    state = agent.state_dict()
    restored, twin = build(seed=99, **changes), Chain(num_envs=8)
    restored.load_state_dict(reload(state))
    twin.place, twin.turn, twin.ended = env.place.copy(), env.turn.copy(), env.ended.copy()
    assert play(agent, env, stop, stop + 1_600) == play(restored, twin, stop, stop + 1_600)
    assert agent.updates > state["updates"]
    assert_same_state(agent.state_dict(), restored.state_dict())
    assert agent.metrics() == restored.metrics()


def test_without_its_memory_an_agent_fills_a_new_one_first() -> None:
    agent, env = build(), Chain(num_envs=8)
    play(agent, env, 0, 1_000)
    state = reload(agent.state_dict(include_memory=False))
    assert "columns" not in state["memory"]
    restored = build(seed=5)
    restored.load_state_dict(state)
    assert restored.updates == agent.updates > 0
    play(restored, env, 1_000, 1_160)
    assert restored.updates == agent.updates
    play(restored, env, 1_160, 1_300)
    assert restored.updates > agent.updates


def policy_of_width(width: int) -> QPolicy:
    settings = MLPSettings(width=width, layers=1)
    return DQNSettings().build_policy(
        make_network=lambda: settings.build(layout=LAYOUT, n_actions=3), n_actions=3, device=torch.device("cpu")
    )


def test_policy_alone_acts_like_the_agent() -> None:
    agent = build()
    play(agent, Chain(num_envs=8), 0, 2_000)
    policy = policy_of_width(32)
    obs, mask = Chain(num_envs=8).observe()
    for state in (agent.policy_state_dict(), agent.state_dict(include_memory=False)):
        policy.load_policy(reload(state))
        assert (policy.q_values(obs, mask) == agent.q_values(obs, mask)).all()
    with pytest.raises(ValueError, match=r"does not fit: body.0.0.weight is \(32, 7\) there and \(33, 7\) here"):
        policy_of_width(33).load_policy(agent.policy_state_dict())


@pytest.mark.parametrize(
    ("per_step", "expected"), [(1 / 16, [0, 0, 0, 0, 0, 1, 0, 1]), (0.25, [0, 0, 0, 0, 2, 2, 2, 2])]
)
def test_updates_are_spread_evenly_and_begin_after_learning_starts(per_step: float, expected: list[int]) -> None:
    agent, env, done = build(updates_per_step=per_step, learning_starts=40, batch_size=2), Chain(num_envs=8), []
    for k in range(8):
        play(agent, env, 8 * k, 8 * k + 8)
        done.append(agent.updates)
    assert np.diff([0, *done]).tolist() == expected


def test_metrics_are_means_since_the_last_read() -> None:
    agent = build()
    assert agent.metrics() == {}
    play(agent, Chain(num_envs=8), 0, 400)
    metrics = agent.metrics()
    assert set(metrics) == {"loss", "q_mean", "td_error_abs", "grad_norm"}
    assert all(np.isfinite(value) for value in metrics.values())
    assert metrics["loss"] <= metrics["td_error_abs"]
    assert agent.metrics() == {}


def test_target_network_is_copied_every_so_many_updates() -> None:
    agent, env = build(updates_per_step=1 / 8, target_every=30, learning_starts=80), Chain(num_envs=8)
    fresh = [p.clone() for p in agent.learner.target_network.parameters()]
    while agent.updates < 29:
        play(agent, env, agent._last_env_step, agent._last_env_step + 8)
    assert all(torch.equal(a, b) for a, b in zip(fresh, agent.learner.target_network.parameters(), strict=True))
    play(agent, env, agent._last_env_step, agent._last_env_step + 8)
    pairs = zip(agent.learner.network.parameters(), agent.learner.target_network.parameters(), strict=True)
    assert agent.updates == 30
    assert all(torch.equal(a, b) for a, b in pairs)


def test_learning_rate_falls_linearly() -> None:
    agent = build(total_steps=2_000, learning_rate=1e-3, learning_rate_final_share=0.2)
    play(agent, Chain(num_envs=8), 0, 1_000)
    assert agent.learner.optimizer.param_groups[0]["lr"] == pytest.approx(6e-4, rel=0.01)
    play(agent, Chain(num_envs=8), 1_000, 2_400)
    assert agent.learner.optimizer.param_groups[0]["lr"] == pytest.approx(2e-4)


def test_acting_mixes_random_and_greedy_rows() -> None:
    agent = build(epsilon_start=0.5, epsilon_end=0.5, num_envs=400)
    chain = Chain(num_envs=400)
    chain.place[:] = 2
    obs, mask = chain.observe()
    a = agent.act(obs, mask, None, env_step=0)
    best = agent.greedy(obs, mask)[0]
    assert 0.55 < (a == best).mean() < 0.78  # half greedy, a third of the other half by chance
    assert agent.epsilon(0) == 0.5
    sure = build(epsilon_start=0.0, epsilon_end=0.0)
    assert (sure.act(obs, mask, None, env_step=0) == sure.greedy(obs, mask)).all()


@pytest.mark.parametrize("kind", ["candidates", "full"])
def test_other_networks_and_constant_masks_run(kind: str) -> None:
    """A candidate network, and a raw action space without masks in memory."""
    layout = Layout(2, 3, 4, 5, 6) if kind == "candidates" else Layout(2, 3, 4, 0, 0)
    n_actions = 5 if kind == "candidates" else 1_000
    network = CandidateSettings(width=8) if kind == "candidates" else MLPSettings(width=8)
    agent = DQNSettings(learning_starts=0, batch_size=4, memory_capacity=100, updates_per_step=1.0).build(
        make_network=lambda: network.build(layout=layout, n_actions=n_actions),
        num_envs=4, obs_size=layout.size, n_actions=n_actions, total_steps=100, device=torch.device("cpu"), seed=0,
        store_masks=kind == "candidates", gamma=0.9,
    )  # fmt: skip
    rng, no = np.random.default_rng(0), np.zeros(4, bool)
    mask = (rng.random((4, n_actions)) < (0.5 if kind == "candidates" else 2)).astype(np.int8)
    for k in range(10):
        obs = rng.random((4, layout.size), np.float32)
        a = agent.act(obs, mask, rng.integers(0, 3, n_actions), env_step=4 * k)
        agent.observe(
            obs_tm1=obs, mask_tm1=mask, a_tm1=a, r_t=rng.random(4), terminated_t=no, truncated_t=no, reset_rows=no
        )
        agent.learn(4 * k + 4)
    assert np.isfinite(agent.metrics()["loss"])
    assert agent.q_values(obs, mask).shape == (4, n_actions)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"batch_size": 0}, "agent.batch_size=0 is not in 1..65536"),
        ({"gamma": 1.5}, "agent.gamma=1.5 is not in 0..1"),
        ({"tau": 0.0}, "agent.tau=0.0 is not in 1e-06..1"),
        ({"obs_dtype": "int8"}, "agent.obs_dtype=int8 is not one of float16, float32"),
        ({"group_weights": [0.0]}, "agent.group_weights="),
        ({"epsilon_end": float("nan")}, "agent.epsilon_end=nan"),
    ],
)
def test_settings_check_ranges(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        DQNSettings(**values)
    assert "\n" not in str(error.value)
