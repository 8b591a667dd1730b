"""Expert iteration on Q-values: what the policy might do is tried on copies of its games, and learnt.

In every state each of the most promising actions is played on by the policy for some turns and then valued by it; the
network is fitted to all these returns at once. So it learns the values of the policy that it is (approximate policy
iteration by rollouts: Lagoudakis & Parr 2003), of actions that were not taken, too, and the improved choices become
the next policy (expert iteration: Anthony, Tian & Barber 2017). An average of the weights acts, in games and copies.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from agents.acting.exploration import EpsilonGreedy
from agents.acting.policy import QPolicy
from agents.acting.rollouts import Branches, highest, play_on
from agents.acting.teacher import Teacher
from agents.agent import QAgent
from agents.learning.siblings import SiblingFitter
from agents.memory.tried import TriedMemory
from agents.networks.base import QNetwork
from agents.networks.weights import FlatParameters


class ExpertIteration(QAgent):
    """Learns from rollouts of its own policy; see ``QAgent`` for rows and steps.

    Args:
        policy: acts, by weights that follow the fitter's as a moving average.
        fitter: fits the network.
        branches: copies of each seed's games.
        memories: of each seed's tried actions.
        turns: of a rollout, until the policy values it.
        candidates: K, actions tried in a state.
        tried: share of the states in which actions are tried; in the others the policy acts.
        searched: share of the games that go on with the best tried action, the others with the policy's.
        generators: of each seed, draw the states in which actions are tried.
        tau: share of the fitted weights mixed into the average at each update.
        double: at the end of a rollout the fitted weights choose the action that the average values.
    """

    def __init__(
        self, *, policy: QPolicy, fitter: SiblingFitter, branches: Sequence[Branches],
        memories: Sequence[TriedMemory], explorations: Sequence[EpsilonGreedy], turns: int, candidates: int,
        tried: float, searched: float, generators: Sequence[np.random.Generator], batch_size: int,
        updates_per_step: float, learning_starts: int, tau: float, gamma: float, double: bool = False,
        teacher: Teacher | None = None,
    ) -> None:  # fmt: skip
        super().__init__(policy=policy, updater=fitter, explorations=explorations, teacher=teacher)
        self.average = policy.flat = FlatParameters(policy.network, gradients=False)
        self.fitter, self.branches, self.memories = fitter, branches, memories
        self.turns, self.candidates, self.tried, self.searched = turns, candidates, tried, searched
        self.generators = generators
        self.batch_size, self.updates_per_step, self.learning_starts = batch_size, updates_per_step, learning_starts
        self.tau, self.gamma = tau, gamma
        seeds, average, fitted = range(len(memories)), self.average, fitter.flat
        self._players = [_one_seed(policy, policy.network, average, seed) for seed in seeds]
        self._choosers = [_one_seed(policy, fitter.network, fitted, seed) if double else None for seed in seeds]
        self._follow_weights()
        self._last_env_step, self._credit, self._steps = 0, 0.0, 0  # steps since the memories were empty
        self._found = np.zeros((len(memories), 3))  # of each seed: states, other actions found best, what they gain

    def best(self, obs: np.ndarray, mask: np.ndarray | None, explore: np.ndarray) -> np.ndarray:
        """See ``QAgent.best``; what might be done is tried in games that explore, too, and remembered."""
        mask = np.ones((len(obs), self.policy.n_actions), np.int8) if mask is None else mask
        actions, games = np.zeros(len(obs), np.int64), len(obs) // self.seeds
        for seed in range(self.seeds):
            own = slice(seed * games, (seed + 1) * games)
            actions[own] = self._try(seed, obs[own], mask[own])
        self._steps += games
        return actions

    def _try(self, seed: int, obs: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Try the most promising actions in one seed's games [N] and remember them; what to do [N]."""
        player, branches = self._players[seed], self.branches[seed]
        q = player.q_values(obs, mask)
        own = q.argmax(axis=1)
        chosen = self.generators[seed].random(len(obs)) < self.tried
        game, action = highest(np.where(chosen[:, None], q, -np.inf), self.candidates)
        if len(game) == 0:
            return own
        branches.follow()
        branches.begin(game, 0)
        chooser = self._choosers[seed]
        returns = play_on(player, branches, action, turns=self.turns, gamma=self.gamma, chooser=chooser)
        tried = np.zeros((len(obs), self.candidates), np.bool_)
        place = np.arange(len(game)) - np.searchsorted(game, game)  # rows of a game follow each other
        tried[game, place] = True
        a, target = np.zeros(tried.shape, np.int64), np.zeros(tried.shape, np.float32)
        a[game, place], target[game, place] = action, returns
        rows = np.unique(game)
        self.memories[seed].add(obs[rows], mask[rows], a[rows], target[rows], tried[rows])
        leading = np.where(tried, target, -np.inf).argmax(axis=1)
        gain = target[rows, leading[rows]] - target[rows, 0]  # the first tried is the policy's own
        self._found[seed] += len(rows), (leading[rows] != 0).sum(), gain.sum()
        best = np.where(tried.any(axis=1), a[np.arange(len(obs)), leading], own)
        return np.where(self._is_searched(len(obs)), best, own)

    def _is_searched(self, games: int) -> np.ndarray:
        """Which of a seed's games go on with the best tried action, bool [N]: a share, spread evenly.

        Games of one level lie side by side, so each level has its share, too.
        """
        return np.diff(np.floor(self.searched * np.arange(games + 1))) > 0

    def observe(self, **step: np.ndarray) -> None:
        """Nothing: all that is learnt was remembered before the step."""

    def learn(self, env_step: int) -> int:
        """Make the updates that are due after ``env_step`` environment steps, and return how many."""
        elapsed, self._last_env_step = env_step - self._last_env_step, env_step
        if self._steps < self.learning_starts or min(map(len, self.memories)) == 0:
            return 0
        self._credit += elapsed * self.updates_per_step
        due = int(self._credit)
        self._credit -= due
        for _ in range(due):
            parts = [memory.sample(self.batch_size) for memory in self.memories]
            self.fitter.update({name: torch.stack([part[name] for part in parts]) for name in parts[0]}, env_step)
            with torch.no_grad():
                self.average.values.lerp_(self.fitter.flat.values, self.tau)
        return due

    def means(self) -> list[dict[str, float]]:
        """See ``QAgent``; beside these the share of states in which another action than the policy's did best.

        It is ``other_found``; ``other_gains`` is what the best tried action brings more than the policy's own.
        """
        means = super().means()
        for row, (states, others, gain) in zip(means, self._found.tolist(), strict=True):
            if states > 0 and row:
                row |= {"other_found": others / states, "other_gains": gain / states}
        self._found[:] = 0.0
        return means

    def _follow_weights(self, seeds: slice = slice(None)) -> None:
        """Act with the fitted weights of now."""
        self.average.values[seeds] = self.fitter.flat.values[seeds]

    def begin_with(
        self, saved: Sequence[Mapping[str, Tensor]], *, mode: str, fresh: QNetwork, shrink_perturb: float
    ) -> None:
        """See ``QAgent``."""
        super().begin_with(saved, mode=mode, fresh=fresh, shrink_perturb=shrink_perturb)
        self._follow_weights()

    def shrink_perturb(self, fresh: QNetwork, share: float, seed: int) -> None:
        """See ``QAgent``."""
        super().shrink_perturb(fresh, share, seed)
        self._follow_weights(slice(seed, seed + 1))

    def state_dict(self, *, include_memory: bool = True, saved: Collection[str] = ()) -> dict[str, Any]:
        """Everything needed to go on, as tensors and plain data; see ``DQN.state_dict``."""
        memory = [
            one.state_dict(include_memory=include_memory, prefix=f"{s}.", saved=saved)
            for s, one in enumerate(self.memories)
        ]
        return self.shared_state() | {
            "average": self.average.values.clone(),
            "memory": memory,
            "last_env_step": self._last_env_step,
            "credit": self._credit,
            "steps": self._steps if include_memory else 0,
            "chosen": [dict(generator.bit_generator.state) for generator in self.generators],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from that state.

        Raises:
            WaybillError: in one line, if it belongs to a network or memory of another size.
        """
        self.load_shared_state(state)
        self.average.values.copy_(state["average"])
        for memory, kept in zip(self.memories, state["memory"], strict=True):
            memory.load_state_dict(kept)
        self._last_env_step, self._credit, self._steps = state["last_env_step"], state["credit"], state["steps"]
        for generator, kept in zip(self.generators, state["chosen"], strict=True):
            generator.bit_generator.state = kept


def _one_seed(policy: QPolicy, weights: QNetwork, flat: FlatParameters, seed: int) -> QPolicy:
    """One seed's policy, by the very weights that a network of all seeds has, which ``flat`` holds."""
    network = copy.deepcopy(weights)
    for own, shared in zip(network.parameters(), weights.parameters(), strict=True):
        own.data = shared.data[seed : seed + 1]
    single = QPolicy(network=network, head=policy.head, n_actions=policy.n_actions, device=policy.device)
    single.flat = flat.of_seed(seed)
    return single
