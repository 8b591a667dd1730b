"""The game by words: a whole short game, mistakes in one line, and nothing that the company does not know."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tables import SHORT, advised, break_policy, session_on

from envs.waybill.core import state as st
from envs.waybill.core.notation import order_from_words
from envs.waybill.render.seated import as_known, seated_first
from experiments.games.waybill.playing.advisers import PersonsAdvisers, shipped_policy
from experiments.games.waybill.playing.live import LiveGame
from experiments.games.waybill.playing.session import PlaySession
from experiments.games.waybill.playing.terminal import play_by_words
from experiments.games.waybill.playing.typed import order_words
from groundwork.errors import WaybillError


def typed(session: PlaySession, *lines: str, advisers: PersonsAdvisers | None = None) -> list[str]:
    """What is written when these lines are typed."""
    said: list[str] = []
    given: Iterator[str] = iter(lines)

    def read(prompt: str) -> str:
        said.append(prompt)
        try:
            return next(given)
        except StopIteration:
            raise EOFError from None

    try:
        live = LiveGame(session, advised(session) if advisers is None else advisers)
        play_by_words(live, read=read, write=said.append)
    except EOFError:
        said.append("END")
    return said


def test_a_whole_short_game_is_played_by_words() -> None:
    """Greedy's game on this map, typed: numbers of the list and orders in words come to the same."""
    level = replace(SHORT["haul"], horizon=12)
    greedy, session = session_on(level), session_on(level)
    advisers = advised(greedy)
    lines = []
    while not greedy.over:
        order = advisers.order_of("greedy")
        legal = [other.item() for other in greedy.legal()]
        verb, recipe, cart, tile, target = order.item()
        wanted = (verb, recipe, cart, tile if verb else 0, target if verb == st.HAUL else 0)
        lines.append("pass" if verb == st.PASS else str(legal.index(wanted)))
        greedy.give(order)
    said = typed(session, *lines)
    assert session.over
    assert "END" not in said
    assert session.score == greedy.score
    assert session.given_by == ["person"] * 12
    assert "\t" not in "".join(said)


@pytest.mark.parametrize("level", ["haul", "refine", "chain", "fog"])
def test_every_legal_order_can_be_typed_in_words(level: str) -> None:
    session = session_on(level)
    advisers = advised(session)
    for _ in range(8):
        session.give(advisers.order_of("greedy"))
    side = session.level.side
    recipes = [recipe.output for recipe in session.level.recipes]
    for order in session.legal():
        tile, target = divmod(int(order["tile"]), side), divmod(int(order["target"]), side)
        cart = "new" if order["cart"] == st.NEW_CART else int(order["cart"])
        text = {
            st.PASS: "pass",
            st.EXTRACT: f"extract {tile[0]} {tile[1]}",
            st.WORKSHOP: f"workshop {recipes[int(order['recipe'])] if recipes else ''} at ({tile[0]},{tile[1]})",
            st.HAUL: f"HAUL {cart} from ({tile[0]}, {tile[1]}) to {target[0]} {target[1]}",
            st.DISMANTLE: f"dismantle ({tile[0]},{tile[1]})",
        }[int(order["verb"])]
        found = order_from_words(order_words(text, session.level), session.level, "typed")
        assert session.is_legal(found)
        for name in ("verb", "recipe", "cart"):
            assert found[name] == order[name]


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("fly 1 2", "'fly 1 2' is no order, they are pass, extract"),
        ("extract 1", "'extract 1' is not written as 'extract ROW COLUMN'"),
        ("extract 1 x", "'x' is no number"),
        ("extract 99 1", r"\(99,1\) is not on the map, rows and columns are 0..8"),
        ("extract 0 0", r"not legal now: extract \(0,0\)"),
        ("workshop nails 1 1", "there is no workshop for 'nails', this level makes nothing"),
        ("haul 7 1 1 to 2 2", "not legal now: haul cart 7"),
        ("9999", "there is no order 9999, they are 0.."),
        ("orders fly", "there is no such verb"),
        ("hint nobody", "must be one of greedy, planner, policy"),
        ("hint policy", "there is no policy for level haul, name one with --policy RUN"),
        ("let greedy", "not written as 'let WHO play N'"),
        ("let nobody play 2", "by='nobody' is not allowed"),
        ("let greedy play 0", "turns=0 is not allowed, it must be 1..10000"),
        ("if nobody pass", "by='nobody' is not allowed"),
        ("undo", "there is no undo in this game, begin one with --undo"),
    ],
)
def test_a_mistake_is_one_line_and_the_game_goes_on(line: str, part: str) -> None:
    import re

    session = session_on("haul")
    said = typed(session, line, "pass")
    answers = [text for text in said if text.startswith("no: ")]
    assert len(answers) == 1
    assert re.search(part, answers[0])
    assert session.turn == 1


def test_hints_trials_taking_over_and_undo() -> None:
    session = session_on("refine", undo=True)
    said = typed(
        session,
        "hint greedy",
        "if greedy pass",
        "let greedy play 3",
        "undo",
        "board",
        "orders workshop",
        "help",
        "quit",
    )
    text = "\n".join(said)
    assert "greedy would build" in text
    assert "if you pass and greedy plays on: profit" in text
    assert "if greedy plays on from here:  profit" in text
    assert (session.turn, session.given_by) == (2, ["greedy", "greedy"])
    assert "workshop GOOD ROW COLUMN" in text
    assert said[-1] == "END"


def test_what_fails_is_one_line_and_the_game_goes_on(capfd: pytest.CaptureFixture[str]) -> None:
    session = session_on("haul")
    advisers = advised(session, shipped_policy("haul"))
    break_policy(advisers.policy_for(1), after=3)
    lines = ("let policy play on", "hint policy", "if policy pass", "hint greedy", "pass")
    said = typed(session, *lines, advisers=advisers)
    failed = [line for line in said if line.startswith("the policy failed: RuntimeError: the network is broken (")]
    assert len(failed) == 3
    assert all(line.endswith("; it is your turn") for line in failed)
    assert session.given_by == ["policy", "policy", "policy", "person"]
    assert capfd.readouterr().err.count("Traceback (most recent call last)") == 3


# --- fog --------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("seat", [0, 2])
def test_the_board_shows_only_what_the_company_knows(seat: int) -> None:
    session = session_on("fog", seat=seat)
    advisers = advised(session)
    for _ in range(10):
        session.give(advisers.order_of("greedy"))
    before = typed(session, "orders")
    state: Any = session.state[0]
    known = (int(state["companies"][seat]["known"]) >> np.arange(session.level.deposits)) & 1 == 1
    assert not known.all()
    state["reserve"][: session.level.deposits][~known] = 3
    state["owner"][: session.level.deposits][~known] = 3
    state["glut"][:] = 77
    for other in {0, 1, 2, 3} - {seat}:
        for name in ("cash", "sales", "n_carts", "n_slots", "illegal"):
            state["companies"][other][name] = 1
    hidden = np.flatnonzero(~known)
    plain = np.setdiff1d(np.flatnonzero(session.pool.terrain[0] == st.PLAIN), session.pool.site_tile[0])
    session.pool.site_tile[0, hidden] = plain[: len(hidden)]
    session.pool.site_good[0, hidden] = 0
    assert typed(session, "orders") == before
    assert "cash" not in next(line for line in "\n".join(before).splitlines() if line.startswith("rival"))


def test_a_state_seen_from_a_seat_is_the_same_state() -> None:
    session = session_on("rivals", seat=2)
    advisers = advised(session)
    for _ in range(12):
        session.give(advisers.order_of("greedy"))
    seen = seated_first(session.state, 2)
    assert seen["companies"][0, 0]["cash"] == session.state["companies"][0, 2]["cash"]
    assert seated_first(seen, 2).tobytes() == session.state.tobytes()
    for site in range(session.level.deposits):
        owner = int(session.state["owner"][0, site])
        assert int(seen["owner"][0, site]) == {0: 2, 2: 0}.get(owner, owner)
    known = as_known(seen)
    assert (known["companies"][0, 1:]["cash"] == 0).all()
    assert known["companies"][0, 0].tobytes() == seen["companies"][0, 0].tobytes()


def test_what_is_typed_wrong_says_how_it_is_written() -> None:
    with pytest.raises(WaybillError, match="'' is no order"):
        order_words("  ", SHORT["haul"])
