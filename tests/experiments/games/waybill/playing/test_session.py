"""A session: legal orders are the engine's, what is played is what the engine plays, and nothing hidden is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tables import SHORT, advised, session_on

from envs.waybill import record
from envs.waybill.actions.raw import raw_orders
from envs.waybill.core import state as st
from envs.waybill.core.notation import order_to_words
from envs.waybill.core.state import n_raw_actions
from envs.waybill.players import play
from envs.waybill.rules.game import judge_orders
from experiments.games.waybill.pages.write import safe_json
from experiments.games.waybill.playing.beliefs import believed_now
from experiments.games.waybill.playing.browser.telling import ToldSoFar
from experiments.games.waybill.playing.live import LiveGame
from experiments.games.waybill.playing.menu import Menu
from experiments.games.waybill.playing.session import PlaySession
from experiments.games.waybill.playing.trials import play_to_end
from groundwork.errors import WaybillError

SEATS = [("haul", 0), ("refine", 0), ("chain", 0), ("rivals", 0), ("rivals", 2), ("fog", 0), ("fog", 3)]


def play_some(session: PlaySession, turns: int, *, seed: int = 0, wild: bool = True) -> None:
    """Greedy's orders, and between them legal ones at random."""
    draws, advisers = np.random.default_rng(seed), advised(session)
    for turn in range(turns):
        if session.over:
            return
        legal = session.legal()
        session.give(advisers.order_of("greedy") if turn % 3 or not wild else legal[draws.integers(len(legal))])


@pytest.mark.parametrize(("level", "seat"), SEATS)
def test_legal_orders_are_those_that_the_engine_accepts(level: str, seat: int) -> None:
    """Every order of the raw space is judged one by one, but for hauls of a large level, which are drawn."""
    session, draws, seen = session_on(level, seat=seat), np.random.default_rng(1), 0
    size = n_raw_actions(session.level.side, len(session.level.recipes), session.level.max_carts)
    for _ in range(5):
        play_some(session, 4, seed=session.turn, wild=seen > 2)
        if session.over:
            break
        seen += 1
        numbers = np.arange(size) if size < 60_000 else draws.integers(size, size=60_000)
        orders, legal = st.records(len(numbers), st.ORDER), np.zeros((1, len(numbers)), np.bool_)
        raw_orders(session.record, numbers, orders, 0, len(numbers))
        judge_orders(session.state, seat, session.pool, session.record, orders.reshape(1, -1), legal)
        listed = {order.item() for order in session.legal()}
        accepted = {order.item() for order in orders[legal[0]]}
        assert accepted <= listed
        assert len(numbers) < size or accepted == listed
        for order in session.legal():
            assert session.is_legal(order)
    assert seen >= 2


@pytest.mark.parametrize(("level", "seat"), SEATS)
def test_the_menu_shows_each_legal_order_once(level: str, seat: int) -> None:
    session = session_on(level, seat=seat)
    play_some(session, 8)
    menu = Menu(session)
    side = session.level.side
    shown = [order.item() for tile in range(side * side) for order in menu.at_tile(tile)]
    listed = {order.item() for order in menu.orders}
    assert {*shown} | {menu.orders[0].item()} == listed  # PASS has no place
    for row in menu.rows(menu.orders):
        told = menu.described(row)
        assert told["cost"] <= int(session.state["companies"][0, seat]["cash"])
        assert told["whole"]
        json.dumps(told)


def test_an_order_is_played_as_the_engine_plays_it() -> None:
    session, level = session_on("haul"), SHORT["haul"]
    games = play.play_games("greedy", level, np.array([0], np.uint64))
    orders = games.orders[0, : int(games.length[0])]
    for order in orders:
        session.give(order)
    expected = record.record_game(level=level, map_seed=0, game_seed=0, player="person", orders=orders)
    assert session.over
    assert session.game().hashes == expected.hashes
    assert (session.game().orders == expected.orders).all()
    assert session.score == games.score[0]


@pytest.mark.parametrize("seat", [0, 2])
def test_rivals_play_as_in_any_other_game(seat: int) -> None:
    """The same orders in the same seat: the states are those of a record that is replayed."""
    session = session_on("rivals", seat=seat)
    play_some(session, 10)
    states = list(record.replay_states(session.game()))
    for mine, theirs in zip(session.states, states, strict=True):
        assert record.hash_state(mine[0]) == record.hash_state(theirs[0])


def test_an_order_that_is_not_legal_is_one_line_and_changes_nothing() -> None:
    session = session_on("fog")
    before = session.state.tobytes()
    hidden = [s for s in range(SHORT["fog"].deposits) if not int(session.state["companies"][0, 0]["known"]) >> s & 1]
    order = st.records(1, st.ORDER)[0]
    order["verb"], order["tile"] = st.EXTRACT, session.pool.site_tile[0, hidden[0]]
    row, column = divmod(int(order["tile"]), session.level.side)
    with pytest.raises(WaybillError, match=rf"^not legal now: extract \({row},{column}\)$"):  # nothing of the deposit
        session.give(order)
    assert session.state.tobytes() == before
    assert session.turn == 0


@pytest.mark.parametrize(("level", "seat"), [("haul", 0), ("rivals", 2)])
def test_undo_is_the_state_before_and_makes_it_practice(level: str, seat: int) -> None:
    session = session_on(level, seat=seat, undo=True)
    play_some(session, 6)
    before = [state.tobytes() for state in session.states]
    pass_order = session.legal()[0]
    session.give(pass_order)
    session.undo()
    assert [state.tobytes() for state in session.states] == before
    assert "practice" in session.game().player
    for _ in range(6):
        session.undo()
    with pytest.raises(WaybillError, match="no turn to take back"):
        session.undo()


def test_without_the_option_there_is_no_undo() -> None:
    session = session_on("haul")
    session.give(session.legal()[0])
    with pytest.raises(WaybillError, match="--undo"):
        session.undo()
    assert "practice" not in session.player


@pytest.mark.parametrize(("level", "seat"), [("haul", 0), ("refine", 0), ("rivals", 2), ("fog", 1)])
def test_what_if_and_hints_leave_the_game_as_it_is(level: str, seat: int) -> None:
    session = session_on(level, seat=seat)
    play_some(session, 7)
    live = LiveGame(session, advised(session))
    before = [state.tobytes() for state in session.states], [order.tobytes() for order in session.orders]
    order = Menu(session).described(Menu(session).rows(session.legal()[-1:])[0])["order"]
    told = live.what_if(order, "greedy", session.turn)
    assert live.hint("greedy", session.turn)["decision"]["greedy"]["reason"]
    assert ([state.tobytes() for state in session.states], [o.tobytes() for o in session.orders]) == before
    assert len(told["tried"]["profits"]) == session.level.horizon - session.turn + 1
    assert told["exact"] == (level in ("haul", "refine"))
    again = live.what_if(order, "greedy", session.turn)
    assert again == told


def test_what_if_is_what_would_really_come() -> None:
    session = session_on("refine")
    play_some(session, 5)
    order = session.legal()[-1]
    line = play_to_end(session, believed_now(session), first=order, policy=None)
    session.give(order)
    advisers = advised(session)
    while not session.over:
        session.give(advisers.order_of("greedy"), "greedy")
    assert session.score == line.score


def test_greedy_can_take_over_and_is_named() -> None:
    session = session_on("haul")
    live = LiveGame(session, advised(session))
    live.give({"order": "pass"}, 0)
    live.play_for_person("greedy", 3, lambda: None)
    assert session.given_by == ["person", "greedy", "greedy", "greedy"]
    live.play_for_person("greedy", None, lambda: None)
    assert session.over
    assert session.game().player == "person, 23 turns by greedy"
    with pytest.raises(WaybillError, match="by='nobody' is not allowed, it must be one of greedy"):
        live.play_for_person("nobody", 1, lambda: None)


@pytest.mark.parametrize(("level", "seat"), SEATS)
def test_a_record_replays_and_scores_and_keeps_the_seat(level: str, seat: int, tmp_path: Path) -> None:
    session = session_on(level, seat=seat)
    play_some(session, 12)
    session.game().save(tmp_path / "game.jsonl")
    game = record.load_game(tmp_path / "game.jsonl")
    assert len(list(record.replay_states(game))) == session.turn + 1
    assert (game.score, game.seat) == (session.score, seat)
    words = [order_to_words(order, session.level) for order in game.own_orders]
    assert words == [order_to_words(orders[seat], session.level) for orders in session.orders]


# --- fog --------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("level", "seat"), [("fog", 0), ("fog", 2), ("rivals", 1)])
def test_nothing_hidden_is_told_while_the_game_goes_on(level: str, seat: int) -> None:
    """All that the seat does not know is changed: what is told stays the same, to the letter."""

    def told(session: PlaySession) -> str:
        live = LiveGame(session, advised(session))
        sofar = ToldSoFar(session, "command")
        page, menu = sofar.page(live), Menu(session)
        rows = [menu.described(row) for row in menu.rows(menu.orders[:400])]
        return safe_json([page, sofar.news(live, 3, 0), rows])

    session = session_on(level, seat=seat)
    play_some(session, 12, wild=False)
    before = told(session)
    assert '"truth":null' in before
    _change_what_is_hidden(session)
    assert told(session) == before


def _change_what_is_hidden(session: PlaySession) -> None:
    deposits, count, seat = session.level.deposits, session.level.deposits + session.level.towns, session.seat
    known = ~np.zeros(count, np.bool_)
    for state in session.states:
        me: Any = state[0]["companies"][seat]
        known = (int(me["known"]) >> np.arange(count)) & 1 == 1
        state["reserve"][0, :deposits][~known[:deposits]] = 7
        state["glut"][:] = 99
        for other in {0, 1, 2, 3} - {seat}:
            rival = state[0]["companies"][other]
            for name in ("cash", "sales", "n_carts", "n_slots", "illegal", "known", "home"):
                rival[name] = 0
            rival["buildings"] = np.zeros(st.MAX_BUILDINGS, st.BUILDING)
    hidden = np.flatnonzero(~known)
    if session.level.sight:
        assert len(hidden)
    land = session.pool.terrain[0]
    free = [tile for tile in np.flatnonzero(land != st.WATER) if tile not in session.pool.site_tile[0]]
    session.pool.site_tile[0, hidden] = free[: len(hidden)]
    session.pool.site_good[0, hidden[hidden < deposits]] = 0
    session.pool.site_price[0, hidden] = 1
    session.pool.site_travel[0, hidden] = 9


def test_sites_are_told_once_they_are_seen_and_all_at_the_end() -> None:
    session = session_on("fog")
    live, sofar = LiveGame(session, advised(session)), ToldSoFar(session, "command")
    known = int(session.state["companies"][0, 0]["known"])
    assert [site["tile"] >= 0 for site in sofar.sites()] == [bool(known >> k & 1) for k in range(len(sofar.sites()))]
    live.play_for_person("greedy", None, lambda: None)
    page = sofar.page(live)
    assert all(site["tile"] >= 0 for site in page["map"]["sites"])
    assert page["games"][0]["turns"][-1]["truth"] is not None
    assert page["games"][0]["score"] == session.score


@pytest.mark.parametrize("seat", [1, 3])
def test_at_the_end_the_page_shows_the_persons_company_first(seat: int) -> None:
    session = session_on("rivals", seat=seat)
    live, sofar = LiveGame(session, advised(session)), ToldSoFar(session, "command")
    live.play_for_person("greedy", None, lambda: None)
    last = sofar.page(live)["games"][0]["turns"][-1]
    scores = [company["score"] for company in last["companies"]]
    real = [int(company["cash"]) - session.level.start_cash for company in session.state["companies"][0]]
    real[0], real[seat] = real[seat], real[0]
    assert scores == real
    assert scores[0] == session.score == session.game().score
