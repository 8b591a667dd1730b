"""DQN of several seeds against each seed by itself; agents that are saved, loaded and go on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from chain import Chain, assert_same_state, build, every_state, make_network, play, reload

from agents.acting.policy import QPolicy
from agents.dqn_settings import DQNSettings
from agents.memory.ring import SequentialMemory

SUPPORT = {"atoms": 11, "v_min": -0.3, "v_max": 1.3}

pytestmark = pytest.mark.usefixtures("one_thread")


COMBINATIONS: dict[str, dict[str, Any]] = {
    "plain": {"n_step": 3, "epsilon_ladder": 1.0, "group_weights": [1.0, 2.0, 1.0]},
    "prioritised": {"prioritised": True, "dueling": True, "n_step": 3, "n_step_end": 1, "tau": 0.02},
    "noisy": {"noisy": True, "prioritised": True, "redo_every": 11, "redo_threshold": 0.3, "reset_every": 40},
    "categorical": {"head": "categorical", "reset_every": 37, "reset_share": 0.5, "dueling": True} | SUPPORT,
    "munchausen": {"munchausen": True, "head": "hl_gauss", "redo_every": 30, "noisy": True} | SUPPORT,
    "quantile": {"head": "quantile", "atoms": 5, "risk": "cvar", "obs_dtype": "uint8", "prioritised": True},
}
EACH = pytest.mark.parametrize("switches", COMBINATIONS.values(), ids=COMBINATIONS)
FAST = {"updates_per_step": 1 / 4, "batch_size": 16, "total_steps": 4_000}  # 4 games: an update at each batch step


@pytest.mark.parametrize(
    ("name", "fused"), [("plain", True), ("prioritised", True)] + [(name, False) for name in COMBINATIONS]
)
def test_three_seeds_are_three_agents(name: str, fused: bool) -> None:
    """The same actions over 200 updates, and nearly the same numbers in the end.

    Priorities amplify: where a draw falls beside a border the last bit decides it. There 50 updates are enough.
    Costly heads make 100.
    """
    switches, seeds = COMBINATIONS[name], (3, 4, 5)
    last = 400 if switches.get("prioritised") else 600 if "head" in switches else 1_000
    agents = [build(num_envs=4, seeds=chosen, **FAST | switches) for chosen in (seeds, (3,), (4,), (5,))]
    for agent in agents:
        if not fused:
            agent.learner.fused = None
        assert (agent.learner.fused is not None) == fused
    together, *singles = agents
    games, own = Chain(num_envs=12), [Chain(num_envs=4) for _ in seeds]
    actions = np.array(play(together, games, 0, last))  # [steps, S * N]
    means = together.means()
    for s, (single, env) in enumerate(zip(singles, own, strict=True)):
        assert np.array_equal(play(single, env, 0, last), actions[:, 4 * s : 4 * s + 4])
        assert single.updates == together.updates == last // 4 - 49
        for part in ("network", "target_network"):
            ours, theirs = together.learner.state_dict()[part], single.learner.state_dict()[part]
            for key, value in theirs.items():
                torch.testing.assert_close(ours[key][s : s + 1], value, rtol=1e-4, atol=1e-5, msg=key)
        assert means[s] == pytest.approx(single.means()[0], rel=1e-3, abs=1e-5)
    assert not np.array_equal(actions[:, :4], actions[:, 4:8])


@EACH
@pytest.mark.parametrize("stop", [300, 800])
def test_a_restored_agent_goes_on_as_the_uninterrupted_one(switches: dict[str, Any], stop: int) -> None:
    """Two seeds: weights, optimiser, memories (also full rings), generators, counters and metrics, bit for bit."""
    changes = FAST | {"memory_capacity": 600, "updates_per_step": 0.23} | switches
    agent, env = build(num_envs=4, seeds=(1, 2), **changes), Chain(num_envs=8)
    play(agent, env, 0, stop)
    state = agent.state_dict()
    restored = build(num_envs=4, seeds=(1, 2), **changes)
    play(restored, Chain(num_envs=8), 0, 220)  # whatever it did before
    restored.load_state_dict(reload(state))
    twin = env.copy()
    assert play(agent, env, stop, stop + 200) == play(restored, twin, stop, stop + 200)
    assert agent.updates - state["updates"] in (45, 46)
    assert_same_state(agent.state_dict(), restored.state_dict())
    assert agent.means() == restored.means()


def test_same_seed_same_everything_and_other_seeds_differ() -> None:
    first, second, other = (build(seeds=(seed,), n_step=3) for seed in (7, 7, 8))
    actions = [play(agent, Chain(num_envs=8), 0, 2_000) for agent in (first, second, other)]
    assert actions[0] == actions[1] != actions[2]
    assert first.updates > 100
    assert_same_state(first.state_dict(), second.state_dict())


def test_the_global_generators_are_left_alone() -> None:
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    np_before = repr(np.random.get_state())  # noqa: NPY002
    play(build(noisy=True, prioritised=True, redo_every=5, reset_every=9), Chain(num_envs=8), 0, 800)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert repr(np.random.get_state()) == np_before  # noqa: NPY002


def test_without_its_memory_an_agent_fills_a_new_one_first() -> None:
    agent, env = build(prioritised=True), Chain(num_envs=8)
    play(agent, env, 0, 1_000)
    state = reload(agent.state_dict(include_memory=False))
    assert all("columns" not in memory for memory in state["memory"])
    restored = build(seeds=(5,), prioritised=True)
    restored.load_state_dict(state)
    assert restored.updates == agent.updates > 0
    play(restored, env, 1_000, 1_160)
    assert restored.updates == agent.updates
    play(restored, env, 1_160, 1_300)
    assert restored.updates > agent.updates


def test_each_seed_has_its_share_of_the_memory() -> None:
    """Refused in one line if all of them together do not fit."""
    room = 4_000 * (7 * 4 + 1 + 11)
    assert isinstance(build(seeds=(0, 1), memory_bytes=2 * room).memories[1], SequentialMemory)
    with pytest.raises(ValueError, match="lower memory_capacity to") as error:
        build(seeds=(0, 1), memory_bytes=2 * room - 2)
    assert "\n" not in str(error.value)


def policy_of(width: int = 32) -> QPolicy:
    settings = DQNSettings()
    made: Any = make_network if width == 32 else lambda **options: make_network(**options, width=width)
    return settings.build_policy(make_network=made, n_actions=3, device=torch.device("cpu"))


def test_a_policy_alone_acts_like_its_seed_of_the_agent() -> None:
    agent = build(seeds=(1, 2))
    play(agent, Chain(num_envs=16), 0, 1_000)
    obs, mask = every_state()
    both = agent.q_values(*every_state(seeds=2)).reshape(2, 6, 3)
    policy = policy_of()
    for seed in (0, 1):
        policy.load_policy(reload(agent.policy_state_dict(seed)))
        assert policy.q_values(obs, mask) == pytest.approx(both[seed], abs=1e-6)
    assert not np.allclose(both[0], both[1], atol=1e-3)
    single = build()
    policy.load_policy(reload(single.state_dict(include_memory=False)))
    assert policy.q_values(obs, mask) == pytest.approx(single.q_values(obs, mask), abs=1e-6)


def test_weights_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"does not fit: body.0.0.weight is \(1, 7, 32\) there and \(1, 7, 33\) here"):
        policy_of(33).load_policy(build().policy_state_dict())
    with pytest.raises(ValueError, match=r"does not fit: body.0.0.weight is \(2, 7, 32\) there and \(1, 7, 32\) here"):
        build().load_state_dict(build(seeds=(1, 2)).state_dict())
    with pytest.raises(ValueError, match="does not fit: value.weight is"):
        build(dueling=True).load_state_dict(build().state_dict())
