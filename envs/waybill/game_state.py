"""A running game as plain data, apart from the environment that it was played in, and a game set back to it.

A game here is one STATE record and little else, so keeping one is a copy of 7 KB. What a tree search wants of a state
is what this one is: a value. It can be compared, hashed, pickled and sent elsewhere, and no later step changes it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from envs.waybill.batch import Batch
from envs.waybill.core.jit import rules_fingerprint
from envs.waybill.core.state import ORDER, STATE
from envs.waybill.options import GameOptions
from groundwork.errors import WaybillError


@dataclass(frozen=True, slots=True, kw_only=True)
class GameState:
    """One running game with E seats played from outside: all that decides what comes next, in all of its seats.

    It holds what no company may see: rivals' books, reserves out of sight, the keys of draws to come. Equal states go
    on alike. ``game`` alone is the position, for a table of positions that are reached in several ways.

    Attributes:
        made_of: names and values of what the environment was made of; another environment has to have the same.
        game: the STATE record, with 0 for its map's row in a pool: its map is named by its seed.
        seed: of the games that a batch plays after it.
        plans: for each rival that plans ahead, its orders up to the horizon, ORDER [horizon].
        taken: the last order of each seat, ORDER [E].
        potential, raw_reward: what the reward has given in advance, and the last unshaped reward, [E].
        returns: rewards so far, [E].
    """

    made_of: tuple[tuple[str, str], ...]
    game: bytes
    seed: int
    plans: tuple[bytes, ...]
    taken: bytes
    potential: tuple[float, ...]
    raw_reward: tuple[float, ...]
    returns: tuple[float, ...]

    def record(self) -> np.ndarray:
        """The game as a STATE array [1] of its own."""
        return np.frombuffer(self.game, STATE).copy()


class Keeper:
    """Keeps games of a batch, and sets games of it back."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        seats, whole = str(list(batch.seats)), str(batch.whole_games)
        self._parts = (*_described(batch.options), ("seats", seats), ("whole_games", whole))

    @property
    def _made_of(self) -> tuple[tuple[str, str], ...]:
        return (*self._parts, ("candidates in use", str(self._batch.space.limit)))

    def keep(self, game: int, returns: np.ndarray) -> GameState:
        """The state of one game; ``returns`` [R] are those of the environment around the batch."""
        batch, seats = self._batch, len(self._batch.seats)
        record, rows = batch.states[game : game + 1].copy(), slice(game * seats, (game + 1) * seats)
        record["map"] = 0
        return GameState(
            made_of=self._made_of, game=record.tobytes(), seed=int(batch.seeds[game]),
            plans=batch.inside.plans_of(game), taken=batch.taken[rows].tobytes(),
            potential=tuple(batch.potential[rows].tolist()), raw_reward=tuple(batch.raw[rows].tolist()),
            returns=tuple(returns[rows].tolist()),
        )  # fmt: skip

    def set_back(self, games: Sequence[int], states: Sequence[GameState], returns: np.ndarray) -> None:
        """Set games back to states that were checked; all others stay where they are. ``returns`` [R] are written over.

        Raises:
            WaybillError: in one line, if the pool has too few rows for the maps of all games; then nothing has changed.
        """
        batch, raw = self._batch, self._batch.raw.copy()
        batch.potential = batch.potential.copy()  # the last step gave out the other
        records = np.concatenate([state.record() for state in states])
        records["map"] = _rows_of(batch, games, records["map_seed"])
        for game, state, record in zip(games, states, records, strict=True):
            rows = slice(game * len(batch.seats), (game + 1) * len(batch.seats))
            batch.states[game], batch.seeds[game] = record, state.seed
            batch.inside.set_plans(game, state.plans)
            batch.taken[rows] = np.frombuffer(state.taken, ORDER)
            batch.potential[rows], raw[rows], returns[rows] = state.potential, state.raw_reward, state.returns
        batch.look()
        batch.raw[:] = raw

    def check(self, states: Sequence[Any]) -> None:
        """Refuse what no game here can be set back to.

        Raises:
            WaybillError: in one line, for what is no state, and for a state of another level, version or environment.
        """
        parts = self._made_of
        for state in states:
            if not isinstance(state, GameState):
                raise WaybillError(f"set_state: a {type(state).__name__} is no state that get_state gave")
            if not _is_pairs(state.made_of):
                raise WaybillError("set_state: made_of of the state is not as get_state gave it")
            if state.made_of != parts:
                raise WaybillError(f"set_state: {_difference(dict(state.made_of), dict(parts))}")
            if wrong := self._changed(state):
                raise WaybillError(f"set_state: {wrong} of the state is not as get_state gave it")

    def _changed(self, state: GameState) -> str | None:
        """The first field that holds what no state of these games holds, as far as can be seen without the rules."""
        seats, plans = len(self._batch.seats), self._batch.inside.plans_of(0)
        sizes = tuple(len(plan) for plan in plans)
        fine = {
            "game": _is_bytes(state.game, STATE.itemsize),
            "seed": type(state.seed) is int and 0 <= state.seed < 2**64,
            "plans": isinstance(state.plans, tuple) and len(state.plans) == len(sizes)
            and all(map(_is_bytes, state.plans, sizes)),
            "taken": _is_bytes(state.taken, seats * ORDER.itemsize),
        }  # fmt: skip
        for name in ("potential", "raw_reward", "returns"):
            values = getattr(state, name)
            fine[name] = isinstance(values, tuple) and [type(value) for value in values] == [float] * seats
        return next((name for name, holds in fine.items() if not holds), None)


def _is_bytes(given: Any, size: int) -> bool:
    return isinstance(given, bytes) and len(given) == size


def _is_pairs(given: Any) -> bool:
    pairs = isinstance(given, tuple) and all(isinstance(pair, tuple) and len(pair) == 2 for pair in given)
    return pairs and all(isinstance(word, str) for pair in given for word in pair)


def _difference(there: dict[str, str], here: dict[str, str]) -> str:
    name = next(name for name in (*here, *there) if here.get(name) != there.get(name))
    both = f"the state has {name}={there.get(name)}, this environment {name}={here.get(name)}"
    return f"{both}; a state fits environments that are made of the same"


def _described(options: GameOptions) -> Iterator[tuple[str, str]]:
    """Names and values of all that a state depends on: another version's rules, too."""
    numbers = json.dumps(options.level.numbers(), sort_keys=True).encode()
    yield "level", options.level.name
    yield "rules", rules_fingerprint()
    yield "level's numbers", hashlib.blake2b(numbers, digest_size=8).hexdigest()
    for option in dataclasses.fields(options):
        value = getattr(options, option.name)
        if option.name == "encoding_options":
            yield option.name, json.dumps(dict(value), sort_keys=True, default=str)
        elif option.name not in ("level", "maps"):  # a map is named by its seed, whatever the pool
            yield option.name, str(value)


def _rows_of(batch: Batch, games: Sequence[int], seeds: np.ndarray) -> np.ndarray:
    """The pool's rows of the maps of ``seeds`` [n]; those that are missing are made, where no other game is played.

    Raises:
        WaybillError: if the pool has too few rows for the maps of all games.
    """
    pool, others = batch.pool, np.delete(batch.states["map"], list(games))
    missing = np.setdiff1d(seeds, pool.seed)
    if len(missing):
        free = np.setdiff1d(np.arange(len(pool.seed)), others)
        free = free[~np.isin(pool.seed[free], seeds)]
        if len(free) < len(missing):
            need = f"{len(missing)} maps are not in the pool, and {len(free)} of its {len(pool.seed)} are free"
            raise WaybillError(f"set_state: {need}; maps=(first, count) with a larger count has room")
        batch.replace_maps(free[: len(missing)], missing)
    order = np.argsort(batch.pool.seed, kind="stable")
    rows: np.ndarray = order[np.searchsorted(batch.pool.seed, seeds, sorter=order)]
    return rows
