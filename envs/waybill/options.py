"""What a game is made of, named once for all environments: a level, a reward, an action space, an encoding, maps."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from envs.waybill.core.levels import LevelConfig, load_level
from envs.waybill.maps.pool import TRAIN_SEEDS
from groundwork.errors import WaybillError


@dataclass(frozen=True, kw_only=True)
class GameOptions:
    """The choices that all of Waybill's environments take, checked; parts are named and looked up by ``Batch``.

    Attributes:
        level: the numbers of the level.
        reward, actions, encoding: names of parts; ``encoding_options`` go to the encoding.
        gamma: the agent's discount, used by shaping.
        bonus: what ``milestone`` pays for each, in starting cashes.
        candidates: K, slots of a reducer, 2..256; raw action spaces have none.
        hints: candidates show what is calculated from travel times, see ``observation/candidates.py``.
        cells: a side, of ``buckets``.
        pointers: observations say which entities a cart and a candidate speak of, see ``observation/pointers.py``.
        dated: observations say how old what is known is, and what can have become of it, see ``observation/dating.py``.
        entities: rows of entities, if more than the level needs (see ``make_layout``).
        maps: (first seed, count) of the map pool.

    Raises:
        WaybillError: in one line, for a number out of range.
    """

    level: LevelConfig
    reward: str = "shaped"
    gamma: float = 0.99
    bonus: float = 0.25
    actions: str = "heuristic"
    candidates: int = 32
    hints: bool = True
    cells: int = 4
    encoding: str = "reference_points"
    encoding_options: Mapping[str, Any] = field(default_factory=dict)
    pointers: bool = False
    dated: bool = False
    entities: int | None = None
    maps: tuple[int, int] = (TRAIN_SEEDS, 256)

    def __post_init__(self) -> None:
        if not 0.0 <= self.gamma <= 1.0:
            raise WaybillError(f"gamma={self.gamma}, allowed are 0..1")
        if not 0.0 <= self.bonus <= 100.0:
            raise WaybillError(f"bonus={self.bonus}, allowed are 0..100 starting cashes")
        self.check_maps(1)

    def check_maps(self, needed: int) -> None:
        """Refuse a pool with fewer maps than are needed.

        Raises:
            WaybillError: in one line.
        """
        first, count = self.maps
        if first < 0 or count < needed:
            line = "needs a first seed of at least 0 and enough maps (in order: one a game)"
            raise WaybillError(f"maps={(first, count)}: {line}")


def read_options(given: Mapping[str, Any], taken_by: type, **defaults: Any) -> GameOptions:
    """The options among the keyword arguments of an environment, its ``defaults`` in place of those not given.

    ``level`` may be a level's name or its numbers.

    Raises:
        WaybillError: in one line, for an unknown option and for a number out of range.
    """
    known = {option.name for option in fields(GameOptions)}
    if unknown := sorted(set(given) - known):
        own = set(inspect.signature(taken_by).parameters) - {"options"}
        line = f"option {unknown[0]!r} is unknown, known are {', '.join(sorted(known | own))}"
        raise WaybillError(f"{taken_by.__name__}: {line}")
    options = {"level": "refine", **defaults, **given}
    level = options["level"]
    return GameOptions(**{**options, "level": load_level(level) if isinstance(level, str) else level})
