"""PQN: Q-learning from many games in parallel, without memory or target network (Gallici et al. 2024).

A few steps of all games are played, the λ-returns of all states computed backwards and fitted in minibatches; then
what was played is forgotten. Layer normalisation keeps it stable. Networks, value heads and exploration are ``dqn``'s.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from agents import losses
from agents.dqn_settings import MakeNetwork
from agents.exploration import EpsilonGreedy, LinearSchedule
from agents.fitting import QFitter
from agents.heads import Head, make_head
from agents.networks import QNetwork, stack
from agents.policy import QPolicy


class PQN:
    """Plays N games of each of S seeds; all arrays hold the rows of seed 0, then those of seed 1, … (S * N rows)."""

    def __init__(
        self,
        *,
        policy: QPolicy,
        fitter: QFitter,
        explorations: Sequence[EpsilonGreedy],
        generators: Sequence[np.random.Generator],
        rollout: int,
        minibatches: int,
        epochs: int,
        gamma: float,
        lambda_: float,
    ) -> None:
        self.policy, self.fitter, self.explorations, self.generators = policy, fitter, explorations, generators
        self.rollout, self.minibatches, self.epochs = rollout, minibatches, epochs
        self.gamma, self.lambda_ = gamma, lambda_
        self.policy.flat = fitter.flat
        self._rows: list[dict[str, Tensor]] = []  # what was played since the last update, [S * N, ...] each
        self._v: np.ndarray | None = None  # value of the states last acted in, [S * N]

    @property
    def seeds(self) -> int:
        """S."""
        return len(self.explorations)

    @property
    def updates(self) -> int:
        """Gradient updates so far (of each seed)."""
        return self.fitter.updates

    def act(self, obs: np.ndarray, mask: np.ndarray | None, groups: np.ndarray | None, *, env_step: int) -> np.ndarray:
        """Epsilon-greedy actions, int64 [S * N]; arguments as for ``DQN.act``."""
        q, legal = self.policy.scores(obs, mask)  # [S, N, A]
        self._v = losses.masked_max(q, legal).flatten().cpu().numpy()
        actions = losses.masked_argmax(q, legal).flatten().cpu().numpy()
        n_games = len(obs) // self.seeds
        for s, part in enumerate(self.explorations):
            rows = np.flatnonzero(part.explorers(env_step, n_games)) + s * n_games
            if len(rows):
                of_rows = groups if groups is None or groups.ndim == 1 else groups[rows]
                shape = (len(rows), self.policy.n_actions)
                actions[rows] = part.actions(None if mask is None else mask[rows], of_rows, shape)
        return actions

    def q_values(self, obs: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
        """float32 [S * N, A], see ``QPolicy.q_values``."""
        return self.policy.q_values(obs, mask)

    def greedy(self, obs: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
        """int64 [S * N], see ``QPolicy.greedy``."""
        return self.policy.greedy(obs, mask)

    def observe(
        self,
        *,
        obs_tm1: np.ndarray,
        mask_tm1: np.ndarray | None,
        a_tm1: np.ndarray,
        r_t: np.ndarray,
        terminated_t: np.ndarray,
        truncated_t: np.ndarray,
        reset_rows: np.ndarray,
    ) -> None:
        """Keep one batch step, see ``DQN.observe``; the values of the states come from the ``act`` before it."""
        assert self._v is not None, "act comes before observe"
        row = {
            "obs": obs_tm1, "a": np.asarray(a_tm1, np.int64), "r": np.asarray(r_t, np.float32), "v": self._v,
            "terminated": terminated_t, "ended": terminated_t | truncated_t, "reset": reset_rows,
        }  # fmt: skip
        if mask_tm1 is not None:
            row["mask"] = np.asarray(mask_tm1, np.bool_)
        device = self.policy.device
        self._rows.append({name: torch.from_numpy(np.array(value)).to(device) for name, value in row.items()})

    def learn(self, env_step: int) -> int:
        """Once ``rollout`` steps and the state after them are there: fit their returns. Returns the updates made."""
        if len(self._rows) <= self.rollout:
            return 0
        rows, self._rows = self._rows, self._rows[-1:]
        data = {name: torch.stack([row[name] for row in rows]) for name in rows[0]}  # [T + 1, S * N, ...]
        steps = slice(0, self.rollout)
        ended, discount = data["ended"][steps], self.gamma * (~data["terminated"][steps]).float()
        returns = losses.q_lambda_returns(data["r"][steps], discount, data["v"][1:], self.lambda_, ended)  # [T, S * N]
        table = {
            "obs": data["obs"][steps], "a": data["a"][steps], "target": returns,
            "weights": (~data["reset"][steps]).float(),
        }  # fmt: skip
        if "mask" in data:
            table["mask"] = data["mask"][steps]
        made = 0
        by_seed = {name: self._by_seed(column) for name, column in table.items()}  # [S, T * N, ...]
        for _ in range(self.epochs):
            for chosen in self._shuffled(by_seed["a"].shape[1]):
                self.fitter.update(_take(by_seed, chosen), env_step)
                made += 1
        return made

    def _by_seed(self, column: Tensor) -> Tensor:
        """[S, T * N, ...] from [T, S * N, ...]."""
        return column.unflatten(1, (self.seeds, -1)).transpose(0, 1).flatten(1, 2)

    def _shuffled(self, size: int) -> list[Tensor]:
        """Index [S, M] of each minibatch; each seed has an order of its own."""
        orders = np.stack([generator.permutation(size) for generator in self.generators])
        used = size - size % self.minibatches
        parts = np.split(orders[:, :used], self.minibatches, axis=1)
        return [torch.from_numpy(part).to(self.policy.device) for part in parts]

    def metrics(self, seed: int = 0) -> dict[str, float]:
        """Means over the updates since the last call for seed 0 (others: the same ones), empty without any."""
        if seed == 0:
            self._metrics = self.fitter.metrics()
        return self._metrics[seed]

    def epsilon(self, env_step: int) -> float:
        """Chance to explore at that step (of the first game, if there is a ladder)."""
        return self.explorations[0].schedule(env_step)

    def policy_state_dict(self, seed: int = 0) -> dict[str, Any]:
        """Just what one seed needs to act, for ``QPolicy.load_policy``."""
        return self.policy.policy_state_dict(seed)

    def load_policy(self, state: dict[str, Any]) -> None:
        """Act with those weights, see ``QPolicy.load_policy``."""
        self.policy.load_policy(state)

    def state_dict(self, *, include_memory: bool = True) -> dict[str, Any]:
        """Everything needed to go on, as tensors and plain data; what is played but not learnt is the memory."""
        return self.fitter.state_dict() | {
            "exploration": [part.state_dict() for part in self.explorations],
            "order": [dict(generator.bit_generator.state) for generator in self.generators],
            "rows": [{name: x.clone() for name, x in row.items()} for row in self._rows] if include_memory else [],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from that state.

        Raises:
            ValueError: in one line, if it belongs to a network of another size.
        """
        self.fitter.load_state_dict(state)
        for part, kept in zip(self.explorations, state["exploration"], strict=True):
            part.load_state_dict(kept)
        for generator, kept in zip(self.generators, state["order"], strict=True):
            generator.bit_generator.state = kept
        self._rows = [{name: x.clone() for name, x in row.items()} for row in state["rows"]]


def _take(table: dict[str, Tensor], chosen: Tensor) -> dict[str, Tensor]:
    """Rows ``chosen`` [S, M] of each column [S, L, ...]."""
    seed = torch.arange(len(chosen), device=chosen.device).unsqueeze(1)
    return {name: column[seed, chosen] for name, column in table.items()}


@dataclass
class PQNSettings:
    """Settings of ``PQN``. Steps are environment steps (one step of one game), updates are gradient updates.

    Raises:
        ValueError: in one line, when a number is out of range or switches don't go together.
    """

    gamma: float = 0.99  # discount per step
    lambda_: float = 0.65
    rollout: int = 32  # batch steps between two fittings
    minibatches: int = 8
    epochs: int = 2
    dueling: bool = False
    head: str = "scalar"
    atoms: int = 51
    v_min: float = -10.0
    v_max: float = 10.0
    learning_rate: float = 5e-4
    learning_rate_final_share: float = 0.0
    weight_decay: float = 0.0
    max_grad_norm: float = 10.0
    huber_delta: float = 1e6
    epsilon_start: float = 1.0
    epsilon_end: float = 0.05
    epsilon_fraction: float = 0.1
    epsilon_ladder: float = 0.0
    group_weights: list[float] | None = None

    def __post_init__(self) -> None:
        for name, (low, high) in _RANGES.items():
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"agent.{name}={getattr(self, name)} is not in {low:g}..{high:g}")
        weights = self.group_weights
        if weights is not None and (not weights or min(weights) < 0 or not 0 < sum(weights) < float("inf")):
            raise ValueError(f"agent.group_weights={weights} needs numbers of at least 0 with a sum above 0")
        if not self.make_head().takes_scalar_targets:
            raise ValueError(f"agent=pqn needs agent.head=scalar or hl_gauss, not head={self.head}")

    def make_head(self) -> Head:
        """What the network's outputs mean."""
        return make_head(self.head, atoms=self.atoms, v_min=self.v_min, v_max=self.v_max, huber_delta=self.huber_delta)

    def _network(self, make_network: MakeNetwork, seed: int, device: torch.device) -> QNetwork:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return make_network(outputs=self.make_head().outputs, dueling=self.dueling).to(device)

    def build_policy(self, *, make_network: MakeNetwork, n_actions: int, device: torch.device) -> QPolicy:
        """For acting alone: load weights with ``load_policy``."""
        network = self._network(make_network, 0, device)
        return QPolicy(network=network, head=self.make_head(), n_actions=n_actions, device=device)

    def build(
        self,
        *,
        make_network: MakeNetwork,
        num_envs: int,
        obs_size: int,
        n_actions: int,
        total_steps: int,
        device: torch.device,
        seeds: Sequence[int],
        store_masks: bool,
        gamma: float | None = None,
    ) -> PQN:
        """An agent for ``num_envs`` games of each of ``seeds`` over ``total_steps`` steps; see ``DQNSettings.build``.

        Raises:
            ValueError: in one line, if a rollout doesn't fill the minibatches.
        """
        if num_envs * self.rollout < self.minibatches:
            raise ValueError(
                f"agent.minibatches={self.minibatches} is more than a rollout's num_envs={num_envs} x "
                f"rollout={self.rollout} steps"
            )
        drawn = [np.random.SeedSequence(seed).spawn(3) for seed in seeds]
        network = stack([self._network(make_network, int(x[0].generate_state(1)[0]), device) for x in drawn])
        schedule = LinearSchedule(
            start=self.epsilon_start, end=self.epsilon_end, steps=self.epsilon_fraction * total_steps
        )
        weights = None if self.group_weights is None else np.asarray(self.group_weights, np.float64)
        return PQN(
            policy=QPolicy(network=network, head=self.make_head(), n_actions=n_actions, device=device),
            fitter=QFitter(
                network=network, head=self.make_head(), learning_rate=self._learning_rate(total_steps),
                weight_decay=self.weight_decay, max_grad_norm=self.max_grad_norm, n_actions=n_actions,
            ),
            explorations=[
                EpsilonGreedy(
                    schedule=schedule, ladder=self.epsilon_ladder, group_weights=weights,
                    generator=np.random.default_rng(x[1]),
                ) for x in drawn
            ],
            generators=[np.random.default_rng(x[2]) for x in drawn],
            rollout=self.rollout, minibatches=self.minibatches, epochs=self.epochs,
            gamma=self.gamma if gamma is None else gamma, lambda_=self.lambda_,
        )  # fmt: skip

    def _learning_rate(self, total_steps: int) -> Callable[[int], float]:
        end = self.learning_rate * self.learning_rate_final_share
        return LinearSchedule(start=self.learning_rate, end=end, steps=total_steps)


_RANGES = {
    "gamma": (0, 1), "lambda_": (0, 1), "rollout": (1, 10_000), "minibatches": (1, 10_000), "epochs": (1, 1000),
    "atoms": (2, 1000), "learning_rate": (1e-8, 1), "learning_rate_final_share": (0, 1), "weight_decay": (0, 1),
    "max_grad_norm": (1e-6, 1e6), "huber_delta": (1e-6, 1e9), "epsilon_start": (0, 1), "epsilon_end": (0, 1),
    "epsilon_fraction": (0, 1), "epsilon_ladder": (0, 100),
}  # fmt: skip
