"""What the Gymnasium environments share: spaces, and the infos of a batch of games."""

from __future__ import annotations

from collections.abc import Sequence

import gymnasium
import numpy as np

from envs.waybill.batch import Batch
from envs.waybill.core.state import STAGES

_REFINING = ("workshop", "deliver", "refine")  # stages that a level without recipes does not have


def check_render_mode(mode: str | None, known: Sequence[str]) -> None:
    """Refuse a way of drawing that there is not.

    Raises:
        ValueError: in one line with the known ones.
    """
    if mode not in (None, *known):
        raise ValueError(f"render_mode={mode!r}, allowed are None, {' and '.join(known)}")


class Spaces:
    """What both kinds of environment share: the spaces and what there is to say about the games.

    Attributes:
        level: the level's numbers.
        layout: how an observation is cut.
        stages: names of the columns of the info ``stages``.
        mask_is_constant: True if every action may be chosen in every turn.
        action_groups: the verb of every action, int8 [A]; None with candidates.
    """

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
        self.mask_is_constant = batch.space.mask_is_constant
        self.action_groups = batch.space.verbs()

    def _one_space(self) -> tuple[gymnasium.spaces.Box, gymnasium.spaces.Discrete]:
        box = gymnasium.spaces.Box(-np.inf, np.inf, (self.layout.size,), np.float32)
        return box, gymnasium.spaces.Discrete(self._batch.space.n_actions)

    def _infos(self) -> dict[str, np.ndarray]:
        """What is told of all games, arrays [N, ...] that no later step touches."""
        batch = self._batch
        infos = dict(zip(batch.infos._fields, batch.infos, strict=True))
        del infos["over"]
        infos["stages"] = infos["stages"][:, self._stage_columns]
        infos |= {"action_mask": batch.space.mask, "raw_reward": batch.raw, "potential": batch.potential}
        if batch.space.groups is not None:
            infos |= {"action_group": batch.space.groups, "advice": batch.advice}
        return infos
