"""A game on disk: level, seeds, orders and the hash of every state, as lines of JSON. It replays exactly.

First line: level, seeds and player; then a line per turn with the order (with rivals, "orders": one of each company, by
seats) and the hash of the state after it; last line: score and a seal over all before. Places are [row, column]. The
player sits in seat 0, or in the "seat" that the first line names, and the score is its own.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from envs.waybill.core import levels
from envs.waybill.core import state as st
from envs.waybill.core.jit import rules_fingerprint
from envs.waybill.core.levels import LevelConfig
from envs.waybill.core.notation import checked, read_object, turn_from_words, turn_to_words
from envs.waybill.core.scratch import Scratch, make_scratch
from envs.waybill.maps.pool import MapPool, make_pool
from envs.waybill.players.scripted import play_out
from envs.waybill.rules.game import play_turns, start_games
from groundwork.errors import WaybillError
from groundwork.limits import read_text

_FORMAT, _VERSION = "waybill game", 1


@dataclass(frozen=True, kw_only=True)
class Game:
    """A recorded game of T turns.

    Attributes:
        orders: ORDER array [T], or [T, seats] on a level with rivals.
        hashes: hash of the state at the start and after each turn, [T + 1].
        score: profit in coins of the player's company after the last turn.
        seat: the player's.
        rules: fingerprint of the engine that recorded the game.
        seal: hash over the first line and all orders; only a record that was read has one.
        source: what error messages call this game, mostly its file.
    """

    level: LevelConfig
    map_seed: int
    game_seed: int
    player: str
    orders: np.ndarray
    hashes: tuple[str, ...]
    score: int
    rules: str
    seat: int = 0
    seal: str | None = None
    source: str = "game"

    @property
    def own_orders(self) -> np.ndarray:
        """The orders of the player's company, ORDER [T]."""
        return self.orders[:, self.seat] if self.level.rivals else self.orders

    def save(self, path: str | Path) -> None:
        """Write the game to a file, whole or not at all.

        Raises:
            OSError: if the folder cannot be written.
        """
        temporary = Path(path).with_name(f".{Path(path).name}.{os.getpid()}")
        try:
            temporary.write_text("\n".join(_lines(self)) + "\n", encoding="utf-8")
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)

    def map_pool(self) -> MapPool:
        """The game's map as a pool of one."""
        return make_pool(self.level.record(), np.array([self.map_seed], np.uint64))


def hash_state(state: Any) -> str:
    """Hash of one STATE record, 16 hex digits. The row that its map has in a pool does not count."""
    copy = np.zeros(1, st.STATE)
    copy[0] = state
    copy["map"] = 0
    return hashlib.blake2b(copy.tobytes(), digest_size=8).hexdigest()


def play_orders(*, level: LevelConfig, map_seed: int, game_seed: int, orders: np.ndarray) -> Iterator[np.ndarray]:
    """Play a game from a list of orders [T] or [T, seats]; ends with the orders or with the game.

    Yields:
        STATE arrays [1]: the start, then the state after each turn. They are copies.
    """
    states, pool, record, scratch = _begin(level, map_seed, game_seed)
    now = st.records(1 + len(level.rivals), st.ORDER).reshape(1, -1)
    yield states.copy()
    for given in orders:
        if states["done"][0]:
            return
        now[0] = given
        play_turns(states, pool, record, now, scratch, 0, 1)
        yield states.copy()


def _begin(level: LevelConfig, map_seed: int, game_seed: int) -> tuple[np.ndarray, MapPool, np.ndarray, Scratch]:
    """The start of a game: its state [1], its map, the level's record [1] and working memory."""
    record, scratch, states = level.record(), make_scratch(), st.records(1, st.STATE)
    pool = make_pool(record, np.array([map_seed], np.uint64))
    start_games(states, pool, record, np.zeros(1, np.int64), np.array([game_seed], np.uint64), 0, 1)
    scratch.script[:] = level.script()
    return states, pool, record, scratch


def all_seats_orders(*, level: LevelConfig, map_seed: int, game_seed: int, orders: np.ndarray) -> np.ndarray:
    """The orders of all companies, ORDER [T, seats], when seat 0 gives the orders [T] and rivals play by their rules.

    Rivals that plan play greedily here, as they do in all games of ``play_games``.
    """
    states, pool, record, scratch = _begin(level, map_seed, game_seed)
    seats = 1 + len(level.rivals)
    given = st.records(len(orders) * seats, st.ORDER).reshape(-1, seats)
    play_out(states, pool, record, scratch, np.ascontiguousarray(orders), given)
    return given


def record_game(
    *, level: LevelConfig, map_seed: int, game_seed: int, player: str, orders: np.ndarray, seat: int = 0
) -> Game:
    """A game as a record: its orders are played again for the hashes; those after the game's end are left out.

    Args:
        orders: [T] of seat 0, then the level's rivals play by their rules; or [T, seats].
    """
    if level.rivals and orders.ndim == 1:
        orders = all_seats_orders(level=level, map_seed=map_seed, game_seed=game_seed, orders=orders)
    states = list(play_orders(level=level, map_seed=map_seed, game_seed=game_seed, orders=orders))
    return Game(
        level=level,
        map_seed=int(map_seed),
        game_seed=int(game_seed),
        player=player,
        orders=np.array(orders[: len(states) - 1], st.ORDER).reshape(_shape(level, len(states) - 1)),
        hashes=tuple(hash_state(state[0]) for state in states),
        score=_score_of(states[-1], level, seat),
        rules=rules_fingerprint(),
        seat=seat,
    )


def _shape(level: LevelConfig, turns: int) -> tuple[int, ...]:
    return (turns, 1 + len(level.rivals)) if level.rivals else (turns,)


def _score_of(states: np.ndarray, level: LevelConfig, seat: int) -> int:
    return int(states["companies"][0, seat]["cash"]) - level.start_cash


def replay_states(game: Game) -> Iterator[np.ndarray]:
    """Replay a game and check every state, the score and the seal on the way.

    Yields:
        STATE arrays [1]: the start, then the state after each of the T turns.

    Raises:
        WaybillError: in one line naming the source, the turn and what differs.
    """
    states = play_orders(level=game.level, map_seed=game.map_seed, game_seed=game.game_seed, orders=game.orders)
    for turn, state in enumerate(states):
        if (found := hash_state(state[0])) != game.hashes[turn]:
            where = f"turn {turn - 1}: the state after this turn" if turn > 0 else "turn 0: the state at the start"
            raise _differs(game, f"{where} hashes to {found}, the record says {game.hashes[turn]}")
        if turn == len(game.orders):
            _check_end(game, _score_of(state, game.level, game.seat))
        yield state
    if turn < len(game.orders):
        raise _differs(game, f"turn {turn}: the game was over before this turn, the record goes on")


def _check_end(game: Game, score: int) -> None:
    last = f"turn {len(game.orders) - 1}"
    if score != game.score:
        raise _differs(game, f"{last}: the score after the last turn is {score}, the record says {game.score}")
    if game.seal is not None and game.seal != _seal(game):
        what = "the level, the player, the rules' fingerprint or an order without effect was changed by hand"
        raise WaybillError(f"{game.source}: {last}: all states up to here replay, but {what}")


def _differs(game: Game, what: str) -> WaybillError:
    why = "the record was changed by hand or damaged"
    if game.rules != rules_fingerprint():
        why = f"it was recorded by another version of the rules ({game.rules}, now {rules_fingerprint()})"
    return WaybillError(f"{game.source}: {what}; {why}")


def _header(game: Game) -> dict[str, Any]:
    header = {"format": _FORMAT, "version": _VERSION, "player": game.player}
    header |= {"map_seed": game.map_seed, "game_seed": game.game_seed, "rules": game.rules, "start": game.hashes[0]}
    header |= {"seat": game.seat} if game.seat else {}
    return header | {"level": game.level.numbers()}


def _seal(game: Game) -> str:
    words = [_header(game), *(turn_to_words(orders, game.level) for orders in game.orders)]
    return hashlib.blake2b(json.dumps(words).encode(), digest_size=8).hexdigest()


def _lines(game: Game) -> Iterator[str]:
    yield json.dumps(_header(game), ensure_ascii=False)
    for turn, orders in enumerate(game.orders):
        words = turn_to_words(orders, game.level)
        yield json.dumps({"turn": turn, **words, "state": game.hashes[turn + 1]}, ensure_ascii=False)
    yield json.dumps({"turns": len(game.orders), "score": game.score, "seal": _seal(game)})


def load_game(path: str | Path) -> Game:
    """Read a game. Its form is checked here, its states by ``replay_states``.

    Raises:
        WaybillError: in one line naming the file, the turn and what is wrong.
        OSError: if the file cannot be read.
    """
    source = str(path)
    try:
        lines = read_text(Path(path)).split("\n")
    except WaybillError as error:
        raise WaybillError(f"{source}: not a Waybill game: {error}") from None
    lines = lines[:-1] if lines[-1] == "" else lines
    level, header = _read_header(lines[:1], source)
    orders, hashes = [], [header["start"]]
    for turn, line in enumerate(lines[1:-1]):
        where = f"{source}: turn {turn}"
        words = read_object(line, where)
        if words.get("turn") != turn:
            raise WaybillError(f"{where}: line {turn + 2} says turn {words.get('turn')!r}")
        orders.append(turn_from_words(words, level, where))
        hashes.append(checked(words, "state", str, where))
    where = f"{source}: turn {len(orders)}"
    end = read_object(lines[-1], where)
    if "seal" not in end or end.get("turns") != len(orders):
        what = "the last line, with turns, score and seal, is missing"
        raise WaybillError(f"{where}: {what}, the file is cut off or damaged")
    return Game(
        level=level,
        map_seed=header["map_seed"],
        game_seed=header["game_seed"],
        player=header["player"],
        orders=np.array(orders, st.ORDER).reshape(_shape(level, len(orders))),
        hashes=tuple(hashes),
        score=checked(end, "score", int, where),
        rules=header["rules"],
        seat=header["seat"],
        seal=checked(end, "seal", str, where),
        source=source,
    )


def _read_header(lines: list[str], source: str) -> tuple[LevelConfig, dict[str, Any]]:
    where = f"{source}: line 1"
    header = read_object(lines[0], where) if lines else {}
    if header.get("format") != _FORMAT:
        raise WaybillError(f"{source}: not a Waybill game: line 1 has no format={_FORMAT!r}")
    if header.get("version") != _VERSION:
        raise WaybillError(f"{source}: version {header.get('version')!r} cannot be read, this is version {_VERSION}")
    for key in ("player", "rules", "start"):
        checked(header, key, str, where)
    for key, high in (("map_seed", 2**63), ("game_seed", 2**64)):
        if not 0 <= checked(header, key, int, where) < high:
            raise WaybillError(f"{where}: {key}={header[key]!r} is not in 0..{high - 1}")
    numbers = checked(header, "level", dict, where)
    for field in dataclasses.fields(LevelConfig):
        if field.type == "int":
            checked(numbers, field.name, int, f"{where}: level")
    try:
        level = levels.from_mapping(numbers, where)
    except AttributeError as error:  # a list where a mapping belongs, or the like
        raise WaybillError(f"{where}: level: {error}") from None
    header.setdefault("seat", 0)
    if not 0 <= checked(header, "seat", int, where) <= len(level.rivals):
        raise WaybillError(f"{where}: seat={header['seat']!r} is not in 0..{len(level.rivals)}")
    return level, header
