"""What the Gymnasium environments share: spaces, and the infos of a batch of games."""

from __future__ import annotations

import gymnasium
import numpy as np

from envs.waybill.batch import Batch
from envs.waybill.core.state import STAGES

Maps = tuple[int, int]
_REFINING = ("workshop", "deliver", "refine")  # stages that a level without recipes does not have


class Spaces:
    """What both kinds of environment share: the spaces and what there is to say about the games."""

    _batch: Batch

    @property
    def batch(self) -> Batch:
        """The games below the environment, for those who want to look at orders and states."""
        return self._batch

    def _describe(self) -> None:
        batch = self._batch
        self.level = batch.level
        self.layout = batch.layout
        self.stages = tuple(s for s in STAGES if batch.level.recipes or s not in _REFINING)
        self._stage_columns = [STAGES.index(s) for s in self.stages]
        self.mask_is_constant = batch.actions == "full"
        self.action_groups = batch.raw_groups()

    def _one_space(self) -> tuple[gymnasium.spaces.Box, gymnasium.spaces.Discrete]:
        box = gymnasium.spaces.Box(-np.inf, np.inf, (self.layout.size,), np.float32)
        return box, gymnasium.spaces.Discrete(self._batch.n_actions)

    def _facts(self) -> dict[str, np.ndarray]:
        """What is known of all games, arrays [N, ...] that no later step touches."""
        batch = self._batch
        facts = batch.facts._asdict()
        del facts["over"]
        facts["stages"] = facts["stages"][:, self._stage_columns]
        facts |= {"action_mask": batch.mask, "raw_reward": batch.raw, "potential": batch.potential}
        if batch.groups is not None:
            facts |= {"action_group": batch.groups, "advice": batch.advice}
        return facts
