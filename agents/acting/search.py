"""A thought before acting: actions are tried on copies of the game, played on by the policy, and the best is taken.

Decision-time planning by rollouts of the policy itself (rollout algorithm: Tesauro & Galperin 1996; Bertsekas,
Tsitsiklis & Wu 1997). Copies of the same draw share all random numbers, so that actions differ by what they do.
"""

from __future__ import annotations

import re
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from agents.acting.rollouts import Branches, Values, highest, play_on
from groundwork.errors import WaybillError

MOST_DRAWS = 8  # with a budget in milliseconds: different draws of what is hidden
MOST_ROUNDS = 64  # that may be asked for: as many draws are held for every game
_BUDGET = re.compile(r"(\d+(?:\.\d+)?)\s*ms|(\d+)")


@dataclass(frozen=True)
class LookaheadSettings:
    """How long to think and about what.

    Attributes:
        budget: ``20ms`` of wall clock for each decision, so that what comes out depends on the machine, or a number of
            rounds, the same everywhere. The first round is always finished.
        candidates: actions tried, those with the highest Q-values.
        turns: until a tried game is valued by the network; games of which nothing is hidden are played to their end.

    Raises:
        WaybillError: in one line, for what is not allowed.
    """

    budget: str
    candidates: int = 8
    turns: int = 40

    def __post_init__(self) -> None:
        found = _BUDGET.fullmatch(self.budget.strip())
        if found is None or float(found[1] or found[2]) <= 0.0 or int(found[2] or 1) > MOST_ROUNDS:
            line = f"allowed are milliseconds, as 20ms, or a number of rounds, as 4, up to {MOST_ROUNDS}"
            raise WaybillError(f"search={self.budget}: {line}")
        for name, value, most in (("candidates", self.candidates, 256), ("turns", self.turns, 10_000)):
            if not 1 <= value <= most:
                raise WaybillError(f"search-{name}={value} is not in 1..{most}")

    @property
    def seconds(self) -> float | None:
        """Budget of a decision; None if rounds are counted."""
        found = _BUDGET.fullmatch(self.budget.strip())
        assert found is not None
        return None if found[1] is None else float(found[1]) / 1000.0

    @property
    def rounds(self) -> int | None:
        """Rounds for each decision; None if time is counted."""
        return None if self.seconds is not None else int(self.budget)

    @property
    def draws(self) -> int:
        """Draws of what is hidden that are worth having."""
        return MOST_DRAWS if self.rounds is None else self.rounds


class Search(ABC):
    """Acts on N games after trying what it might do on copies of them.

    Args:
        policy: says what is worth trying, plays tried games on, and values where they were broken off.
        branches: the games, which must be at the turn of the observations that ``__call__`` is given.
        settings: how long.
        gamma: discount per step of the rewards, the policy's own.
    """

    def __init__(self, *, policy: Values, branches: Branches, settings: LookaheadSettings, gamma: float) -> None:
        self.policy, self.branches, self.settings, self.gamma = policy, branches, settings, gamma
        self.decisions, self.seconds = 0, 0.0
        self._begun, self._thinking = 0.0, 0

    def __call__(self, obs: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """The best actions found, int64 [N], for observations [N, D] and masks [N, A]; 0 where none is legal."""
        self._begun = time.perf_counter()
        self.branches.follow()
        q = self.policy.q_values(obs, mask)
        self._thinking = int(np.isfinite(q).any(axis=1).sum())
        actions = self.choose(q)
        self.decisions += self._thinking
        self.seconds += time.perf_counter() - self._begun
        return actions

    @abstractmethod
    def choose(self, q: np.ndarray) -> np.ndarray:
        """Actions int64 [N] from Q-values [N, A], -inf where illegal."""

    def goes_on(self, rounds: int) -> bool:
        """Whether there is time for another round after so many."""
        if rounds == 0:
            return True
        if self.settings.rounds is not None:
            return rounds < self.settings.rounds
        assert self.settings.seconds is not None
        spent = time.perf_counter() - self._begun
        return spent * (rounds + 1) / rounds <= self.settings.seconds * self._thinking

    def worth_trying(self, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Games and actions to try, int64 [B] each: the highest Q-values of every game."""
        return highest(q, self.settings.candidates)


class DrawnSearch(Search):
    """Takes what does best on average over draws of what is hidden."""

    def choose(self, q: np.ndarray) -> np.ndarray:
        """As in ``Search``."""
        game, action = self.worth_trying(np.where((np.isfinite(q).sum(axis=1) > 1)[:, None], q, -np.inf))
        total, rounds = np.zeros(len(game)), 0
        while len(game) > 0 and rounds < self.branches.draws and self.goes_on(rounds):
            self.branches.begin(game, rounds)
            total += play_on(self.policy, self.branches, action, turns=self.settings.turns, gamma=self.gamma)
            rounds += 1
        value = np.full(q.shape, -np.inf)
        value[game, action] = total
        return np.where(np.isfinite(value).any(axis=1), value.argmax(axis=1), q.argmax(axis=1))
