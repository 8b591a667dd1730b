"""PQN: Q-learning from many games in parallel, without memory or target network (Gallici et al. 2024).

A few steps of all games are played, the λ-returns of all states computed backwards and fitted in minibatches; then
what was played is forgotten. Layer normalisation keeps it stable. Networks, heads and exploration are those of DQN.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from agents import losses
from agents.acting.exploration import EpsilonGreedy
from agents.acting.policy import QPolicy
from agents.acting.teacher import Teacher
from agents.agent import QAgent
from agents.gpu.sending import send
from agents.learning.fitter import QFitter


class PQN(QAgent):
    """PQN: fits the λ-returns of what it has just played; see ``QAgent`` for rows and steps."""

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
        teacher: Teacher | None = None,
    ) -> None:
        super().__init__(policy=policy, updater=fitter, explorations=explorations, teacher=teacher)
        self.fitter, self.generators = fitter, generators
        self.rollout, self.minibatches, self.epochs = rollout, minibatches, epochs
        self.gamma, self.lambda_ = gamma, lambda_
        self._rows: list[dict[str, Tensor]] = []  # what was played since the last update, [S * N, ...] each
        self._v: np.ndarray | None = None  # value of the states last acted in, [S * N]

    def best(self, obs: np.ndarray, mask: np.ndarray | None, explore: np.ndarray) -> np.ndarray:
        """See ``QAgent.best``; the states' values are kept for ``observe``."""
        actions, self._v = self.policy.best_and_values(obs, mask)  # nothing is to come where nothing is legal
        return actions

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
            "a": np.asarray(a_tm1, np.int64), "r": np.asarray(r_t, np.float32), "v": self._v,
            "terminated": terminated_t, "ended": terminated_t | truncated_t, "reset": reset_rows,
        }  # fmt: skip
        if mask_tm1 is not None:
            row["mask"] = np.asarray(mask_tm1, np.bool_)
        obs_there = self.policy.sent(obs_tm1)
        if obs_there is None:
            row["obs"] = obs_tm1
        kept = {name: np.array(value) for name, value in row.items()}
        there = dict(zip(kept, send(self.policy.device, *kept.values()), strict=True))
        self._rows.append(there if obs_there is None else {"obs": obs_there.clone(), **there})

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
        (there,) = send(self.policy.device, orders[:, :used])
        return list(there.chunk(self.minibatches, dim=1))

    def state_dict(self, *, include_memory: bool = True, saved: Collection[str] = ()) -> dict[str, Any]:
        """Everything needed to go on, as tensors and plain data; what is played but not learnt is the memory.

        It is small: nothing of it counts as ``saved``.
        """
        return self.shared_state() | {
            "order": [dict(generator.bit_generator.state) for generator in self.generators],
            "rows": [{name: x.clone() for name, x in row.items()} for row in self._rows] if include_memory else [],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from that state.

        Raises:
            WaybillError: in one line, if it belongs to a network of another size.
        """
        self.load_shared_state(state)
        for generator, kept in zip(self.generators, state["order"], strict=True):
            generator.bit_generator.state = kept
        self._rows = [{name: x.clone() for name, x in row.items()} for row in state["rows"]]


def _take(table: dict[str, Tensor], chosen: Tensor) -> dict[str, Tensor]:
    """Rows ``chosen`` [S, M] of each column [S, L, ...]."""
    seed = torch.arange(len(chosen), device=chosen.device).unsqueeze(1)
    return {name: column[seed, chosen] for name, column in table.items()}
