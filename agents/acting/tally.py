"""Who chose the actions of training, and of which kind they were: counted for the curves."""

from __future__ import annotations

import numpy as np

SOURCES = ("policy", "random", "advice", "teacher")
MOST_GROUPS = 16  # kinds of actions that are told apart; those beyond count as the last


class ActionTally:
    """Counts the actions of S seeds by their source and their group (verb), since somebody last took the counts."""

    def __init__(self, seeds: int) -> None:
        self._counts = np.zeros((seeds, len(SOURCES), MOST_GROUPS), np.int64)

    def add(self, source: np.ndarray, group: np.ndarray | None) -> None:
        """Count one batch step: the number of its source in ``SOURCES`` and its group, int [S * N] each."""
        seeds, sources, groups = self._counts.shape
        rows = np.arange(len(source)) // (len(source) // seeds)
        kind = 0 if group is None else np.clip(group, 0, groups - 1)
        found = np.bincount((rows * sources + source) * groups + kind, minlength=self._counts.size)
        self._counts += found.reshape(self._counts.shape)

    def take(self) -> np.ndarray:
        """The counts [S, sources, groups] so far; they begin anew."""
        found, self._counts = self._counts, np.zeros_like(self._counts)
        return found

    def state_dict(self) -> dict[str, list[list[list[int]]]]:
        """What was counted and not yet taken."""
        return {"counts": self._counts.tolist()}

    def load_state_dict(self, state: dict[str, list[list[list[int]]]]) -> None:
        """Go on counting from there."""
        self._counts[:] = np.array(state["counts"])
