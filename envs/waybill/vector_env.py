"""Waybill as a Gymnasium vector environment: a true batch of games. No rule of the game is in here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from envs.waybill.batch import Batch
from envs.waybill.core.state import STATE
from envs.waybill.game_state import GameState, Keeper
from envs.waybill.maps.pool import TRAIN_SEEDS
from envs.waybill.options import read_options
from envs.waybill.spaces import Spaces, game_seed
from groundwork.errors import WaybillError


class WaybillVectorEnv(Spaces, VectorEnv):
    """A batch of games stepped by compiled passes; autoreset by the next step, as ``metadata`` says.

    After a game has ended, the next ``step`` ignores its action, begins a new game, gives its first observation and
    reward 0; ``infos["reset"]`` marks those rows, which are no transitions.

    Infos: ``action_mask`` int8 [N, A], ``action_group`` int8 [N, K] (verb of each candidate), ``advice`` int64 [N] (the
    candidate that greedy would take), ``score``, ``bankrupt``, ``illegal``, ``orders`` [N, verbs], ``stages``
    [N, stages], ``is_success``, ``won``, ``raw_reward``, ``potential``; when games end, ``finished`` (``r`` return,
    ``l`` turns, ``score``) with ``_finished`` bool [N].

    With several ``seats`` played from outside, each game has a row for each of them: N is games times seats.

    The pool is refilled with new maps once it has been played through on average.

    Args:
        num_envs: games; ``in_order``, ``threads``, ``seats`` and ``whole_games`` are those of ``Batch``.
        copy: whether observations are copied; otherwise they stay as they are until the step after the next.
        render_mode: only None.
        options: as ``GameOptions``, with 1,024 maps by default; ``level`` is ``refine`` by default and may be a name.

    Raises:
        WaybillError: in one line, for an unknown option or name and for a number out of range.
    """

    metadata = {"render_modes": [], "autoreset_mode": AutoresetMode.NEXT_STEP}

    def __init__(
        self,
        *,
        num_envs: int = 64,
        in_order: bool = False,
        threads: int = 2,
        seats: Sequence[int] = (0,),
        whole_games: bool = False,
        copy: bool = True,
        render_mode: str | None = None,
        **options: Any,
    ) -> None:
        if render_mode is not None:
            raise WaybillError(f"render_mode={render_mode!r}: a batch of games is not drawn, use gymnasium.make")
        self._batch = Batch(
            read_options(options, WaybillVectorEnv, maps=(TRAIN_SEEDS, 1024)),
            num_envs=num_envs, in_order=in_order, threads=threads, seats=seats, whole_games=whole_games,
        )  # fmt: skip
        self.num_games, self.copy, self.render_mode = num_envs, copy, None
        self.num_envs = num_envs = num_envs * len(self._batch.seats)
        self._describe()
        self.single_observation_space, self.single_action_space = self._one_space()
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._returns, self._lengths = np.zeros(num_envs), np.zeros(num_envs, np.int64)
        self._games_begun, self._keeper = 0, Keeper(self._batch)

    @property
    def states(self) -> np.ndarray:
        """The STATE records of all games [N]; read-only by convention."""
        return self._batch.states

    def _observations(self) -> np.ndarray:
        observations = self._batch.observations
        return observations.copy() if self.copy else observations

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """New games. Game i of ``seed`` s is the game that a single environment plays with seed s + i.

        Raises:
            WaybillError: for an option, there are none, or a list of seeds that is not one a game.
        """
        if options:
            raise WaybillError(f"reset option {sorted(options)[0]!r} is unknown, a batch of games has none")
        if isinstance(seed, list) and len(seed) != self.num_games:
            raise WaybillError(f"{len(seed)} seeds for {self.num_games} games")
        own: list[int | None] = [None] * self.num_games
        if isinstance(seed, list):
            own = [given if given is None else game_seed(given) for given in seed]
        elif seed is not None:
            game_seed(seed)  # refuses what is none
            own = [game_seed(int(seed) + i) for i in range(self.num_games)]
        super().reset(seed=None if seed is None or isinstance(seed, list) else int(seed))
        if None in own:
            drawn = self.np_random.integers(2**63, size=self.num_games, dtype=np.uint64).tolist()
            own = [other if given is None else given for given, other in zip(own, drawn, strict=True)]
        self._batch.reset(np.array(own, np.uint64))
        self._returns[:], self._lengths[:], self._games_begun = 0.0, 0, self.num_games
        return self._observations(), {**self._infos(), "reset": np.ones(self.num_envs, np.bool_)}

    def step(self, actions: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """One turn of every game: observations [N, D], rewards [N], terminated [N], truncated [N] (never), infos."""
        batch = self._batch
        batch.step(actions)
        restarted, over = batch.restarted, batch.infos.over
        self._returns = np.where(restarted, 0.0, self._returns + batch.reward)
        self._lengths = np.where(restarted, 0, self._lengths + 1)
        infos = self._told(restarted)
        self._games_begun += int(restarted.sum()) // len(batch.seats)
        if self._games_begun > len(batch.pool.seed) and not batch.in_order:
            batch.refill_maps()
            self._games_begun = 0
        return self._observations(), batch.reward, over, np.zeros(self.num_envs, np.bool_), infos

    def _told(self, restarted: np.ndarray) -> dict[str, Any]:
        infos: dict[str, Any] = {**self._infos(), "reset": restarted}
        if (over := self._batch.infos.over).any():
            infos["finished"] = {"r": self._returns.copy(), "l": self._lengths.copy(), "score": infos["score"]}
            infos["_finished"] = over
        return infos

    def get_state(self, games: Sequence[int] | None = None) -> list[GameState]:
        """The states of all games, or of those given by their numbers 0..N-1: see ``GameState`` for what they hold.

        Raises:
            WaybillError: before the first ``reset``, and for a number that is no game's.
        """
        if not self._batch.begun:
            raise WaybillError("get_state: no game has begun, call reset first")
        return [self._keeper.keep(game, self._returns) for game in self._numbered(games, "get_state")]

    def set_state(
        self, states: Sequence[GameState], games: Sequence[int] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Set all games, or those given, to states of this batch, of another one or of a single environment.

        Returns observations and infos of all games as they are now. From there the same actions give the same results
        to the bit; so do the games after these, as long as the pool has the same maps (it is refilled once played
        through). A map that it no longer has takes the place of one that no game is played on.

        Raises:
            WaybillError: in one line, for a state of another level, version or kind of environment, for numbers that
                are no games' or occur twice, and if there is one state too many or too few; nothing changes.
        """
        chosen = self._numbered(games, "set_state")
        if not isinstance(states, Sequence):
            raise WaybillError(f"set_state: a {type(states).__name__}, allowed are lists of states")
        if len(states) != len(chosen) or len(set(chosen)) != len(chosen):
            raise WaybillError(f"set_state: {len(states)} states for the games {chosen}, each needs one")
        if not self._batch.begun and len(chosen) < self.num_games:
            raise WaybillError("set_state: the other games have not begun, call reset first")
        self._keeper.check(states)
        if states:
            self._keeper.set_back(chosen, states, self._returns)
        seats = len(self._batch.seats)
        self._lengths[:] = np.repeat(self._batch.states["turn"], seats)
        return self._observations(), self._told(np.zeros(self.num_envs, np.bool_))

    def _numbered(self, games: Sequence[int] | None, method: str) -> list[int]:
        if games is None:
            return list(range(self.num_games))
        if not isinstance(games, Sequence) and not (isinstance(games, np.ndarray) and games.ndim == 1):
            raise WaybillError(f"{method}: games={games!r}, allowed are lists of numbers of games")
        for game in games:
            whole = isinstance(game, int | np.integer) and not isinstance(game, bool)
            if not whole or not 0 <= game < self.num_games:
                raise WaybillError(f"{method}: game {game!r} is not one of 0..{self.num_games - 1}")
        return [int(game) for game in games]

    def state_dict(self) -> dict[str, Any]:
        """All that the running games and the map pool need to go on: arrays of plain numbers."""
        batch = self._batch
        return {
            "states": np.frombuffer(batch.states.tobytes(), np.uint8).copy(),
            "seeds": batch.seeds.view(np.int64).copy(),
            "pool_seeds": batch.pool.seed.view(np.int64).copy(),
            "next_seed": int(batch.next_seed),
            "potential": batch.potential.copy(),
            "returns": self._returns.copy(),
            "lengths": self._lengths.copy(),
            "games_begun": self._games_begun,
            "limit": batch.space.limit,
        }

    def load_state_dict(self, saved: dict[str, Any]) -> tuple[np.ndarray, dict[str, Any]]:
        """Go on from a ``state_dict``; returns observations and infos as ``reset`` does.

        Raises:
            WaybillError: if it is from another number of games or another layout of the state.
        """
        batch = self._batch
        raw = np.asarray(saved["states"], np.uint8)
        if raw.size != batch.states.nbytes:
            raise WaybillError(
                f"saved games take {raw.size} bytes, {self.num_games} games of this version take {batch.states.nbytes}"
            )
        batch.use_maps(np.asarray(saved["pool_seeds"], np.int64).view(np.uint64))
        batch.states[:] = np.frombuffer(raw.tobytes(), STATE)
        batch.seeds[:] = np.asarray(saved["seeds"], np.int64).view(np.uint64)
        batch.next_seed = int(saved["next_seed"])
        batch.potential[:] = saved["potential"]
        self._returns, self._lengths = np.array(saved["returns"]), np.array(saved["lengths"])
        self._games_begun = int(saved["games_begun"])
        batch.space.limit = int(saved.get("limit", batch.space.limit))
        batch.look()
        return self._observations(), {**self._infos(), "reset": np.zeros(self.num_envs, np.bool_)}
