"""A game on disk: level, seeds, orders and the hash of every state, as lines of JSON. It replays exactly.

First line: level, seeds and player; then a line per turn with the order and the hash of the state after it; last line:
score and a seal over all before. Places are [row, column].
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from envs.waybill import levels
from envs.waybill import state as st
from envs.waybill.jit import rules_fingerprint
from envs.waybill.levels import LevelConfig
from envs.waybill.maps import MapPool, make_pool, make_scratch
from envs.waybill.rules import play_turns, start_games

FORMAT, VERSION = "waybill game", 1
_WORDS = (*st.VERBS, "none")  # the last one is verb -1: an empty slot of a reducer was chosen
_ARGUMENTS = ((), ("tile",), ("recipe", "tile"), ("cart", "tile", "target"), ("tile",), ())  # by verb
_KINDS = {str: "text", int: "an integer", list: "a list", dict: "an object"}


@dataclass(frozen=True, kw_only=True)
class Game:
    """A recorded game of T turns.

    Attributes:
        orders: ORDER array [T].
        hashes: hash of the state at the start and after each turn, [T + 1].
        score: profit in coins after the last turn.
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
    seal: str | None = None
    source: str = "game"

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


def recipe_names(level: LevelConfig) -> list[str]:
    """Names of a level's recipes: their output, numbered where two recipes give the same."""
    outputs = [recipe.output for recipe in level.recipes]
    return [good if outputs.count(good) == 1 else f"{good} #{i}" for i, good in enumerate(outputs)]


def play_orders(*, level: LevelConfig, map_seed: int, game_seed: int, orders: np.ndarray) -> Iterator[np.ndarray]:
    """Play a game from a list of orders [T]; ends with the orders or with the game.

    Yields:
        STATE arrays [1]: the start, then the state after each order. They are copies.
    """
    record, scratch = level.record(), make_scratch()
    pool = make_pool(record, np.array([map_seed], np.uint64))
    states, one = st.records(1, st.STATE), st.records(1, st.ORDER)
    start_games(states, pool, record, np.zeros(1, np.int64), np.array([game_seed], np.uint64), 0, 1)
    yield states.copy()
    for order in orders:
        if states["done"][0]:
            return
        one[0] = order
        play_turns(states, pool, record, one, scratch, 0, 1)
        yield states.copy()


def record_game(*, level: LevelConfig, map_seed: int, game_seed: int, player: str, orders: np.ndarray) -> Game:
    """A game as a record: its orders [T] are played again for the hashes; those after the game's end are left out."""
    states = list(play_orders(level=level, map_seed=map_seed, game_seed=game_seed, orders=orders))
    return Game(
        level=level,
        map_seed=int(map_seed),
        game_seed=int(game_seed),
        player=player,
        orders=np.array(orders[: len(states) - 1], st.ORDER),
        hashes=tuple(hash_state(state[0]) for state in states),
        score=int(states[-1]["cash"][0]) - level.start_cash,
        rules=rules_fingerprint(),
    )


def replay(game: Game) -> Iterator[np.ndarray]:
    """Replay a game and check every state, the score and the seal on the way.

    Yields:
        STATE arrays [1]: the start, then the state after each of the T orders.

    Raises:
        ValueError: in one line naming the source, the turn and what differs.
    """
    states = play_orders(level=game.level, map_seed=game.map_seed, game_seed=game.game_seed, orders=game.orders)
    for turn, state in enumerate(states):
        if (found := hash_state(state[0])) != game.hashes[turn]:
            where = f"turn {turn - 1}: the state after this turn" if turn > 0 else "turn 0: the state at the start"
            raise _differs(game, f"{where} hashes to {found}, the record says {game.hashes[turn]}")
        if turn == len(game.orders):
            _check_end(game, int(state["cash"][0]) - game.level.start_cash)
        yield state
    if turn < len(game.orders):
        raise _differs(game, f"turn {turn}: the game was over before this turn, the record goes on")


def _check_end(game: Game, score: int) -> None:
    last = f"turn {len(game.orders) - 1}"
    if score != game.score:
        raise _differs(game, f"{last}: the score after the last turn is {score}, the record says {game.score}")
    if game.seal is not None and game.seal != _seal(game):
        what = "the level, the player, the rules' fingerprint or an order without effect was changed by hand"
        raise ValueError(f"{game.source}: {last}: all states up to here replay, but {what}")


def _differs(game: Game, what: str) -> ValueError:
    why = "the record was changed by hand or damaged"
    if game.rules != rules_fingerprint():
        why = f"it was recorded by another version of the rules ({game.rules}, now {rules_fingerprint()})"
    return ValueError(f"{game.source}: {what}; {why}")


def order_to_words(order: Any, level: LevelConfig) -> dict[str, Any]:
    """An ORDER record as plain values: verb word, tiles as [row, column], recipe name, cart number or "new".

    Raises:
        ValueError: for an unknown verb.
    """
    verb, recipe, cart = int(order["verb"]), int(order["recipe"]), int(order["cart"])
    if not -1 <= verb < len(st.VERBS):
        raise ValueError(f"verb {verb} is not an order, allowed are -1..{len(st.VERBS) - 1}")
    values = {
        "recipe": recipe_names(level)[recipe] if 0 <= recipe < len(level.recipes) else recipe,
        "cart": "new" if cart == st.NEW_CART else cart,
        "tile": list(divmod(int(order["tile"]), level.side)),
        "target": list(divmod(int(order["target"]), level.side)),
    }
    return {"order": _WORDS[verb]} | {key: values[key] for key in _ARGUMENTS[verb]}


def _header(game: Game) -> dict[str, Any]:
    header = {"format": FORMAT, "version": VERSION, "player": game.player}
    header |= {"map_seed": game.map_seed, "game_seed": game.game_seed, "rules": game.rules, "start": game.hashes[0]}
    return header | {"level": game.level.numbers()}


def _seal(game: Game) -> str:
    words = [_header(game), *(order_to_words(order, game.level) for order in game.orders)]
    return hashlib.blake2b(json.dumps(words).encode(), digest_size=8).hexdigest()


def _lines(game: Game) -> Iterator[str]:
    yield json.dumps(_header(game), ensure_ascii=False)
    for turn, order in enumerate(game.orders):
        words = order_to_words(order, game.level)
        yield json.dumps({"turn": turn, **words, "state": game.hashes[turn + 1]}, ensure_ascii=False)
    yield json.dumps({"turns": len(game.orders), "score": game.score, "seal": _seal(game)})


def load(path: str | Path) -> Game:
    """Read a game. Its form is checked here, its states by ``replay``.

    Raises:
        ValueError: in one line naming the file, the turn and what is wrong.
        OSError: if the file cannot be read.
    """
    source = str(path)
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise ValueError(f"{source}: not a Waybill game: the file is no text") from None
    level, header = _read_header(lines[:1], source)
    orders, hashes = [], [header["start"]]
    for turn, line in enumerate(lines[1:-1]):
        where = f"{source}: turn {turn}"
        words = _object(line, where)
        if words.get("turn") != turn:
            raise ValueError(f"{where}: line {turn + 2} says turn {words.get('turn')!r}")
        orders.append(order_from_words(words, level, where))
        hashes.append(_checked(words, "state", str, where))
    where = f"{source}: turn {len(orders)}"
    end = _object(lines[-1], where)
    if "seal" not in end or end.get("turns") != len(orders):
        raise ValueError(f"{where}: the last line, with turns, score and seal, is missing or wrong")
    return Game(
        level=level,
        map_seed=header["map_seed"],
        game_seed=header["game_seed"],
        player=header["player"],
        orders=np.array(orders, st.ORDER),
        hashes=tuple(hashes),
        score=_checked(end, "score", int, where),
        rules=header["rules"],
        seal=_checked(end, "seal", str, where),
        source=source,
    )


def _object(line: str, where: str) -> dict[str, Any]:
    with suppress(ValueError):
        if isinstance(values := json.loads(line), dict):
            return values
    raise ValueError(f"{where}: not a JSON object, the file is cut off or damaged")


def _checked(values: dict[str, Any], key: str, kind: type, where: str) -> Any:
    value = values.get(key)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ValueError(f"{where}: {key}={value!r} is not {_KINDS[kind]}")
    return value


def _read_header(lines: list[str], source: str) -> tuple[LevelConfig, dict[str, Any]]:
    where = f"{source}: line 1"
    header = _object(lines[0], where) if lines else {}
    if header.get("format") != FORMAT:
        raise ValueError(f"{source}: not a Waybill game: line 1 has no format={FORMAT!r}")
    if header.get("version") != VERSION:
        raise ValueError(f"{source}: version {header.get('version')!r} cannot be read, this is version {VERSION}")
    for key in ("player", "rules", "start"):
        _checked(header, key, str, where)
    for key, high in (("map_seed", 2**63), ("game_seed", 2**64)):
        if not 0 <= _checked(header, key, int, where) < high:
            raise ValueError(f"{where}: {key}={header[key]!r} is not in 0..{high - 1}")
    numbers = _checked(header, "level", dict, where)
    for field in dataclasses.fields(LevelConfig):
        if field.type == "int":
            _checked(numbers, field.name, int, f"{where}: level")
    try:
        return levels.from_mapping(numbers, where), header
    except AttributeError as error:  # a list where a mapping belongs, or the like
        raise ValueError(f"{where}: level: {error}") from None


def order_from_words(words: dict[str, Any], level: LevelConfig, where: str) -> Any:
    """The ORDER record of plain values (see ``order_to_words``).

    Raises:
        ValueError: in one line that starts with ``where``.
    """
    verb = words.get("order")
    if verb not in _WORDS:
        raise ValueError(f"{where}: unknown order {verb!r}, known are {', '.join(_WORDS)}")
    order = np.zeros(1, st.ORDER)
    order["verb"], order["tile"], order["target"] = (*range(len(st.VERBS)), -1)[_WORDS.index(verb)], -1, -1
    for key in _ARGUMENTS[_WORDS.index(verb)]:
        value = words.get(key)
        if key in ("tile", "target"):
            place = _checked(words, key, list, where)
            if len(place) != 2 or not all(type(number) is int for number in place):
                raise ValueError(f"{where}: {key}={value!r} is not [row, column]")
            value = place[0] * level.side + place[1]
        elif key == "recipe" and value in recipe_names(level):
            value = recipe_names(level).index(value)
        elif key == "cart" and value == "new":
            value = st.NEW_CART
        limit = np.iinfo(order[key].dtype)
        if type(value) is not int or not limit.min <= value <= limit.max:
            raise ValueError(f"{where}: {key}={words.get(key)!r} is not one of this level's")
        order[key] = value
    return order[0]
