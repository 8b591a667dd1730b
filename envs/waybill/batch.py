"""Many games at once: compiled passes over an array of states, without a word of Gymnasium.

    orders → rules → reward → candidates (reducer) → observation (encoding)

Each thread takes a slice of the games through all passes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from envs.waybill.actions import reducers
from envs.waybill.actions.raw import NO_ORDER
from envs.waybill.actions.reducers import note_candidates
from envs.waybill.actions.spaces import RAW_SPACES, RawSpace
from envs.waybill.core.levels import LevelConfig, load
from envs.waybill.core.parts import find_part
from envs.waybill.core.scratch import make_scratch
from envs.waybill.core.state import MAX_CANDIDATES, ORDER, OUTSIDE, PLANNER, STATE, records
from envs.waybill.core.threads import Threads
from envs.waybill.maps.pool import MapPool, make_pool
from envs.waybill.observation import encodings, layout, observe
from envs.waybill.players.planner import make_search, plan_ahead
from envs.waybill.players.scripted import decide_scripted, follow_plans, note_advice
from envs.waybill.rewards import functions
from envs.waybill.rewards.outcome import make_facts, note_facts
from envs.waybill.rules.game import play_turns, restart_games


class Batch:
    """N games of one level with a reward, an action space and an encoding, all named.

    E seats of each game are played from outside, the level's rivals play the others. A view is a game seen from such a
    seat: R = N · E views, those of game 0 first. All that comes out is one row a view.

    Arrays, made anew by every step: ``mask`` int8 [R, A], ``groups`` int8 [R, A] (the verb of each candidate; None for
    raw spaces), ``advice`` int64 [R] (the candidate that the greedy rule would take), ``reward``, ``raw``,
    ``potential`` float64 [R], ``restarted`` bool [R] and ``facts``; only ``observations`` float32 [R, D] are
    overwritten, by the step after the next. ``limit`` is how many candidates a reducer may propose, at most K; it may
    be changed at any time.

    Args:
        num_envs: N, at least 1.
        level: a level's name or its numbers.
        reward, actions, encoding: names of parts; ``encoding_options`` go to the encoding.
        gamma: the agent's discount, used by shaping.
        bonus: what ``milestone`` pays for each, in starting cashes.
        candidates: K, slots of a reducer, 2..256; raw spaces have none.
        hints: candidates show what is calculated from travel times (see ``order_features.hide_hints``).
        cells: a side, of ``buckets``.
        maps: (first seed, count) of the map pool.
        in_order: game i plays map i again and again; needs count ≥ N. Otherwise each game draws its map.
        threads: threads to step with; no result depends on it.
        seats: the seats played from outside, the first of them the learner's.
        whole_games: games go on to the horizon; otherwise they end when the first seat is bankrupt.
        entities: rows of entities, if more than the level needs (see ``features.layout_of``).

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
        bonus: float = 0.25,
        actions: str,
        candidates: int,
        hints: bool = True,
        cells: int = 4,
        encoding: str,
        encoding_options: dict[str, Any],
        maps: tuple[int, int],
        in_order: bool,
        threads: int,
        seats: Sequence[int] = (0,),
        whole_games: bool = False,
        entities: int | None = None,
    ) -> None:
        self.level = load(level) if isinstance(level, str) else level
        self.actions, self.in_order, self._whole_games = actions, in_order, whole_games
        self.seats, self._numbers = tuple(seats), functions.Numbers(float(gamma), float(bonus))
        self._check(num_envs, candidates, maps)
        if threads < 1:
            raise ValueError(f"threads={threads}, allowed are 1 and more")
        self._reward_pass = find_part(functions, reward, "reward")
        self._raw = RawSpace(actions, self.level, cells) if actions in RAW_SPACES else None
        self._reducer = find_part(reducers, actions, "actions", RAW_SPACES) if self._raw is None else None
        self._encode = find_part(encodings, encoding, "encoding")
        self._sees = (bool(getattr(self._encode, "exact_pairs", False)), bool(hints))
        self._encoding_options = encoding_options
        self._record = self.level.record()
        self.next_seed = maps[0] + maps[1]
        self.use_maps(np.arange(maps[0], maps[0] + maps[1], dtype=np.uint64))
        self._threads = Threads(threads)
        self._scratch = [make_scratch() for _ in range(threads)]
        self._cast_seats(num_envs)
        self._allocate(num_envs, 0 if self._reducer is None else candidates, entities)

    def _check(self, num_envs: int, candidates: int, maps: tuple[int, int]) -> None:
        if num_envs < 1:
            raise ValueError(f"num_envs={num_envs}, allowed are 1 and more")
        if self.actions not in RAW_SPACES and not 2 <= candidates <= MAX_CANDIDATES:
            raise ValueError(f"candidates={candidates}, allowed are 2..{MAX_CANDIDATES}")
        gamma, bonus = self._numbers
        if not 0.0 <= gamma <= 1.0:
            raise ValueError(f"gamma={gamma}, allowed are 0..1")
        if not 0.0 <= bonus <= 100.0:
            raise ValueError(f"bonus={bonus}, allowed are 0..100 starting cashes")
        if maps[0] < 0 or maps[1] < 1 or (self.in_order and maps[1] < num_envs):
            raise ValueError(
                f"maps={tuple(maps)}: needs a first seed of at least 0 and enough maps (in order: one a game)"
            )
        there = 1 + len(self.level.rivals)
        if not self.seats or len(set(self.seats)) < len(self.seats) or not set(self.seats) <= set(range(there)):
            raise ValueError(f"seats={self.seats}: level {self.level.name} has the seats 0..{there - 1}, each once")

    def _cast_seats(self, n: int) -> None:
        """Who decides for each seat; working memory for planners, if there are any."""
        script = self.level.script()
        script[list(self.seats)] = OUTSIDE
        for scratch in self._scratch:
            scratch.script[:] = script
        self._planners = np.flatnonzero(script == PLANNER).tolist()
        horizon, count = self.level.horizon, len(self._planners)
        self._searches = [make_search(self.level) for _ in self._scratch] if count else []
        self._plans = [records(n * horizon, ORDER).reshape(n, horizon) for _ in range(count)]

    def _allocate(self, n: int, k: int, entities: int | None) -> None:
        seats = len(self.seats)
        r = n * seats
        self.layout = layout.layout_of(self.level, self._table.shape[2], k, entities)
        self.n_actions, self.limit = k if self._raw is None else self._raw.n_actions, k
        self.states = records(n, STATE)
        self.seeds = np.zeros(n, np.uint64)
        self.views = np.stack([np.repeat(np.arange(n), seats), np.tile(self.seats, n)], axis=1)  # [R, 2]
        self._rows = [layout.make_rows(r, self.layout) for _ in range(2)]
        self.orders = records(r * max(k, 1), ORDER).reshape(r, max(k, 1))
        self.worth = np.zeros((r, max(k, 1), 2), np.float32)
        self.count = np.zeros(r, np.int64)
        self.taken = records(r, ORDER)
        self._game_orders = records(n * self.n_seats, ORDER).reshape(n, self.n_seats)
        self.potential = np.zeros(r, np.float64)
        self.restarted = np.ones(r, np.bool_)
        self._restart = np.ones(n, np.bool_)
        self.groups = np.zeros((r, k), np.int8) if k else None
        self.advice = np.zeros(r, np.int64)
        self.mask = np.broadcast_to(np.ones(self.n_actions, np.int8), (r, self.n_actions))
        self._begun = False
        self._renew()

    @property
    def n_seats(self) -> int:
        """Companies in a game."""
        return 1 + len(self.level.rivals)

    @property
    def given(self) -> np.ndarray:
        """The orders of all companies in the last step, ORDER [N, seats]; read-only by convention."""
        return self._game_orders

    def _renew(self) -> None:
        """New arrays for the next step's results, so that those of the last stay as they are."""
        r = len(self.views)
        self._rows.reverse()
        self.facts = make_facts(r)
        self.reward, self.raw, self.potential = np.empty(r), np.empty(r), self.potential.copy()
        if self.actions != "full":
            self.mask = np.empty((r, self.n_actions), np.int8)
        if self.groups is not None:
            self.groups = np.empty((r, self.n_actions), np.int8)
            self.advice = np.empty(r, np.int64)

    @property
    def observations(self) -> np.ndarray:
        """float32 [R, D]; two arrays take turns, so each stays as it is for one more step."""
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
        self._restart = np.ones(len(self.seeds), np.bool_)
        self.restarted = np.ones(len(self.views), np.bool_)
        self._run(self._begin)

    def step(self, actions: np.ndarray) -> None:
        """Play ``actions`` int64 [R]; games that were over before begin anew instead (``restarted``).

        Raises:
            ValueError: for an action that isn't one of 0..A-1, or before the first ``reset``.
        """
        self._actions = self._checked(np.asarray(actions).reshape(-1))
        over: Any = self.states["done"] != 0
        if not self._whole_games:
            over = over | (self.states["companies"]["bankrupt"][:, self.seats[0]] != 0)
        self._restart, self.restarted = over, np.repeat(over, len(self.seats))
        self._run(self._step)

    def orders_of(self, actions: np.ndarray) -> np.ndarray:
        """What an action in each view, int64 [R], stands for in the present states: ORDER [R].

        The verb is NO_ORDER where that is nothing: an empty slot, or a bucket in which no order is legal.
        """
        orders = records(len(self.views), ORDER)
        self._translate(actions, orders, 0, len(orders), 0)
        return orders

    def offers(self, orders: np.ndarray) -> np.ndarray:
        """Whether the action space offers a legal order in each view, ORDER [R] → bool [R]; ``look`` first."""
        if self._raw is not None:
            return self.orders_of(self._raw.actions_of(orders)) == orders
        filled = np.arange(self.orders.shape[1]) < self.count[:, None]  # [R, K]
        return ((self.orders == orders[:, None]) & filled).any(axis=1)

    def _translate(self, actions: np.ndarray, orders: np.ndarray, low: int, high: int, thread: int) -> None:
        """The same for views low..high-1, into ``orders``."""
        if self._raw is not None:
            games = (self.states, self.views, self.pool, self._record)
            self._raw.fill_orders(games, self._scratch[thread], actions, orders, low, high)
            return
        chosen = actions[low:high]
        orders[low:high] = self.orders[np.arange(low, high), chosen]
        orders["verb"][low:high][chosen >= self.count[low:high]] = NO_ORDER

    def _checked(self, actions: np.ndarray) -> np.ndarray:
        if actions.shape != (len(self.views),):
            raise ValueError(f"{len(actions)} actions for {len(self.views)} games")
        if actions.dtype.kind not in "iu":
            wrong = next((x for x in actions.tolist() if x not in range(self.n_actions)), actions[0])
            raise ValueError(f"action {wrong} is not a whole number, allowed are 0..{self.n_actions - 1}")
        actions = actions.astype(np.int64)
        if not 0 <= actions.min() <= actions.max() < self.n_actions:
            wrong = actions[(actions < 0) | (actions >= self.n_actions)][0]
            raise ValueError(f"action {wrong} is outside the action space, allowed are 0..{self.n_actions - 1}")
        if not self._begun:
            raise ValueError("step: no game has begun, call reset first")
        return actions

    def look(self) -> None:
        """Fill masks and observations for the present states (after states were set from outside)."""
        self._run(self._look)

    def _run(self, work: Any) -> None:
        self._begun = True
        self._renew()
        self._threads.run(len(self.seeds), work)

    def _begin(self, low: int, high: int, thread: int) -> None:
        restart_games(self.states, self.pool, self._record, self.seeds, self._restart, self.in_order, low, high)
        if self._planners:
            self._plan(low, high, thread)
        first, last = low * len(self.seats), high * len(self.seats)
        games, results = (self.states, self.views, self.pool, self._record), (self.potential, self.raw, self.reward)
        self._reward_pass(*games, self._numbers, *results, first, last)
        self._look(low, high, thread)

    def _plan(self, low: int, high: int, thread: int) -> None:
        """Whole plans for the planners in games that have just begun: seconds for each."""
        scratch, search = self._scratch[thread], self._searches[thread]
        for seat, plans in zip(self._planners, self._plans, strict=True):
            for i in np.flatnonzero(self._restart[low:high]) + low:
                plan_ahead(self.states, seat, self.pool, self._record, scratch, search, plans, i)

    def _step(self, low: int, high: int, thread: int) -> None:
        scratch, orders = self._scratch[thread], self._game_orders
        first, last = low * len(self.seats), high * len(self.seats)
        self._translate(self._actions, self.taken, first, last, thread)
        orders[low:high, self.seats] = self.taken[first:last].reshape(high - low, len(self.seats))
        if self.n_seats > len(self.seats):
            decide_scripted(self.states, self.pool, self._record, scratch, orders, low, high)
            for seat, plans in zip(self._planners, self._plans, strict=True):
                follow_plans(self.states, seat, self.pool, self._record, plans, orders, low, high)
        play_turns(self.states, self.pool, self._record, orders, scratch, low, high)
        self._begin(low, high, thread)

    def _look(self, low: int, high: int, thread: int) -> None:
        scratch = self._scratch[thread]
        first, last = low * len(self.seats), high * len(self.seats)
        games, found = (self.states, self.views, self.pool, self._record), (self.orders, self.worth, self.count)
        if self._reducer is not None and self.groups is not None:
            self._reducer(*games, scratch, self.limit, *found, first, last)
            note_candidates(self.orders, self.count, self.mask, self.groups, first, last)
            note_advice(self.states, self.views, self._record, self.worth, self.count, self.advice, first, last)
        elif self._raw is not None:
            self._raw.fill_mask(games, scratch, self.mask, first, last)
        note_facts(self.states, self.views, self._record, self.facts, first, last)
        observe.observe(*games, scratch, self._table, *self._sees, *found, self._rows[0], first, last)

    def raw_groups(self) -> np.ndarray | None:
        """The verb of every action of a raw space, int8 [A]; None with candidates."""
        return None if self._raw is None else self._raw.verbs()
