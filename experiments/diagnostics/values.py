"""Predicted against what came: are Q-values too high, do they rank states rightly, how sure are choices?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from experiments.diagnostics.visited import Visited

BINS = 10  # of the calibration, equally filled


class Compared(NamedTuple):
    """What a policy expects in K visited states, and what came."""

    q: np.ndarray  # float64 [K], of the action taken
    returned: np.ndarray  # float64 [K], the discounted return that came
    gap: np.ndarray  # float64 [G], best legal action less the second best, where there are two
    td_error: np.ndarray  # float64 [L], r + γ max Q(s') - Q(s, a), where s' was kept or the game was over

    @property
    def overestimation(self) -> float:
        """How far the mean of Q lies above the mean return, as a share of the mean size of returns."""
        return float((self.q.mean() - self.returned.mean()) / max(1e-9, np.abs(self.returned).mean()))

    @property
    def calibration(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean Q and mean return of states with like Q: [B] each, of at most ten groups of like size, rising."""
        groups = np.array_split(np.argsort(self.q, kind="stable"), min(BINS, len(self.q)))
        means = [(self.q[group].mean(), self.returned[group].mean()) for group in groups]
        q, came = np.array(means).T
        return q, came

    def scalars(self) -> dict[str, float]:
        """Curves by tag."""
        q, came = self.calibration
        found = {
            "values/q": self.q.mean(), "values/return": self.returned.mean(),
            "values/overestimation": self.overestimation, "values/calibration_error": np.abs(q - came).mean(),
        }  # fmt: skip
        if self.q.std() > 0 and self.returned.std() > 0:
            found["values/correlation"] = np.corrcoef(self.q, self.returned)[0, 1]
        if len(self.td_error):
            found["values/td_error_abs"] = np.abs(self.td_error).mean()
        if len(self.gap):
            found["values/action_gap"] = self.gap.mean()
        return {tag: float(value) for tag, value in found.items()}

    def histograms(self) -> dict[str, np.ndarray]:
        """Distributions by tag, those that are not empty."""
        found = {"values/q": self.q, "values/td_errors": self.td_error, "values/action_gaps": self.gap}
        return {tag: column for tag, column in found.items() if len(column)}


def compare_values(visited: Visited, q: np.ndarray, gamma: float) -> Compared:
    """What Q-values [K, A] of the visited states (-inf where illegal) say, beside what came."""
    q = q.astype(np.float64)
    taken, best = q[np.arange(len(q)), visited.a], q.max(1)
    two = np.isfinite(q).sum(1) >= 2
    ordered = -np.partition(-q[two], 1, axis=1)[:, :2] if two.any() else np.zeros((0, 2))
    followed = visited.followed
    target = visited.r + gamma * np.where(followed, np.append(best[1:], 0.0), 0.0)
    known = followed | visited.ended
    return Compared(taken, visited.returned, ordered[:, 0] - ordered[:, 1], (target - taken)[known])
