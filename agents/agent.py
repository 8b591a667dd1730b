"""The base of our agents: acts epsilon-greedily in all games of all seeds with one policy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from agents.acting.exploration import EpsilonGreedy
from agents.acting.policy import QPolicy
from agents.acting.tally import SOURCES, ActionTally
from agents.acting.teacher import Teacher
from agents.learning import transfer
from agents.learning.updater import Updater
from agents.memory.transitions import Transitions
from agents.networks import weights
from agents.networks.base import QNetwork
from agents.networks.weights import flat_values


class QAgent:
    """An agent that plays N games of each of S seeds and learns Q-values.

    All arrays hold the rows of seed 0, then those of seed 1, … (S * N rows). One environment step is one step of one
    game of a seed: a batch step counts N.
    """

    def __init__(
        self, *, policy: QPolicy, updater: Updater, explorations: Sequence[EpsilonGreedy],
        teacher: Teacher | None = None, all_legal: bool = False,
    ) -> None:  # fmt: skip
        """With ``all_legal`` masks are constant: all actions are always legal."""
        self.policy, self.explorations, self._updater = policy, explorations, updater
        self.teacher = updater.teacher = teacher
        self.policy.flat = updater.flat
        self.all_legal = all_legal
        self.tally = ActionTally(len(explorations))

    @property
    def seeds(self) -> int:
        """Number S of seeds."""
        return len(self.explorations)

    @property
    def updates(self) -> int:
        """Number of gradient updates of each seed so far."""
        return self._updater.updates

    def act(
        self,
        obs: np.ndarray,
        mask: np.ndarray | None,
        groups: np.ndarray | None,
        *,
        env_step: int,
        advice: np.ndarray | None = None,
    ) -> np.ndarray:
        """Epsilon-greedy actions, int64 [S * N].

        Args:
            obs: [S * N, D] float32.
            mask: [S * N, A] bool or int8; None means that all actions are legal.
            groups: group (verb) of each action, [S * N, A] or [A], for exploration; None if actions have no groups.
            env_step: environment steps so far, for the schedule.
            advice: the action that a rule would take, int64 [S * N], for exploration, -1 where it
                gives none; None if there is no rule.
        """
        mask = None if self.all_legal else mask
        explore = self.explorers(env_step, len(obs))
        actions = self.best(obs, mask, explore)
        self.explore(actions, explore, mask, groups)
        source = np.where(explore, SOURCES.index("random"), SOURCES.index("policy"))
        source[self.follow_advice(actions, advice, env_step)] = SOURCES.index("advice")
        source[self.follow_teacher(actions, obs, mask, env_step)] = SOURCES.index("teacher")
        if groups is not None:
            groups = groups[actions] if groups.ndim == 1 else groups[np.arange(len(actions)), actions]
        self.tally.add(source, groups)
        return actions

    def best(self, obs: np.ndarray, mask: np.ndarray | None, explore: np.ndarray) -> np.ndarray:
        """The best actions by the network, int64 [S * N]; those of games that explore, bool [S * N], aren't used."""
        raise NotImplementedError

    def explorers(self, env_step: int, rows: int) -> np.ndarray:
        """Which of S * N games explore at this step, bool [S * N]."""
        return np.concatenate([part.explorers(env_step, rows // self.seeds) for part in self.explorations])

    def explore(
        self,
        actions: np.ndarray,
        explore: np.ndarray,
        mask: np.ndarray | None,
        groups: np.ndarray | None,
    ) -> None:
        """Replace the ``actions`` [S * N] of games that explore by random legal ones, by their seed's generator."""
        n_games = len(actions) // self.seeds
        for s, part in enumerate(self.explorations):
            rows = np.flatnonzero(explore[s * n_games : (s + 1) * n_games]) + s * n_games
            if len(rows):
                of_rows = groups if groups is None or groups.ndim == 1 else groups[rows]
                shape = (len(rows), self.policy.n_actions)
                actions[rows] = part.actions(None if mask is None else mask[rows], of_rows, shape)

    def follow_advice(self, actions: np.ndarray, advice: np.ndarray | None, env_step: int) -> np.ndarray:
        """Replace the ``actions`` [S * N] of games that follow a rule now by its ``advice`` [S * N], -1 for none.

        Returns which, bool [S * N].
        """
        if advice is None:
            return np.zeros(len(actions), np.bool_)
        count = len(actions) // self.seeds
        chosen = np.concatenate([part.followers(env_step, count) for part in self.explorations])
        chosen &= advice >= 0
        actions[chosen] = advice[chosen]
        return chosen

    def follow_teacher(
        self, actions: np.ndarray, obs: np.ndarray, mask: np.ndarray | None, env_step: int
    ) -> np.ndarray:
        """Replace some of the ``actions`` [S * N] by the teacher's, see ``Teacher.replace_actions``."""
        if self.teacher is None:
            return np.zeros(len(actions), np.bool_)
        return self.teacher.replace_actions(actions, obs, mask, env_step)

    def begin_with(
        self, saved: Sequence[Mapping[str, Tensor]], *, mode: str, fresh: QNetwork, shrink_perturb: float
    ) -> None:
        """Take over saved weights before the first step, one network [1, ...] for each seed; see ``transfer``.

        A teacher gets them whole, whatever the mode is.

        Raises:
            WaybillError: in one line, if a tensor doesn't fit.
        """
        together = fresh.adopt(weights.joined(saved))
        transfer.begin_with(self._updater, together, mode=mode, fresh=fresh, shrink_perturb=shrink_perturb)
        if self.teacher is not None:
            self.teacher.load(together)

    @torch.no_grad()
    def shrink_perturb(self, fresh: QNetwork, share: float, seed: int) -> None:
        """Move one seed's weights by a share of the way to fresh ones (Ash & Adams 2020, sec. 4)."""
        self._updater.move_towards(flat_values(fresh), share, slice(seed, seed + 1))

    def dormant(self, seed: int) -> float | None:
        """The share of one seed's hidden units that hardly act now; None if the agent doesn't measure it."""
        return None

    def q_values(self, obs: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
        """float32 [S * N, A], see ``QPolicy.q_values``."""
        return self.policy.q_values(obs, mask)

    def greedy(self, obs: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
        """int64 [S * N], see ``QPolicy.greedy``."""
        return self.policy.greedy(obs, mask)

    def greedy_policy(self, seed: int) -> QPolicy:
        """Acts greedily with one seed's weights as they are now when called, see ``QPolicy.greedy``."""
        return self.policy.single(seed)

    def means(self) -> list[dict[str, float]]:
        """For each seed, means over the updates since the last call; empty without any.

        They are loss, q_mean, td_error_abs and grad_norm (before clipping).
        """
        return self._updater.metrics()

    def gradient_norms(self, seed: int) -> dict[str, float]:
        """Norms of the last update's gradient of one seed, before clipping, by the network's submodules."""
        return self._updater.gradient_norms(seed)

    def target_weights(self, seed: int) -> Tensor | None:
        """One seed's weights of the target network, [P]; None for agents without."""
        return None

    def last_batch(self, seed: int) -> Transitions | None:
        """What one seed learnt from in the last update, [B, ...]; None before the first, and if it isn't kept."""
        return None

    def after_next_update(self, call: Callable[[], None]) -> None:
        """Call back once, right after the next gradient update."""
        self._updater.after_next = [*self._updater.after_next, call]

    def epsilon(self, env_step: int) -> float:
        """Chance to explore at that step (of the first game, if there is a ladder)."""
        return self.explorations[0].schedule(env_step)

    def policy_state_dict(self, seed: int = 0) -> dict[str, Any]:
        """Just what one seed needs to act, for ``QPolicy.load_policy``."""
        return self.policy.policy_state_dict(seed)

    def load_policy(self, state: dict[str, Any]) -> None:
        """Act with those weights, see ``QPolicy.load_policy``."""
        self.policy.load_policy(state)

    def shared_state(self) -> dict[str, Any]:
        """Weights, optimiser, counters and the generators of exploration, as tensors and plain data."""
        return self._updater.state_dict() | {
            "exploration": [part.state_dict() for part in self.explorations],
            "teacher": None if self.teacher is None else self.teacher.state_dict(),
            "tally": self.tally.state_dict(),
        }

    def load_shared_state(self, state: dict[str, Any]) -> None:
        """Go on from that state.

        Raises:
            WaybillError: in one line, if it belongs to a network of another size.
        """
        self._updater.load_state_dict(state)
        for part, kept in zip(self.explorations, state["exploration"], strict=True):
            part.load_state_dict(kept)
        if self.teacher is not None:
            self.teacher.load_state_dict(state["teacher"])
        if "tally" in state:  # not in a version before
            self.tally.load_state_dict(state["tally"])
