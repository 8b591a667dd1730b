"""Waybill as a PettingZoo game: all companies at once, each an agent of its own. No rule of the game is in here."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import gymnasium
import numpy as np

from envs.waybill.options import read_options
from envs.waybill.spaces import check_render_mode
from envs.waybill.vector_env import WaybillVectorEnv
from groundwork.errors import WaybillError

try:
    from pettingzoo import ParallelEnv
except ImportError:
    line = "envs.waybill.parallel needs PettingZoo, which is not installed: pip install -e '.[pettingzoo]'"
    raise ImportError(line) from None


class WaybillParallelEnv(ParallelEnv):
    """One game; the agents are ``company_0``, ``company_1``, …, as many as the level has seats.

    Whoever is bankrupt is terminated and leaves, the others play on to the horizon, where all are terminated. Each
    agent's observations, actions and infos (``action_mask`` int8 [A], ``score``, ``won``, …) are those of
    ``WaybillEnv`` in its seat. Games are decided by the seed of ``reset``; without one they follow from the last.

    Args:
        render_mode: None, ``ansi`` or ``rgb_array``.
        options: as ``GameOptions``; ``level`` is ``rivals`` by default and may be a name.

    Raises:
        WaybillError: in one line, for an unknown option or name and for a number out of range.
    """

    metadata: dict[str, Any] = {"name": "waybill_v0", "render_modes": ["ansi", "rgb_array"], "render_fps": 4}

    def __init__(self, *, render_mode: str | None = None, **options: Any) -> None:
        check_render_mode(render_mode, self.metadata["render_modes"])
        chosen = read_options(options, WaybillParallelEnv, level="rivals")
        self._games = WaybillVectorEnv(
            num_envs=1, threads=1, seats=range(1 + len(chosen.level.rivals)), whole_games=True,
            **{option.name: getattr(chosen, option.name) for option in fields(chosen)},
        )  # fmt: skip
        self.render_mode, self.level = render_mode, chosen.level
        self.possible_agents = [f"company_{seat}" for seat in self._games.batch.seats]
        self.agents: list[str] = []
        box, discrete = self._games.single_observation_space, self._games.single_action_space
        assert isinstance(box, gymnasium.spaces.Box)
        assert isinstance(discrete, gymnasium.spaces.Discrete)
        boxes = {agent: gymnasium.spaces.Box(box.low, box.high, dtype=np.float32) for agent in self.possible_agents}
        self.observation_spaces: dict[str, Any] = boxes
        self.action_spaces: dict[str, Any] = {a: gymnasium.spaces.Discrete(discrete.n) for a in self.possible_agents}

    def observation_space(self, agent: str) -> Any:
        """What an agent observes: Box [D], the same object each time."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> Any:
        """What an agent may do: Discrete, the same object each time."""
        return self.action_spaces[agent]

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, dict[str, Any]]]:
        """Begin a new game; ``options={"map_seed": m}`` plays the map of seed m.

        PettingZoo's interface lets callers pass options that a game has not; those are passed over.

        Raises:
            WaybillError: for a map seed that is none.
        """
        self._games.choose_map({key: value for key, value in (options or {}).items() if key == "map_seed"})
        observed, infos = self._games.reset(seed=seed)
        self.agents = list(self.possible_agents)
        return self._rows(observed), self._infos(infos)

    def step(
        self, actions: dict[str, Any]
    ) -> tuple[dict[str, Any], dict[str, float], dict[str, bool], dict[str, bool], dict[str, dict[str, Any]]]:
        """One turn: an action of each agent that is left.

        Raises:
            WaybillError: when the game is over, or for an agent without an action or one outside the action space.
        """
        if not self.agents:
            raise WaybillError("step: the game is over, call reset first")
        for agent in self.agents:
            if agent not in actions:
                raise WaybillError(f"step: no action for {agent}; agents are {', '.join(self.agents)}")
        chosen = [actions[a] if a in self.agents else 0 for a in self.possible_agents]
        observed, r_t, terminated, truncated, infos = self._games.step(chosen)
        results = (
            self._rows(observed),
            {agent: float(value) for agent, value in self._rows(r_t).items()},
            {agent: bool(value) for agent, value in self._rows(terminated).items()},
            {agent: bool(value) for agent, value in self._rows(truncated).items()},
            self._infos(infos),
        )
        self.agents = [agent for agent in self.agents if not results[2][agent]]
        return results

    def _rows(self, array: np.ndarray) -> dict[str, Any]:
        """The rows of an array [seats, ...] by agent, of those that are left."""
        return {agent: array[k].copy() for k, agent in enumerate(self.possible_agents) if agent in self.agents}

    def _infos(self, infos: dict[str, Any]) -> dict[str, dict[str, Any]]:
        arrays = {name: value for name, value in infos.items() if name not in ("reset", "finished", "_finished")}
        found: dict[str, dict[str, Any]] = {agent: {} for agent in self.agents}
        for name, value in arrays.items():
            for agent, row in self._rows(value).items():
                found[agent][name] = row.item() if row.ndim == 0 else row
        return found

    def render(self) -> Any:
        """The board as text (``ansi``) or an image uint8 [H, W, 3] (``rgb_array``)."""
        if self.render_mode is None:
            return None
        from envs.waybill.render import to_image, to_text

        draw = to_text if self.render_mode == "ansi" else to_image
        return draw(self._games.states[0], self._games.batch.pool, self.level)

    def close(self) -> None:
        """Do nothing: no window or file is held open."""
