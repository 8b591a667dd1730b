"""Records: a game comes back as it was, and a changed record gives one line that says where."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from handmade import Play, company, hand_level, make_order, random_orders
from spoilt import Line, complaint, in_header, in_level, in_turn, lines_of, write

from envs.waybill import record
from envs.waybill.core import levels, notation
from envs.waybill.core import state as st
from envs.waybill.core.state import DISMANTLE, EXTRACT, HAUL, NEW_CART, PASS, WORKSHOP
from envs.waybill.maps.pool import make_pool
from envs.waybill.record import Game


def played(name: str = "refine", turns: int = 60) -> tuple[Game, Play]:
    """A game of random orders, and the same game as it was played."""
    level = levels.load_level(name)
    play = Play(level, make_pool(level.record(), np.array([9])))
    rng, orders = np.random.default_rng(2), []
    while not play.s["done"] and len(orders) < turns:
        orders.append(random_orders(rng, play)[0])
        play.step(np.array(orders[-1:], st.ORDER))
    game = record.record_game(level=level, map_seed=9, game_seed=0, player="random", orders=np.array(orders, st.ORDER))
    return game, play


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "game.jsonl"
    played(turns=30)[0].save(path)
    return path


@pytest.mark.parametrize("name", ["haul", "refine"])
def test_a_game_comes_back_as_it_was(tmp_path: Path, name: str) -> None:
    game, play = played(name)
    game.save(tmp_path / "game.jsonl")
    again = record.load_game(tmp_path / "game.jsonl")
    for field in ("level", "map_seed", "game_seed", "player", "hashes", "score", "rules"):
        assert getattr(again, field) == getattr(game, field), field
    states = list(record.replay_states(again))
    assert len(states) == len(game.orders) + 1
    assert states[-1][0].tobytes() == play.s.tobytes()
    assert game.score == int(company(play.s)["cash"]) - game.level.start_cash
    again.save(tmp_path / "again.jsonl")
    assert (tmp_path / "again.jsonl").read_bytes() == (tmp_path / "game.jsonl").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again.jsonl", "game.jsonl"]


def test_a_record_can_be_read_by_people(saved: Path) -> None:
    first, *turns, last = lines_of(saved)
    assert (first["format"], first["version"], first["level"]["name"]) == ("waybill game", 1, "refine")
    assert [line["turn"] for line in turns] == list(range(len(turns)))
    assert last["turns"] == len(turns)


def test_orders_in_words_by_literals() -> None:
    level, route = hand_level(), {"tile": [4, 1], "target": [4, 4]}
    words = [
        (make_order(PASS), {"order": "pass"}),
        (make_order(EXTRACT, 25), {"order": "extract", "tile": [4, 1]}),
        (make_order(WORKSHOP, 26), {"order": "workshop", "recipe": "planks", "tile": [4, 2]}),
        (make_order(WORKSHOP, 26, recipe=3), {"order": "workshop", "recipe": 3, "tile": [4, 2]}),
        (make_order(HAUL, 25, target=28, cart=NEW_CART), {"order": "haul", "cart": "new", **route}),
        (make_order(HAUL, 25, target=28, cart=1), {"order": "haul", "cart": 1, **route}),
        (make_order(DISMANTLE, -1), {"order": "dismantle", "tile": [-1, 5]}),
        (make_order(-1), {"order": "none"}),
    ]  # fmt: skip
    for order, expected in words:
        assert notation.order_to_words(order[0], level) == expected
        back = notation.order_from_words(expected, level, "test")
        assert notation.order_to_words(back, level) == expected
        assert (back["verb"], back["tile"]) == (order[0]["verb"], order[0]["tile"])


def test_recipes_of_the_same_good_have_names_of_their_own() -> None:
    recipe = levels.RecipeConfig
    level = hand_level(recipes=[recipe({"wood": 2}, "planks"), recipe({"wood": 3}, "planks", 2)])
    assert notation.recipe_names(level) == ["planks #0", "planks #1"]


def test_the_hash_knows_the_game_but_not_the_row_of_its_map() -> None:
    _, play = played(turns=10)
    before = record.hash_state(play.s)
    play.s["map"] = 17
    assert record.hash_state(play.s) == before
    play.s["rng"] += np.uint64(1)
    assert record.hash_state(play.s) != before


def test_orders_after_the_end_are_left_out() -> None:
    level = hand_level(horizon=5)
    game = record.record_game(level=level, map_seed=1, game_seed=0, player="none", orders=np.zeros(9, st.ORDER))
    assert (len(game.orders), len(game.hashes), game.score) == (5, 6, 0)


def test_a_game_without_turns_is_a_game(tmp_path: Path) -> None:
    path = tmp_path / "game.jsonl"
    record.record_game(level=hand_level(), map_seed=1, game_seed=0, player="p", orders=np.zeros(0, st.ORDER)).save(path)
    assert len(list(record.replay_states(record.load_game(path)))) == 1


# --- what people do to files -----------------------------------------------------------------------------------------
def change_order(lines: list[Line]) -> None:
    lines[6] = {"turn": 5, "order": "extract", "tile": [0, 0], "state": lines[6]["state"]}


def change_hash(lines: list[Line]) -> None:
    lines[6]["state"] = "0" * 16


def change_score(lines: list[Line]) -> None:
    lines[-1]["score"] += 1


def leave_turn_out(lines: list[Line]) -> None:
    del lines[6]


def leave_end_out(lines: list[Line]) -> None:
    del lines[-1]


def add_turns(lines: list[Line]) -> None:
    lines.insert(-1, {"turn": len(lines) - 2, "order": "pass", "state": "0" * 16})
    lines[-1]["turns"] += 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (change_order, "turn 5: the state after this turn"),
        (change_hash, "turn 5: the state after this turn hashes to "),
        (change_score, "turn 29: the score after the last turn is"),
        (leave_turn_out, "turn 5: line 7 says turn 6"),
        (leave_end_out, "turn 29: the last line, with turns, score and seal, is missing"),
        (add_turns, "turn 30: "),
        (in_header(map_seed=10), "turn 0: the state at the start"),
        (in_header(game_seed=1), "turn 0: the state at the start"),
        (in_header(map_seed=-1), "line 1: map_seed=-1 is not in 0..9223372036854775807"),
        (in_header(map_seed="9"), "line 1: map_seed='9' is not an integer"),
        (in_header(version=2), "version 2 cannot be read, this is version 1"),
        (in_header(format="chess"), "not a Waybill game"),
        (in_header(player="planner"), "the level, the player"),
        (in_header(start=None), "line 1: start=None is not text"),
        (in_header(level=None), "line 1: level=None is not an object"),
        (in_level(start_cash=150), "turn 0: the state at the start"),
        (in_level(train_steps=1), "all states up to here replay, but the level"),
        (in_level(side=99), "line 1: level refine: side=99 is not in 6..32"),
        (in_level(side=12.0), "line 1: level: side=12.0 is not an integer"),
        (in_level(prices=[]), "line 1: "),
        (in_level(terrain=None), "line 1: "),
        (in_level(magic=1), "line 1: unknown key 'magic'"),
        (in_turn(order="fly"), "turn 5: unknown order 'fly', known are pass, extract"),
        (in_turn(order=["pass"]), "turn 5: unknown order ['pass']"),
        (in_turn(order="extract", tile="here"), "turn 5: tile='here' is not a list"),
        (in_turn(order="extract", tile=[1, 2, 3]), "turn 5: tile=[1, 2, 3] is not [row, column]"),
        (in_turn(order="extract", tile=[9999, 0]), "turn 5: tile=[9999, 0] is not one of this level's"),
        (in_turn(order="workshop", tile=[1, 1], recipe="gold"), "turn 5: recipe='gold' is not one of this level's"),
        (in_turn(order="haul", tile=[1, 1], target=[1, 1], cart="old"), "turn 5: cart='old'"),
        (in_turn(state=7), "turn 5: state=7 is not text"),
    ],
)
def test_a_changed_record_is_one_line_that_says_where(
    saved: Path, change: Callable[[list[Line]], None], said: str
) -> None:
    lines = lines_of(saved)
    change(lines)
    write(saved, lines)
    assert said in complaint(saved)


def test_another_illegal_order_is_noticed_although_the_states_are_the_same(tmp_path: Path) -> None:
    path, orders = tmp_path / "game.jsonl", np.concatenate([make_order(EXTRACT, 0), make_order(PASS)])
    record.record_game(level=hand_level(), map_seed=1, game_seed=0, player="p", orders=orders).save(path)
    lines = lines_of(path)
    lines[1]["tile"] = [0, 5]
    write(path, lines)
    assert "an order without effect was changed" in complaint(path)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_a_file_that_was_cut_off_says_so(saved: Path, share: float) -> None:
    text = saved.read_text()
    saved.write_text(text[: int(len(text) * share)])
    assert "cut off" in complaint(saved) or share == 0.0


def test_files_that_are_no_games(tmp_path: Path) -> None:
    path = tmp_path / "game.jsonl"
    for content in (b"", b"\n", b"hello\n", b"[1]\n", b"{}\n", b"\x89PNG\xff\xfe\x00", b"null\nnull\n"):
        path.write_bytes(content)
        complaint(path)
    with pytest.raises(FileNotFoundError):
        record.load_game(tmp_path / "missing.jsonl")


def test_other_rules_are_named_before_the_user_is_accused(saved: Path) -> None:
    lines = lines_of(saved)
    change_hash(lines)
    lines[0]["rules"] = "0123456789abcdef"
    write(saved, lines)
    said = complaint(saved)
    assert "it was recorded by another version of the rules (0123456789abcdef, now " in said
    assert "by hand" not in said


def test_a_record_of_other_rules_that_still_replays_is_fine(tmp_path: Path) -> None:
    game, _ = played(turns=10)
    path = tmp_path / "game.jsonl"
    Game(**{**game.__dict__, "rules": "0123456789abcdef"}).save(path)
    assert len(list(record.replay_states(record.load_game(path)))) == 11


def test_nothing_half_written_when_saving_fails(tmp_path: Path) -> None:
    game, _ = played(turns=5)
    with pytest.raises(OSError, match="No such file"):
        game.save(tmp_path / "nowhere" / "game.jsonl")
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="taken"):
        game.save(tmp_path / "taken")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
