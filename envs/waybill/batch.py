"""Many games at once: compiled passes over an array of states, without a word of Gymnasium.

    orders → rules → reward → candidates (reducer) → observation (encoding)

Each thread takes a slice of the games through all passes.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from envs.waybill.actions.base import GameArrays
from envs.waybill.actions.spaces import make_space
from envs.waybill.core.parts import find_part
from envs.waybill.core.scratch import make_scratch
from envs.waybill.core.state import ORDER, STATE, records
from envs.waybill.core.threads import Threads
from envs.waybill.maps.pool import MapPool, bytes_of_map, make_pool
from envs.waybill.observation import encodings
from envs.waybill.observation.layout import make_layout, make_rows
from envs.waybill.observation.observe import observe
from envs.waybill.options import GameOptions
from envs.waybill.players.scripted import note_advice
from envs.waybill.players.seats import InsideSeats
from envs.waybill.rewards import functions
from envs.waybill.rewards.infos import make_infos, note_infos
from envs.waybill.rules.game import play_turns, restart_games
from groundwork.errors import WaybillError
from groundwork.limits import need_memory


class Batch:
    """N games of one level with a reward, an action space and an encoding, all named.

    E seats of each game are played from outside, the level's rivals play the others. A view is a game seen from such a
    seat: R = N · E views, those of game 0 first. All that comes out is one row a view.

    Arrays, made anew by every step: ``space.mask`` and ``space.groups`` (see ``ActionSpace``), ``advice`` int64 [R]
    (the candidate that the greedy rule would take), ``reward``, ``raw``, ``potential`` float64 [R], ``restarted``
    bool [R] and ``infos``; only ``observations`` float32 [R, D] are overwritten, by the step after the next.

    Args:
        options: level, parts and maps.
        num_envs: N, at least 1.
        in_order: game i plays map i again and again; needs count ≥ N. Otherwise each game draws its map.
        threads: threads to step with; no result depends on it.
        seats: the seats played from outside, the first of them the learner's.
        whole_games: games go on to the horizon; otherwise they end when the first seat is bankrupt.

    Raises:
        WaybillError: in one line, for unknown names and numbers out of range.
    """

    def __init__(
        self,
        options: GameOptions,
        *,
        num_envs: int,
        in_order: bool = False,
        threads: int = 1,
        seats: Sequence[int] = (0,),
        whole_games: bool = False,
    ) -> None:
        for name, number in (("num_envs", num_envs), ("threads", threads)):
            if number < 1:
                raise WaybillError(f"{name}={number}, allowed are 1 and more")
        options.check_maps(num_envs if in_order else 1)
        self.options, self.level, self.whole_games = options, options.level, whole_games
        self.in_order, self.seats = in_order, tuple(seats)
        self._threads, self._scratch = Threads(threads), [make_scratch() for _ in range(threads)]
        self.inside = InsideSeats(self.level, self.seats, num_envs, self._scratch)
        self.space = make_space(options, num_envs * len(self.seats))
        self._numbers = functions.Numbers(float(options.gamma), float(options.bonus))
        self._reward_pass = find_part(options.reward, "reward", functions)
        self._encode = find_part(options.encoding, "encoding", encodings)
        self._sees = (bool(getattr(self._encode, "exact_pairs", False)), bool(options.hints), bool(options.dated))
        self._record = self.level.record()
        first, count = options.maps
        self.next_seed = first + count
        self.use_maps(np.arange(first, first + count, dtype=np.uint64))
        self.layout = make_layout(
            self.level, self.table.shape[2], self.space.slots, options.entities,
            pointers=options.pointers, dated=options.dated,
        )  # fmt: skip
        self._allocate(num_envs, len(self.seats))

    def _allocate(self, n: int, seats: int) -> None:
        r = n * seats
        need_memory(n * STATE.itemsize + 8 * r * self.layout.size, f"num_envs={n}: so many games")
        self.states, self.seeds = records(n, STATE), np.zeros(n, np.uint64)
        self.views = np.stack([np.repeat(np.arange(n), seats), np.tile(self.seats, n)], axis=1)  # [R, 2]
        self._rows = [make_rows(r, self.layout) for _ in range(2)]
        self.taken = records(r, ORDER)
        self.given = records(n * self.n_seats, ORDER).reshape(n, self.n_seats)  # by all companies in the last step
        self.potential = np.zeros(r, np.float64)
        self.restarted = np.ones(r, np.bool_)
        self._restart, self.begun = np.ones(n, np.bool_), False
        self._renew()

    @property
    def n_seats(self) -> int:
        """Companies in a game."""
        return 1 + len(self.level.rivals)

    @property
    def observations(self) -> np.ndarray:
        """float32 [R, D]; two arrays take turns, so each stays as it is for one more step."""
        return self._rows[0].flat[: len(self.views)]

    @property
    def _games(self) -> GameArrays:
        return self.states, self.views, self.pool, self._record

    def _renew(self) -> None:
        """New arrays for the next step's results, so that those of the last stay as they are."""
        r = len(self.views)
        self._rows.reverse()
        self.space.renew()
        self.infos = make_infos(r)
        self.advice = np.empty(r, np.int64)
        self.reward, self.raw, self.potential = np.empty(r), np.empty(r), self.potential.copy()

    def use_maps(self, seeds: np.ndarray) -> None:
        """Play on the maps of ``seeds`` [M] from the next new game on; running games must be restarted."""
        self.pool: MapPool = make_pool(self._record, seeds[:1])
        try:  # only what the encoding takes: a TypeError of its own code is a bug
            inspect.signature(self._encode).bind(self.pool, self._record, **self.options.encoding_options)
        except TypeError as error:
            raise WaybillError(f"encoding options {dict(self.options.encoding_options)}: {error}") from None
        self.table = self.encode(self.pool)
        if len(seeds) > 1:  # the first says how large all are
            of_one = self.table.nbytes + bytes_of_map(self._record)
            need_memory(len(seeds) * of_one, f"train_maps={len(seeds)}: so many maps of this level")
            self.pool = make_pool(self._record, seeds)
            self.table = self.encode(self.pool)

    def encode(self, pool: MapPool) -> np.ndarray:
        """The places of maps of this level as numbers, float32 [M, T, P], by the encoding."""
        return self._encode(pool, self._record, **self.options.encoding_options)

    def refill_maps(self) -> None:
        """Replace all maps that no running game is played on by new ones, with the seeds that come next."""
        free = np.setdiff1d(np.arange(len(self.pool.seed)), self.states["map"])
        self.replace_maps(free, np.arange(self.next_seed, self.next_seed + len(free), dtype=np.uint64))
        self.next_seed += len(free)

    def replace_maps(self, rows: np.ndarray, seeds: np.ndarray) -> None:
        """Put the maps of ``seeds`` [n] into rows [n] of the pool, which no game is played on."""
        fresh = make_pool(self._record, seeds)
        for old, new in zip(self.pool, fresh, strict=True):
            old[rows] = new
        self.table[rows] = self.encode(fresh)

    def reset(self, seeds: np.ndarray) -> None:
        """New games everywhere; ``seeds`` uint64 [N] decide maps and all later games."""
        self.seeds[:] = seeds
        self._restart = np.ones(len(self.seeds), np.bool_)
        self.restarted = np.ones(len(self.views), np.bool_)
        self._run(self._reward_and_look)

    def step(self, actions: Any) -> None:
        """Play ``actions`` int64 [R]; games that were over before begin anew instead (``restarted``).

        Raises:
            WaybillError: for an action that isn't one of 0..A-1, or before the first ``reset``.
        """
        self._actions = self._checked(actions)
        over: Any = self.states["done"] != 0
        if not self.whole_games:
            over = over | (self.states["companies"]["bankrupt"][:, self.seats[0]] != 0)
        self._restart, self.restarted = over, np.repeat(over, len(self.seats))
        self._run(self._step)

    def orders_of(self, actions: np.ndarray) -> np.ndarray:
        """What an action in each view, int64 [R], stands for in the present states: ORDER [R].

        The verb is NO_ORDER where that is nothing: an empty slot, or a bucket in which no order is legal.
        """
        orders = records(len(self.views), ORDER)
        self.space.fill_orders(self._games, self._scratch[0], actions, orders, 0, len(orders))
        return orders

    def offers(self, orders: np.ndarray) -> np.ndarray:
        """Whether the action space offers a legal order in each view, ORDER [R] → bool [R]; ``look`` first."""
        return self.space.offers(self._games, self._scratch[0], orders)

    def _checked(self, given: Any) -> np.ndarray:
        try:
            actions = np.asarray(given).reshape(-1)
        except ValueError as error:  # lists of different lengths
            raise WaybillError(f"actions are no array of whole numbers: {error}") from None
        if actions.shape != (len(self.views),):
            raise WaybillError(f"{len(actions)} actions for {len(self.views)} games")
        size = self.space.n_actions
        if actions.dtype.kind not in "iu":
            wrong = next((x for x in actions.tolist() if x not in range(size)), actions[0])
            raise WaybillError(f"action {wrong} is not a whole number, allowed are 0..{size - 1}")
        actions = actions.astype(np.int64)
        if not 0 <= actions.min() <= actions.max() < size:
            wrong = actions[(actions < 0) | (actions >= size)][0]
            raise WaybillError(f"action {wrong} is outside the action space, allowed are 0..{size - 1}")
        if not self.begun:
            raise WaybillError("step: no game has begun, call reset first")
        return actions

    def look(self) -> None:
        """Fill masks, candidates and observations for the present states, after states were set from outside."""
        self._run(self._look)

    def _run(self, work: Any) -> None:
        self.begun = True
        self._renew()
        self._threads.run(len(self.seeds), work)

    def _step(self, low: int, high: int, thread: int) -> None:
        """A turn of games low..high-1: the orders of all seats, the rules, and what comes of it."""
        scratch, orders = self._scratch[thread], self.given
        first, last = self._views_of(low, high)
        self.space.fill_orders(self._games, scratch, self._actions, self.taken, first, last)
        orders[low:high, self.seats] = self.taken[first:last].reshape(high - low, len(self.seats))
        self._play(low, high, thread)
        self._reward_and_look(low, high, thread)

    def _play(self, low: int, high: int, thread: int) -> None:
        """The orders of the seats that are played from inside, and the rules."""
        scratch, orders = self._scratch[thread], self.given
        self.inside.decide(self.states, self.pool, self._record, orders, low, high, thread)
        play_turns(self.states, self.pool, self._record, orders, scratch, low, high)

    def _reward_and_look(self, low: int, high: int, thread: int) -> None:
        """Begin new games where it is time, then compute every reward and observation of games low..high-1."""
        self._begin(low, high, thread)
        self._pay(low, high)
        self._look(low, high, thread)

    def _begin(self, low: int, high: int, thread: int) -> None:
        restart_games(self.states, self.pool, self._record, self.seeds, self._restart, self.in_order, low, high)
        self.inside.plan(self.states, self.pool, self._record, self._restart[low:high], low, thread)

    def _pay(self, low: int, high: int) -> None:
        first, last = self._views_of(low, high)
        self._reward_pass(*self._games, self._numbers, self.potential, self.raw, self.reward, first, last)

    def _look(self, low: int, high: int, thread: int) -> None:
        """Candidates, what is told of the games, and observations for the present states of games low..high-1."""
        self._propose(low, high, thread)
        self._note(low, high)
        self._observe(low, high, thread)

    def _propose(self, low: int, high: int, thread: int) -> None:
        self.space.look(self._games, self._scratch[thread], *self._views_of(low, high))

    def _note(self, low: int, high: int) -> None:
        first, last = self._views_of(low, high)
        space = self.space
        note_advice(self.states, self.views, self._record, space.worth, space.count, self.advice, first, last)
        note_infos(self.states, self.views, self._record, self.infos, first, last)

    def _observe(self, low: int, high: int, thread: int) -> None:
        first, last = self._views_of(low, high)
        found = (self.space.orders, self.space.worth, self.space.count)
        observe(*self._games, self._scratch[thread], self.table, *self._sees, *found, self._rows[0], first, last)

    def _views_of(self, low: int, high: int) -> tuple[int, int]:
        return low * len(self.seats), high * len(self.seats)

    def stages(self) -> dict[str, Stage]:
        """What a step is made of, by name: compiled functions, and a call of them on no game, which compiles them."""
        actions = np.zeros(len(self.views), np.int64)

        def propose() -> None:
            self.space.fill_orders(self._games, self._scratch[0], actions, self.taken, 0, 0)
            self._propose(0, 0, 0)

        def play() -> None:
            self._play(0, 0, 0)
            self._begin(0, 0, 0)

        def pay() -> None:
            self._pay(0, 0)
            self._note(0, 0)

        rules = (play_turns, restart_games, *self.inside.compiled)
        return {
            "candidates": Stage(self.space.compiled, propose),
            "rules": Stage(rules, play),
            "observation": Stage((observe,), lambda: self._observe(0, 0, 0)),
            "reward": Stage((self._reward_pass, note_advice, note_infos), pay),
        }


class Stage(NamedTuple):
    """Passes of a step that are compiled together."""

    functions: tuple[Any, ...]
    compile: Callable[[], None]
