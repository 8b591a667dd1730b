"""A game played in a browser: by clicks and keys, with hints, what-if, take-over, undo, and somebody who watches."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tables import SHORT, advised, break_policy, session_on

from envs.waybill.core import state as st
from experiments.games.waybill.playing.advisers import shipped_policy

TINY = replace(SHORT["haul"], horizon=8)


def test_a_whole_short_game_is_played_by_clicks(sit: Any) -> None:
    """Greedy's orders, each by a click on its tile and one on its button; then the end is shown."""
    table = sit(session_on(TINY))
    greedy = advised(session_on(TINY))
    twin = greedy.session
    for turn in range(TINY.horizon):
        table.at_turn(turn)
        order = greedy.order_of("greedy")
        if order["verb"] == st.PASS:
            table.page.click("#pass")
        else:
            table.choose(int(order["tile"]))
            rows = table.page.locator(".give")
            words = {st.EXTRACT: "An extractor", st.HAUL: "new cart", st.DISMANTLE: "Dismantle"}[int(order["verb"])]
            rows.filter(has_text=words).first.click()
        twin.give(order)
    table.soon("#ending").to_be_visible(timeout=20_000)
    assert table.session.over
    assert "The game is over" in table.text("#ending")
    assert f"{table.session.score:+,}".replace("+0", "0") in table.text("#ending tr >> nth=0")
    assert table.page.locator("svg.board").count() == 1
    assert table.text("#layer option >> nth=0") == "everything"


def test_the_legal_orders_of_a_place_are_shown_with_their_costs(sit: Any) -> None:
    session = session_on("refine")
    table = sit(session)
    deposit = int(session.pool.site_tile[0, 0])
    table.choose(deposit)
    table.soon(".give").to_have_count(1)
    assert "An extractor for" in table.text(".give")
    assert "40 coins" in table.text(".give")
    free = next(
        tile for tile in range(session.level.side**2)
        if session.pool.terrain[0, tile] == st.PLAIN and tile not in session.pool.site_tile[0]
    )  # fmt: skip
    table.choose(free)
    table.soon(".give").to_have_count(len(session.level.recipes))
    assert "→" in table.text(".give >> nth=0")
    town = int(session.pool.site_tile[0, session.level.deposits])
    table.choose(town)
    table.soon("#orders .hint").to_have_text("No order is legal here now.")


def test_it_is_played_by_keys_alone(sit: Any) -> None:
    session = session_on("haul")
    table = sit(session)
    table.page.focus("svg.board")
    for _ in range(8):
        table.page.keyboard.press(".")
        if table.page.evaluate("opened.view.tile") in session.pool.site_tile[0, : session.level.deposits].tolist():
            break
    table.page.keyboard.press("Enter")
    table.soon(".give:focus").to_have_count(1)
    table.page.keyboard.press("Enter")
    table.at_turn(1)
    assert session.orders[0][0]["verb"] == st.EXTRACT
    table.page.keyboard.press("x")
    table.at_turn(2)
    assert session.orders[1][0]["verb"] == st.PASS
    table.page.keyboard.press("?")
    table.soon("#help").to_be_visible()
    assert "pass" in table.text("#help")


def test_an_order_counts_though_the_answer_to_the_one_before_is_still_on_its_way(sit: Any) -> None:
    session = session_on("haul")
    table = sit(session)
    late = "answer => new Promise(done => setTimeout(() => done(answer), 600_000))"
    slow = f"(at, how) => at === '/order' ? real(at, how).then({late}) : real(at, how)"
    table.page.evaluate(f"() => {{ const real = fetch; window.fetch = {slow}; }}")
    for turn in range(3):
        table.page.keyboard.press("x")
        table.at_turn(turn + 1)
    assert [order["verb"] for order, *_ in session.orders] == [st.PASS] * 3


def test_hints_are_shown_with_their_reason_on_the_panel(sit: Any) -> None:
    session = session_on("haul")
    table = sit(session, policy=None)
    assert table.page.locator("#hint-policy").count() == 0
    table.page.click("#hint-greedy")
    table.soon(".decision .mark.greedy").to_be_visible()
    assert "a profit of about" in table.text(".decision .note")
    assert session.turn == 0
    table.page.click("#pass")
    table.at_turn(1)
    table.soon(".decision .candidate").to_have_count(0)
    table.page.click("#back")
    table.soon(".decision .mark.chosen").to_be_visible()


def test_what_if_is_told_and_the_game_is_untouched(sit: Any) -> None:
    session = session_on("haul")
    before = session.state.tobytes()
    table = sit(session)
    table.choose(int(session.pool.site_tile[0, 0]))
    table.page.locator(".try").first.click()
    table.soon("#tried h3").to_contain_text("What if: build an extractor")
    assert "Your game is untouched" in table.text("#tried")
    assert table.page.locator("#tried polyline:visible").count() == 2
    assert session.state.tobytes() == before
    assert session.turn == 0


def test_greedy_takes_over_and_is_taken_back(sit: Any) -> None:
    session = session_on("haul")
    table = sit(session)
    table.page.fill("#play-turns", "3")
    table.page.click("#let-play")
    table.at_turn(3)
    assert session.given_by == ["greedy"] * 3
    table.soon("#slider").to_have_value("3")
    table.soon("#pass").to_be_enabled()
    table.page.click("#let-finish")
    table.soon("#ending").to_be_visible(timeout=30_000)
    assert session.over


def test_a_policy_that_fails_is_told_to_who_plays_and_who_watches(sit: Any) -> None:
    table = sit(session_on("haul"), policy=shipped_policy("haul"))
    break_policy(table.server.live.advisers.policy_for(1), after=1)
    watcher = sit(table, plays=False)
    watcher.soon("#your-turn").to_have_text("You are watching")
    table.page.select_option("#play-by", "policy")
    table.page.click("#let-finish")
    for one in (table, watcher):
        one.soon("#play-say").to_contain_text("The policy failed: RuntimeError: the network is broken", timeout=60_000)
    late = sit(table, plays=False)
    late.soon("#play-say").to_contain_text("The policy failed")
    table.at_turn(1)
    table.soon("#pass").to_be_enabled()
    table.page.click("#pass")
    table.at_turn(2)
    for one in (table, watcher, late):
        one.soon("#play-say").to_be_hidden()


def test_undo_is_only_where_it_is_said(sit: Any) -> None:
    without = sit(session_on("haul"))
    assert not without.page.locator("#undo").is_visible()
    table = sit(session_on("haul", undo=True))
    assert "Practice: undo is on" in table.text("#subtitle")
    table.page.click("#pass")
    table.at_turn(1)
    table.page.click("#undo")
    table.at_turn(0)
    table.soon("#slider").to_have_attribute("max", "0")


def test_a_second_browser_watches_and_cannot_play(sit: Any) -> None:
    table = sit(session_on("haul"))
    watcher = sit(table, plays=False)
    watcher.soon("#your-turn").to_have_text("You are watching")
    assert not watcher.page.locator("#pass").is_visible()
    assert watcher.page.locator("#let-play").count() == 0
    table.page.click("#pass")
    table.at_turn(1)
    watcher.soon("#clock").to_have_text("turn 1 of 1")
    assert watcher.page.evaluate(
        "writeTo('/order', {order: {order: 'pass'}, turn: 1}).catch((e) => e.message)"
    ).startswith("X-Waybill-Token is not the player's")
    watcher.said.clear()  # the browser itself tells of the refusal
    assert table.session.turn == 1


def test_in_fog_nothing_hidden_is_in_the_page(sit: Any) -> None:
    session = session_on("fog", seat=2)
    table = sit(session)
    for turn in range(3):
        table.at_turn(turn)
        table.page.click("#pass")
    table.at_turn(3)
    known = int(session.state["companies"][0, 2]["known"])
    sites = table.page.evaluate("opened.page.map.sites.map((site) => site.tile)")
    assert [tile >= 0 for tile in sites] == [bool(known >> k & 1) for k in range(len(sites))]
    assert table.page.evaluate("opened.page.games[0].turns.every((turn) => turn.truth === null)")
    assert table.page.evaluate(
        "opened.page.games[0].turns.every((turn) => turn.companies.slice(1).every((c) => c === null))"
    )
    assert table.text(".companies").count("hidden") == 3


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_plays_without_sideways_scrolling(sit: Any, scheme: str) -> None:
    session = session_on("refine")
    table = sit(session, width=360, height=740, color_scheme=scheme, has_touch=True)
    table.choose(int(session.pool.site_tile[0, 0]))
    table.soon(".give").to_have_count(1)
    table.page.click("#hint-greedy")
    table.soon(".decision .mark.greedy").to_be_visible()
    table.page.locator(".try").first.click()
    table.soon("#tried table").to_be_visible()
    box, card = (table.page.locator(name).first.bounding_box() for name in (".try", ".playing"))
    assert box["x"] + box["width"] <= card["x"] + card["width"]
    assert table.page.evaluate("document.documentElement.scrollWidth") == 360
    table.page.locator(".give").first.click()
    table.at_turn(1)


def test_every_button_and_field_has_a_name(sit: Any) -> None:
    table = sit(session_on("haul", undo=True))
    table.choose(int(table.session.pool.site_tile[0, 0]))
    table.soon(".give").to_have_count(1)
    nameless = """() => [...document.querySelectorAll('button, select, input')].filter((node) =>
        !(node.textContent.trim() || node.getAttribute('aria-label') || node.closest('label'))).map((one) => one.id)"""
    assert table.page.evaluate(nameless) == []
    assert table.page.locator("#play-say[role=status]").count() == 1


def test_what_plays_is_part_of_the_page_not_a_copy() -> None:
    from experiments.games.waybill.pages import write
    from experiments.games.waybill.playing.browser import desk

    own = {path.name for path in Path(desk.__file__).parent.iterdir() if path.suffix in (".js", ".css", ".html")}
    assert own == {*desk.PLAY_SCRIPTS, *desk.PLAY_STYLES}
    assert not own & {*write.PAGE_SCRIPTS, *write.PAGE_STYLES}


def test_the_policy_weighs_its_candidates_and_plays_on(sit: Any) -> None:
    session = session_on("haul")
    table = sit(session, policy=shipped_policy("haul"))
    table.page.click("#hint-policy")
    table.soon(".decision .mark.policy").to_be_visible(timeout=120_000)
    assert "Q-values, best first" in table.text(".decision h3")
    assert table.page.locator(".decision .candidate").count() >= 2
    table.page.select_option("#play-by", "policy")
    table.page.click("#let-play")
    table.at_turn(1)
    assert session.given_by == ["policy"]
    table.choose(int(session.pool.site_tile[0, 1]))
    table.page.locator(".try").first.click()
    table.soon("#tried table").to_contain_text("as the policy would go on", timeout=60_000)
