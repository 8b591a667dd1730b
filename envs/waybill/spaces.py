"""What the Gymnasium environments share: spaces, and the infos of a batch of games."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np

from envs.waybill.batch import Batch
from envs.waybill.core.state import STAGES
from groundwork.errors import WaybillError

_REFINING = ("workshop", "deliver", "refine")  # stages that a level without recipes does not have


def check_render_mode(mode: str | None, known: Sequence[str]) -> None:
    """Refuse a way of drawing that there is not.

    Raises:
        WaybillError: in one line with the known ones.
    """
    if mode not in (None, *known):
        raise WaybillError(f"render_mode={mode!r}, allowed are None, {' and '.join(known)}")


def game_seed(seed: Any) -> int:
    """The 64-bit seed of a game from any that Gymnasium takes, a whole number from 0 on.

    Gymnasium itself draws seeds of 128 bits. Up to 64 bits a seed stands for itself.

    Raises:
        WaybillError: for another value.
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise WaybillError(f"reset seed={seed!r}, allowed are whole numbers from 0 on")
    return int(seed) if seed < 2**64 else int(np.random.SeedSequence(int(seed)).generate_state(1, np.uint64)[0])


class Spaces:
    """What both kinds of environment share: the spaces and what there is to say about the games.

    Attributes:
        level: the level's numbers.
        layout: how an observation is cut.
        columns: names of the columns of infos [N, C]: ``stages``, ``stage_turn``, ``made``, ``made_turn``, ``sold`` and
            ``workshops`` (these by what they make).
        mask_is_constant: True if every action may be chosen in every turn.
        action_groups: the verb of every action, int8 [A]; None with candidates.
    """

    _batch: Batch
    _pool_seeds: np.ndarray | None = None  # of the pool's own maps, while a map of its own is played

    @property
    def batch(self) -> Batch:
        """The games below the environment, for those who want to look at orders and states."""
        return self._batch

    def choose_map(self, options: Mapping[str, Any] | None) -> None:
        """Play the next game on the map that the option ``map_seed`` of ``reset`` names, or on the pool's own again.

        Raises:
            WaybillError: in one line, for another option or a seed that is none.
        """
        options = options or {}
        if unknown := set(options) - {"map_seed"}:
            raise WaybillError(f"reset option {sorted(unknown)[0]!r} is unknown, known is map_seed")
        if "map_seed" in options:
            wanted = options["map_seed"]
            if not isinstance(wanted, int | np.integer) or not 0 <= wanted < 2**63:
                raise WaybillError(f"reset option map_seed={wanted!r}, allowed are whole numbers from 0 to 2**63")
            self._play_on(int(wanted))
        elif self._pool_seeds is not None:
            self._batch.use_maps(self._pool_seeds)
            self._pool_seeds = None

    def _play_on(self, map_seed: int) -> None:
        self._pool_seeds = self._batch.pool.seed.copy() if self._pool_seeds is None else self._pool_seeds
        self._batch.use_maps(np.array([map_seed], np.uint64))

    def _describe(self) -> None:
        batch = self._batch
        self.level = batch.level
        self.layout = batch.layout
        stages = tuple(s for s in STAGES if batch.level.recipes or s not in _REFINING)
        goods, recipes = tuple(batch.level.goods), tuple(recipe.output for recipe in batch.level.recipes)
        self.columns = {"stages": stages, "stage_turn": stages, "workshops": recipes}
        self.columns |= dict.fromkeys(("made", "made_turn", "sold"), goods)
        self._stage_columns = [STAGES.index(stage) for stage in stages]
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
        for name, columns in self.columns.items():
            of_stages = name in ("stages", "stage_turn")
            infos[name] = infos[name][:, self._stage_columns] if of_stages else infos[name][:, : len(columns)]
        infos |= {"action_mask": batch.space.mask, "raw_reward": batch.raw, "potential": batch.potential}
        if batch.space.groups is not None:
            infos |= {"action_group": batch.space.groups, "advice": batch.advice}
        return infos
