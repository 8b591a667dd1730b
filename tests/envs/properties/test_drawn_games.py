"""Whatever the level and the orders: books balance, legality holds, seats are alike, records replay, copies go alike.

Hypothesis draws levels and games, and of one that breaks a rule shows the shortest that it finds.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from drawn_games import ANY_VERB, DrawnGame, drawn_games
from handmade import Play, company
from hypothesis import given
from hypothesis import strategies as some
from invariants import broken
from rivalry import swapped

from envs.waybill.core import state as st
from envs.waybill.record import hash_state, load_game, record_game, replay_states
from envs.waybill.rules.game import judge_orders


def over(play: Play) -> bool:
    return bool(play.states["done"][0] != 0)


@given(drawn_games())
def test_goods_and_coins_come_from_somewhere_and_go_somewhere(game: DrawnGame) -> None:
    play = game.begun()
    assert broken(play.level, play.pool, play.states) == []
    for turn in range(len(game.turns)):
        before = company(play.states[0])["cash_ledger"].copy()
        play.step(game.orders(play, turn)[None])
        assert broken(play.level, play.pool, play.states) == []
        after = company(play.states[0])["cash_ledger"]
        assert after[st.CAPITAL] == before[st.CAPITAL]
        assert (after - before)[[st.SALES, st.REFUNDS]].min() >= 0
        assert (after - before)[[st.EXTRACTORS, st.WORKSHOPS, st.CARTS, st.UPKEEP]].max() <= 0


@given(drawn_games())
def test_a_legal_order_is_carried_out_and_another_one_changes_nothing(game: DrawnGame) -> None:
    """Where nothing is hidden and no other company is faster, legal is all that it needs."""
    play = game.begun()
    alone = play.seats == 1 and play.level.sight == 0
    for turn in range(len(game.turns)):
        if over(play):
            break
        orders, legal = game.orders(play, turn), np.zeros((1, 1), np.bool_)
        judge_orders(play.states, 0, play.pool, play.record, orders[:1].reshape(1, 1), legal)
        idle = Play(play.level, play.pool)
        idle.states[:] = play.states
        me, passive = company(play.states[0]), orders.copy()
        illegal, given_orders = int(me["illegal"]), me["orders"].copy()
        bankrupt = bool(me["bankrupt"])
        passive[0] = st.records(1, st.ORDER)[0]
        play.step(orders[None])
        idle.step(passive[None])
        done = me["orders"] - given_orders
        if bankrupt:
            assert done.sum() == 0
        elif not legal[0, 0]:
            assert (int(me["illegal"]), done.sum()) == (illegal + 1, 0)
            other = company(idle.states[0])
            other["illegal"], other["orders"] = me["illegal"], me["orders"]
            assert play.states.tobytes() == idle.states.tobytes()
        else:
            assert int(me["illegal"]) - illegal + done.sum() == 1
            assert not alone or done[orders["verb"][0]] == 1


@given(drawn_games(), some.permutations(range(4)))
def test_companies_that_change_seats_change_results(game: DrawnGame, seats: list[int]) -> None:
    play = game.begun()
    a, b = [seat for seat in seats if seat < play.seats][:2] if play.seats > 1 else (0, 0)
    mirror = game.begun()
    mirror.states = swapped(play.states, a, b)
    order = list(range(play.seats))
    order[a], order[b] = b, a
    for turn in range(len(game.turns)):
        orders = game.orders(play, turn)
        play.step(orders[None])
        mirror.step(np.ascontiguousarray(orders[order])[None])
        assert swapped(play.states, a, b).tobytes() == mirror.states.tobytes()


@given(drawn_games(), some.integers(0, 25))
def test_a_copy_goes_on_alike(game: DrawnGame, stop: int) -> None:
    play = game.begun()
    for turn in range(min(stop, len(game.turns))):
        play.step(game.orders(play, turn)[None])
    copy = Play(game.level, make_larger(play))
    copy.states[:] = np.frombuffer(play.states.tobytes(), st.STATE)
    for turn in range(stop, len(game.turns)):
        orders = game.orders(play, turn)
        play.step(orders[None])
        copy.step(orders[None])
        assert copy.states.tobytes() == play.states.tobytes()


def make_larger(play: Play) -> object:
    """The same pool in memory of its own."""
    return type(play.pool)(*(array.copy() for array in play.pool))


@given(drawn_games())
def test_a_record_replays_to_the_bit(game: DrawnGame) -> None:
    play, states, orders = game.begun(), [], []
    states.append(hash_state(play.states[0]))
    for turn in range(len(game.turns)):
        if over(play):
            break
        orders.append(game.orders(play, turn))
        play.step(orders[-1][None])
        states.append(hash_state(play.states[0]))
    given_orders = np.array(orders, st.ORDER).reshape(len(orders), play.seats)
    kept = record_game(
        level=game.level, map_seed=game.map_seed, game_seed=0, player="drawn",
        orders=given_orders if play.seats > 1 else given_orders[:, 0],
    )  # fmt: skip
    assert list(kept.hashes) == states
    if all(choice[0] != ANY_VERB for choices in game.turns for choice in choices):
        with tempfile.TemporaryDirectory() as folder:
            kept.save(Path(folder) / "game.jsonl")
            read = load_game(Path(folder) / "game.jsonl")
        assert [hash_state(state[0]) for state in replay_states(read)] == states
        assert (read.level, read.score) == (kept.level, kept.score)
