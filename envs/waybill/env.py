"""Waybill as a Gymnasium environment of one game. No rule of the game is in here."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode

from envs.waybill.batch import Batch
from envs.waybill.game_state import GameState, Keeper
from envs.waybill.options import read_options
from envs.waybill.spaces import Spaces, check_render_mode, game_seed
from groundwork.errors import WaybillError


class WaybillEnv(Spaces, gymnasium.Env):
    """One game of Waybill: observations Box [D] (see ``observation/observe.py``), actions Discrete, as its parts want.

    ``reset(options={"map_seed": m})`` plays the map of seed m. Infos as in ``WaybillVectorEnv``, without the game axis.

    Args:
        seat: the seat played from outside; the level's rivals play the others.
        render_mode: None, ``ansi`` or ``rgb_array``.
        options: as ``GameOptions``; ``level`` is ``refine`` by default and may be a name.

    Raises:
        WaybillError: in one line, for an unknown option or name and for a number out of range.
    """

    metadata = {"render_modes": ["ansi", "rgb_array"], "render_fps": 4, "autoreset_mode": AutoresetMode.NEXT_STEP}

    def __init__(
        self,
        *,
        seat: int = 0,
        render_mode: str | None = None,
        **options: Any,
    ) -> None:
        check_render_mode(render_mode, self.metadata["render_modes"])
        chosen = read_options(options, WaybillEnv)
        self._batch = Batch(chosen, num_envs=1, seats=(seat,))
        self.render_mode = render_mode
        self._describe()
        self.observation_space, self.action_space = self._one_space()
        self._keeper, self._returns = Keeper(self._batch), np.zeros(1)
        self._last_order: Any = None

    @property
    def state(self) -> Any:
        """The game's STATE record; read-only by convention."""
        return self._batch.states[0]

    def action_masks(self) -> np.ndarray:
        """Which actions are legal now, bool [A] (the name sb3-contrib asks for)."""
        return self._batch.space.mask[0] != 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """A new game; the seed decides its map and, without further seeds, all later games'.

        Raises:
            WaybillError: for an unknown option.
        """
        own = None if seed is None else game_seed(seed)
        super().reset(seed=None if seed is None else int(seed))  # NumPy's are taken, too
        self.choose_map(options)
        self._batch.reset(np.array([int(self.np_random.integers(2**63)) if own is None else own], np.uint64))
        self._returns[:], self._last_order = 0.0, None
        return self._batch.observations[0].copy(), self._info()

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """One turn.

        Raises:
            WaybillError: for an action outside the action space, or when the game is over.
        """
        if self._batch.infos.over[0]:
            raise WaybillError("step: the game is over, call reset first")
        self._batch.step([action])
        self._last_order = self._batch.taken[0].copy()
        reward = float(self._batch.reward[0])
        self._returns += reward
        return self._batch.observations[0].copy(), reward, bool(self._batch.infos.over[0]), False, self._info()

    def get_state(self) -> GameState:
        """The game as it stands, a value that no later step changes: see ``GameState`` for what it holds.

        What ``reset`` without a seed draws next is the environment's own business and not in it.

        Raises:
            WaybillError: before the first ``reset``.
        """
        if not self._batch.begun:
            raise WaybillError("get_state: no game has begun, call reset first")
        return self._keeper.keep(0, self._returns)

    def set_state(self, state: GameState) -> tuple[np.ndarray, dict[str, Any]]:
        """Go on from a state of this environment or of one made of the same; returns what was observed and told there.

        From there the same actions give the same observations, masks, rewards, infos and ends, to the bit.

        Raises:
            WaybillError: in one line, for a state of another level, version or kind of environment; nothing changes.
        """
        self._keeper.check([state])
        if (map_seed := int(state.record()["map_seed"][0])) not in self._batch.pool.seed:
            self._play_on(map_seed)
        self._keeper.set_back([0], [state], self._returns)
        self._last_order = self._batch.taken[0].copy() if self.state["turn"] > 0 else None
        return self._batch.observations[0].copy(), self._info()

    def _info(self) -> dict[str, Any]:
        infos = {name: value[0] for name, value in self._infos().items()}
        if self.mask_is_constant:
            infos["action_mask"] = infos["action_mask"].copy()  # one array for all steps
        told = {name: value.item() if value.ndim == 0 else value for name, value in infos.items()}
        if self._batch.infos.over[0]:
            turn = int(self._batch.states["turn"][0])
            told["finished"] = {"r": float(self._returns[0]), "l": turn, "score": told["score"]}
        return told

    def render(self) -> str | np.ndarray | None:
        """The board as text (``ansi``) or an image uint8 [H, W, 3] (``rgb_array``)."""
        if self.render_mode is None:
            return None
        from envs.waybill.render import to_image, to_text

        draw = to_text if self.render_mode == "ansi" else to_image
        return draw(self.state, self._batch.pool, self.level, order=self._last_order)
