"""Curves: the last episodes summed up, and TensorBoard files with Stable-Baselines3's tags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch.utils.tensorboard import SummaryWriter

WINDOW = 100
_SINGLE = ("r", "l", "score", "bankrupt", "illegal")


class EpisodeWindow:
    """The last 100 finished episodes: what the rollout and game curves show.

    ``verbs`` and ``stages`` name the columns of ``infos["orders"]`` and ``infos["stages"]``.
    """

    def __init__(self, *, verbs: Sequence[str], stages: Sequence[str], size: int = WINDOW) -> None:
        self.verbs, self.stages = tuple(verbs), tuple(stages)
        self._rows = np.zeros((size, len(_SINGLE) + len(self.verbs) + len(self.stages)))  # [size, columns]
        self.episodes = 0  # finished since training began

    def add(self, infos: Mapping[str, Any], ended: np.ndarray) -> None:
        """Take in the games of a batch step that ``ended`` [N] bool."""
        if not ended.any():
            return
        episode = infos["episode"]
        columns = [np.asarray(episode["r"]), np.asarray(episode["l"])]
        columns += [np.asarray(infos[name]) for name in _SINGLE[2:]]
        table = np.column_stack([*columns, np.asarray(infos["orders"]), np.asarray(infos["stages"])])  # [N, columns]
        for row in table[ended]:
            self._rows[self.episodes % len(self._rows)] = row
            self.episodes += 1

    def add_one(self, info: Mapping[str, Any]) -> None:
        """Take in one finished game of a single environment."""
        row = {name: np.asarray(info[name])[None] for name in (*_SINGLE[2:], "orders", "stages")}
        episode = {name: np.asarray(info["episode"][name]).reshape(1) for name in ("r", "l")}
        self.add({**row, "episode": episode}, np.ones(1, np.bool_))

    def tags(self) -> dict[str, float]:
        """Means over the window by TensorBoard tag; empty before the first episode has ended."""
        rows = self._rows[: min(self.episodes, len(self._rows))]
        if not len(rows):
            return {}
        means = rows.mean(axis=0).tolist()
        singles, orders, stages = np.split(np.asarray(means), [len(_SINGLE), len(_SINGLE) + len(self.verbs)])
        r, length, score, bankrupt, illegal = singles.tolist()
        tags = {
            "rollout/ep_rew_mean": r,
            "rollout/ep_len_mean": length,
            "game/score": score,
            "game/bankruptcies": bankrupt,
            "game/illegal_orders": illegal,
        }
        tags |= {f"game/orders/{name}": mean for name, mean in zip(self.verbs, orders.tolist(), strict=True)}
        tags |= {f"game/funnel/{name}": share for name, share in zip(self.stages, stages.tolist(), strict=True)}
        tags["game/funnel/profit"] = float((rows[:, _SINGLE.index("score")] > 0).mean())
        return tags

    def state_dict(self) -> dict[str, Any]:
        """The window as plain data."""
        return {"rows": self._rows.copy(), "episodes": self.episodes}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from that window."""
        self._rows[:] = state["rows"]
        self.episodes = int(state["episodes"])


class Curves:
    """TensorBoard curves over environment steps. A resumed run drops points after ``from_step`` to make them again."""

    def __init__(self, *, folder: Path, from_step: int) -> None:
        self._writer = SummaryWriter(str(folder), purge_step=from_step + 1 if from_step else None)

    def add(self, tags: Mapping[str, float], env_step: int) -> None:
        """One point for each tag."""
        for tag, value in tags.items():
            self._writer.add_scalar(tag, value, env_step)

    def close(self) -> None:
        """Write what is waiting and close the file."""
        self._writer.close()
