"""Records of games of several companies: they come back as they were, and a changed one gives one line too."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from handmade import Play, company, orders_of_all
from spoilt import Line, complaint, in_level, in_turn, lines_of, write

from envs.waybill import record
from envs.waybill.core import levels
from envs.waybill.core import state as st
from envs.waybill.core.state import PASS
from envs.waybill.maps.pool import make_pool
from envs.waybill.players.play import play_games


def contested() -> levels.LevelConfig:
    return dataclasses.replace(levels.load_level("refine"), rivals=["greedy", "random"], sight=8)


@pytest.fixture
def crowded(tmp_path: Path) -> Path:
    """A game in which three companies give random orders."""
    play = Play(contested(), make_pool(contested().record(), np.array([9])))
    rng, orders = np.random.default_rng(2), []
    for _ in range(30):
        orders.append(orders_of_all(rng, play)[0])
        play.step(orders[-1].reshape(1, 3))
    path, given = tmp_path / "game.jsonl", np.array(orders, st.ORDER)
    game = record.record_game(level=play.level, map_seed=9, game_seed=0, player="random", orders=given)
    assert game.hashes[-1] == record.hash_state(play.s)
    game.save(path)
    return path


def test_a_game_of_several_companies_comes_back_as_it_was(crowded: Path, tmp_path: Path) -> None:
    game = record.load_game(crowded)
    end = list(record.replay_states(game))[-1][0]
    assert (game.orders.shape, game.own_orders.shape, game.level) == ((30, 3), (30,), contested())
    assert game.score == int(company(end)["cash"]) - game.level.start_cash
    assert all(company(end, seat)["orders"][1:].sum() > 0 for seat in range(3))
    game.save(tmp_path / "again.jsonl")
    assert (tmp_path / "again.jsonl").read_bytes() == crowded.read_bytes()
    turn = lines_of(crowded)[1]
    assert set(turn) == {"turn", "orders", "state"}
    assert [set(order) >= {"order"} for order in turn["orders"]] == [True] * 3


def test_rivals_give_their_orders_to_a_player_s_by_their_rules(tmp_path: Path) -> None:
    games = play_games("greedy", contested(), np.array([3], np.uint64))
    own = games.orders[0, : int(games.length[0])]
    game = record.record_game(level=contested(), map_seed=3, game_seed=0, player="greedy", orders=own)
    assert (game.score, game.orders.shape) == (games.score[0], (len(own), 3))
    np.testing.assert_array_equal(game.own_orders, own)
    assert (game.orders["verb"][:, 1:] != PASS).any(0).all()
    game.save(tmp_path / "game.jsonl")
    assert len(list(record.replay_states(record.load_game(tmp_path / "game.jsonl")))) == len(own) + 1


def test_no_turn_of_several_companies_is_a_game_too(tmp_path: Path) -> None:
    none = np.zeros(0, st.ORDER)
    record.record_game(level=contested(), map_seed=1, game_seed=0, player="p", orders=none).save(tmp_path / "g.jsonl")
    assert record.load_game(tmp_path / "g.jsonl").orders.shape == (0, 3)


def drop_seat(lines: list[Line]) -> None:
    lines[6]["orders"].pop()


def change_rival(lines: list[Line]) -> None:
    lines[6]["orders"][2] = {"order": "fly"}


def change_illegal(lines: list[Line]) -> None:
    wrong = next(order for line in lines[1:-1] for order in line["orders"][1:] if order["order"] == "pass")
    wrong["order"] = "none"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (drop_seat, "turn 5: orders is not a list of 3 objects, one a company"),
        (change_rival, "turn 5: seat 2: unknown order 'fly', known are pass, extract"),
        (change_illegal, "the state after this turn hashes to "),
        (in_turn(orders="pass"), "turn 5: orders='pass' is not a list"),
        (in_turn(orders=["pass"] * 3), "turn 5: orders is not a list of 3 objects"),
        (in_level(rivals=["greedy", "planner"]), "all states up to here replay, but the level"),
        (in_level(rivals=["greedy"]), "turn 0: orders is not a list of 2 objects, one a company"),
        (in_level(rivals=["bold"]), "line 1: level refine: unknown rival 'bold', known are random, greedy, planner"),
        (in_level(rivals=3), "line 1: "),
        (in_level(sight=7), "turn "),
    ],
)
def test_a_changed_record_of_several_companies_is_one_line_too(
    crowded: Path, change: Callable[[list[Line]], None], said: str
) -> None:
    lines = lines_of(crowded)
    change(lines)
    write(crowded, lines)
    assert said in complaint(crowded)
