"""Rollouts: copies of games that a policy plays on, to learn what an action is worth."""

from __future__ import annotations

from typing import Protocol

import numpy as np


class Branches(Protocol):
    """Copies of N running games, to be played on apart from them. All arrays have a row for each copy.

    ``is_exact`` says that a copy goes on just as its game would; else there are ``draws`` of what is hidden.
    """

    is_exact: bool
    draws: int

    def follow(self) -> None:
        """The games stand at a new turn."""

    def begin(self, games: np.ndarray, draw: int) -> None:
        """Copy these games, int64 [B], with what is hidden as in a draw."""

    def step(self, actions: np.ndarray) -> np.ndarray:
        """Play actions [B]; rewards float64 [B], 0 in copies that are over."""

    @property
    def over(self) -> np.ndarray:
        """Whether a copy's game has ended, bool [B]."""

    @property
    def seen(self) -> tuple[np.ndarray, np.ndarray]:
        """Observations [B, D] and masks [B, A]."""


class Values(Protocol):
    """A policy with Q-values, as ``QPolicy``."""

    def greedy(self, obs: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Actions int64 [N]."""

    def q_values(self, obs: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """float32 [N, A], -inf where illegal."""


def play_on(
    policy: Values, branches: Branches, action: np.ndarray, *, turns: int, gamma: float, chooser: Values | None = None
) -> np.ndarray:
    """Returns [B] of actions [B] in copies begun before, which the policy plays on up to ``turns`` and then values.

    The n-step return with the policy's own value at its end (Sutton & Barto 2018, eq. 7.1), discounted by ``gamma``:
    its highest Q-value, or that of the action that a ``chooser`` with other weights would take, which leans less
    towards values that are too high by chance (van Hasselt 2010).
    """
    count = len(action)
    found, discount = np.zeros(count), 1.0
    for turn in range(turns):
        found += discount * branches.step(action)
        discount *= gamma
        going = np.flatnonzero(~branches.over)
        if len(going) == 0:
            break
        obs, mask = (array[going] for array in branches.seen)
        if turn + 1 < turns:
            action = np.zeros(count, np.int64)
            action[going] = policy.greedy(obs, mask)
        else:
            q = policy.q_values(obs, mask)
            last = q.argmax(axis=1) if chooser is None else chooser.greedy(obs, mask)
            found[going] += discount * q[np.arange(len(q)), last]
    return found


def highest(q: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows and actions, int64 [B] each, of the highest finite Q-values [N, A] of every row, ``most`` a row."""
    order = np.argsort(-q, axis=1, kind="stable")[:, :most]
    row, place = np.nonzero(np.isfinite(np.take_along_axis(q, order, axis=1)))
    return row, order[row, place]
