"""Many games at once: compiled passes over an array of states, without a word of Gymnasium.

    orders → rules → reward → candidates (reducer) → observation (encoding)

Each thread takes a slice of the games through all passes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from envs.waybill import encodings, features, reducers, rewards
from envs.waybill.facts import make_facts, note_candidates, note_facts
from envs.waybill.jit import Threads, find_part
from envs.waybill.levels import LevelConfig, load
from envs.waybill.maps import MapPool, make_pool, make_scratch
from envs.waybill.raw_actions import raw_mask, raw_orders, raw_verbs
from envs.waybill.rules import play_turns, restart_games
from envs.waybill.state import MAX_CANDIDATES, ORDER, STATE, records

RAW_SPACES = ("full", "masked")
NO_ORDER = -1  # the verb of a slot without a candidate: never legal


class Batch:
    """N games of one level with a reward, an action space and an encoding, all named.

    Arrays, made anew by every step: ``mask`` int8 [N, A], ``groups`` int8 [N, A] (the verb of each candidate; None for
    raw spaces), ``reward``, ``raw``, ``potential`` float64 [N], ``restarted`` bool [N] and ``facts``; only
    ``observations`` float32 [N, D] are overwritten, by the step after the next.

    Args:
        num_envs: N, at least 1.
        level: a level's name or its numbers.
        reward, actions, encoding: names of parts; ``encoding_options`` go to the encoding.
        gamma: the agent's discount, used by shaping.
        candidates: K, slots of a reducer, 2..256; raw spaces have none.
        maps: (first seed, count) of the map pool.
        in_order: game i plays map i again and again; needs count ≥ N. Otherwise each game draws its map.
        threads: threads to step with; no result depends on it.

    Raises:
        ValueError: in one line, for unknown names and numbers out of range.
    """

    def __init__(
        self,
        *,
        num_envs: int,
        level: str | LevelConfig,
        reward: str,
        gamma: float,
        actions: str,
        candidates: int,
        encoding: str,
        encoding_options: dict[str, Any],
        maps: tuple[int, int],
        in_order: bool,
        threads: int,
    ) -> None:
        self.level = load(level) if isinstance(level, str) else level
        self.gamma, self.actions, self.in_order = float(gamma), actions, in_order
        self._check(num_envs, candidates, maps)
        if threads < 1:
            raise ValueError(f"threads={threads}, allowed are 1 and more")
        self._reward_pass = find_part(rewards, reward, "reward")
        self._reducer = None if actions in RAW_SPACES else find_part(reducers, actions, "actions", RAW_SPACES)
        self._encode = find_part(encodings, encoding, "encoding")
        self._encoding_options = encoding_options
        self._record = self.level.record()
        self.next_seed = maps[0] + maps[1]
        self.use_maps(np.arange(maps[0], maps[0] + maps[1], dtype=np.uint64))
        self._threads = Threads(threads)
        self._scratch = [make_scratch() for _ in range(threads)]
        self._allocate(num_envs, 0 if self._reducer is None else candidates)

    def _check(self, num_envs: int, candidates: int, maps: tuple[int, int]) -> None:
        if num_envs < 1:
            raise ValueError(f"num_envs={num_envs}, allowed are 1 and more")
        if self.actions not in RAW_SPACES and not 2 <= candidates <= MAX_CANDIDATES:
            raise ValueError(f"candidates={candidates}, allowed are 2..{MAX_CANDIDATES}")
        if not 0.0 <= self.gamma <= 1.0:
            raise ValueError(f"gamma={self.gamma}, allowed are 0..1")
        if maps[0] < 0 or maps[1] < 1 or (self.in_order and maps[1] < num_envs):
            raise ValueError(
                f"maps={tuple(maps)}: needs a first seed of at least 0 and enough maps (in order: one a game)"
            )

    def _allocate(self, n: int, k: int) -> None:
        self.layout = features.layout_of(self.level, self._table.shape[2], k)
        self.n_actions = k if k else self.level.n_raw_actions
        self.states = records(n, STATE)
        self.seeds = np.zeros(n, np.uint64)
        self._rows = [features.make_rows(n, self.layout) for _ in range(2)]
        self.orders = records(n * max(k, 1), ORDER).reshape(n, max(k, 1))
        self.worth = np.zeros((n, max(k, 1), 2), np.float32)
        self.count = np.zeros(n, np.int64)
        self.taken = records(n, ORDER)
        self.potential = np.zeros(n, np.float64)
        self.restarted = np.ones(n, np.bool_)
        self.groups = np.zeros((n, k), np.int8) if k else None
        self.mask = np.broadcast_to(np.ones(self.n_actions, np.int8), (n, self.n_actions))
        self._begun = False
        self._renew()

    def _renew(self) -> None:
        """New arrays for the next step's results, so that those of the last stay as they are."""
        n = len(self.seeds)
        self._rows.reverse()
        self.facts = make_facts(n)
        self.reward, self.raw, self.potential = np.empty(n), np.empty(n), self.potential.copy()
        if self.actions != "full":
            self.mask = np.empty((n, self.n_actions), np.int8)
        if self.groups is not None:
            self.groups = np.empty((n, self.n_actions), np.int8)

    @property
    def observations(self) -> np.ndarray:
        """float32 [N, D]; two arrays take turns, so each stays as it is for one more step."""
        return self._rows[0].flat

    def use_maps(self, seeds: np.ndarray) -> None:
        """Play on the maps of ``seeds`` [M] from the next new game on; running games must be restarted."""
        self.pool: MapPool = make_pool(self._record, seeds)
        try:
            self._table = self._encode(self.pool, self._record, **self._encoding_options)
        except TypeError as error:
            raise ValueError(f"encoding options {self._encoding_options}: {error}") from None

    def refill_maps(self) -> None:
        """Replace all maps that no running game is played on by new ones, with the seeds that come next."""
        free = np.setdiff1d(np.arange(len(self.pool.seed)), self.states["map"])
        fresh = make_pool(self._record, np.arange(self.next_seed, self.next_seed + len(free), dtype=np.uint64))
        self.next_seed += len(free)
        for old, new in zip(self.pool, fresh, strict=True):
            old[free] = new
        self._table[free] = self._encode(fresh, self._record, **self._encoding_options)

    def reset(self, seeds: np.ndarray) -> None:
        """New games everywhere; ``seeds`` uint64 [N] decide maps and all later games."""
        self.seeds[:] = seeds
        self.restarted = np.ones(len(self.seeds), np.bool_)
        self._run(self._begin)

    def step(self, actions: np.ndarray) -> None:
        """Play ``actions`` int64 [N]; games that were over before begin anew instead (``restarted``).

        Raises:
            ValueError: for an action that isn't one of 0..A-1, or before the first ``reset``.
        """
        actions = np.asarray(actions).reshape(-1)
        if actions.shape != self.seeds.shape:
            raise ValueError(f"{len(actions)} actions for {len(self.seeds)} games")
        if actions.dtype.kind not in "iu":
            wrong = next((x for x in actions.tolist() if x not in range(self.n_actions)), actions[0])
            raise ValueError(f"action {wrong} is not a whole number, allowed are 0..{self.n_actions - 1}")
        actions = actions.astype(np.int64)
        if not 0 <= actions.min() <= actions.max() < self.n_actions:
            wrong = actions[(actions < 0) | (actions >= self.n_actions)][0]
            raise ValueError(f"action {wrong} is outside the action space, allowed are 0..{self.n_actions - 1}")
        if not self._begun:
            raise ValueError("step: no game has begun, call reset first")
        self.restarted = self.states["done"] != 0
        if self._reducer is not None:
            self.taken[:] = self.orders[np.arange(len(actions)), actions]
            self.taken["verb"][actions >= self.count] = NO_ORDER
        self._actions = actions
        self._run(self._step)

    def look(self) -> None:
        """Fill masks and observations for the present states (after states were set from outside)."""
        self._run(self._look)

    def _run(self, work: Any) -> None:
        self._begun = True
        self._renew()
        self._threads.run(len(self.seeds), work)

    def _begin(self, low: int, high: int, thread: int) -> None:
        restart_games(self.states, self.pool, self._record, self.seeds, self.restarted, self.in_order, low, high)
        self._reward_pass(
            self.states, self.pool, self._record, self.gamma, self.potential, self.raw, self.reward, low, high
        )
        self._look(low, high, thread)

    def _step(self, low: int, high: int, thread: int) -> None:
        if self._reducer is None:
            raw_orders(self._record, self._actions, self.taken, low, high)
        play_turns(self.states, self.pool, self._record, self.taken, self._scratch[thread], low, high)
        self._begin(low, high, thread)

    def _look(self, low: int, high: int, thread: int) -> None:
        scratch = self._scratch[thread]
        if self._reducer is not None and self.groups is not None:
            self._reducer(self.states, self.pool, self._record, scratch, self.orders, self.worth, self.count, low, high)
            note_candidates(self.orders, self.count, self.mask, self.groups, low, high)
        elif self.actions == "masked":
            raw_mask(self.states, self.pool, self._record, scratch, self.mask, low, high)
        note_facts(self.states, self._record, self.facts, low, high)
        features.observe(
            self.states,
            self.pool,
            self._record,
            scratch,
            self._table,
            self.orders,
            self.worth,
            self.count,
            self._rows[0],
            low,
            high,
        )

    def raw_groups(self) -> np.ndarray:
        """The verb of every raw action, int8 [A]."""
        verbs = np.zeros(self.level.n_raw_actions, np.int8)
        raw_verbs(self._record, records(1, ORDER), verbs)
        return verbs
