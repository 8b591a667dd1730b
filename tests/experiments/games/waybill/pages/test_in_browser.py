"""The page in a browser: slider, keys, play, events, the address, two players, the command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from watched import SMALL, weighed

from experiments.games.waybill.pages import write

NAME = 'a <b>bold</b> "name"'


def test_the_turn_is_moved_by_the_slider_and_by_keys(show: Any) -> None:
    shown = show("one")
    assert shown.turn == 0
    shown.press("ArrowRight", "ArrowRight")
    assert shown.turn == 2
    shown.press("Shift+ArrowRight")
    assert shown.turn == 12
    shown.press("ArrowLeft")
    assert (shown.turn, shown.text("#clock")) == (11, "turn 11 of 24")
    shown.press("End")
    assert shown.turn == 24
    shown.press("ArrowRight")
    assert shown.turn == 24
    shown.press("Home")
    assert shown.turn == 0
    shown.page.fill("#slider", "9")
    assert shown.turn == 9
    assert shown.page.get_attribute("#slider", "aria-valuetext").startswith("turn 9 of 24: ")
    assert shown.text("#live").startswith("Turn 9 of 24. ")


def test_what_is_shown_is_the_turns(show: Any, files: dict[str, Path]) -> None:
    shown, watched = show("one", address="#turn=7"), weighed(name=NAME)
    told = write.page_data([watched], planner="off", command="")["games"][0]["turns"][7]
    company = told["companies"][0]
    figures = shown.page.locator(".figure dd").all_inner_texts()
    assert figures == [
        "7 / 24",
        f"{company['cash']:,}",
        f"{company['score']:+,}".replace("+0", "0"),
        str(company["illegal"]),
    ]
    assert shown.page.locator("svg.board .cart").count() == len(company["carts"])
    assert shown.page.locator("svg.board .building").count() == len(company["buildings"])
    assert shown.page.locator("svg.board .site").count() == SMALL.deposits + SMALL.towns
    rows = shown.page.locator(".candidate").all_inner_texts()
    assert any("1.30" in row and "chosen" in row and "greedy" in row for row in rows)
    assert any("0.30" in row for row in rows)
    money = shown.page.locator("table.money tr td:nth-child(2)").all_inner_texts()
    assert [int(text.replace(",", "")) for text in money[:-1]] == company["money"]


def test_playing_goes_on_to_the_end_and_stops(show: Any) -> None:
    shown = show("one")
    shown.page.select_option("#speed", "16")
    shown.press("Escape")
    shown.page.locator("body").click(position={"x": 3, "y": 3})
    shown.press(" ")
    assert shown.text("#play") == "Pause"
    shown.soon("#play").to_have_text("Play", timeout=20_000)
    assert shown.turn == 24


def test_carts_move_between_turns_but_not_where_motion_is_unwanted(show: Any) -> None:
    for motion, moves in (("no-preference", True), ("reduce", False)):
        shown = show("one", address="#turn=10", reduced_motion=motion)
        shown.page.select_option("#speed", "0.25")
        places = "() => [...document.querySelectorAll('.cart')].map((cart) => cart.getAttribute('transform')).join()"
        before = shown.page.evaluate(places)
        shown.page.click("#play")
        shown.page.wait_for_timeout(700)
        assert shown.turn == 10
        assert (shown.page.evaluate(places) != before) == moves
        shown.page.click("#play")


def test_events_are_jumped_to_and_chosen_by_kind(show: Any) -> None:
    shown = show("one")
    turns = [int(text) for text in shown.page.locator("#events .when").all_inner_texts()]
    assert turns == sorted(turns)
    shown.press("n")
    assert shown.turn == min(turn for turn in turns if turn > 0)
    shown.press("n", "p")
    assert shown.turn == min(turn for turn in turns if turn > 0)
    last = shown.page.locator("#events button").last
    last.click()
    assert shown.turn == turns[-1]
    assert last.get_attribute("aria-current") == "step"
    chips = shown.page.locator(".chip")
    before = shown.page.locator("#events button").count()
    chips.first.click()
    assert chips.first.get_attribute("aria-pressed") == "false"
    assert shown.page.locator("#events button").count() < before
    moment = shown.page.locator("#moments button").first
    moment.click()
    assert moment.inner_text() == f"Go to turn {shown.turn}"


def test_the_address_keeps_the_turn(show: Any) -> None:
    shown = show("one", address="#turn=17")
    assert shown.turn == 17
    shown.press("ArrowRight")
    assert shown.page.evaluate("location.hash") == "#turn=18"
    shown.page.evaluate("location.hash = '#turn=3'")
    shown.soon("#slider").to_have_value("3")
    assert show("one", address="#turn=999").turn == 24
    assert show("one", address="#turn=-4").turn == 0


def test_a_turn_is_asked_for_and_help_is_given(show: Any) -> None:
    shown = show("one")
    shown.press("g")
    shown.page.fill("#goto-turn", "13")
    shown.press("Enter")
    assert shown.turn == 13
    shown.press("g", "Escape")
    shown.soon("#goto").to_be_hidden()
    shown.press("?")
    shown.soon("#help").to_be_visible()
    assert "next event" in shown.text("#help")
    shown.page.uncheck("#letters")
    shown.press("Escape")
    shown.soon("#help").to_be_hidden()
    shown.press("n")
    assert shown.turn == 13


def test_two_players_share_a_slider_and_their_difference_is_drawn(show: Any) -> None:
    shown = show("two", address="#turn=12")
    assert shown.page.locator("svg.board").count() == 2
    assert shown.page.locator(".strip").count() == 2
    boxes = [shown.page.locator("svg.board").nth(k).bounding_box() for k in range(2)]
    assert boxes[0]["y"] == boxes[1]["y"]
    assert boxes[0]["x"] + boxes[0]["width"] <= boxes[1]["x"]
    profits = [int(text.replace(",", "")) for text in shown.page.locator(".figure:nth-child(3) dd").all_inner_texts()]
    difference = shown.page.locator("#charts figure").first.locator("b").inner_text()
    assert int(difference.replace(",", "")) == profits[0] - profits[1]
    assert shown.text("#moments h3 >> nth=0") == "The games part"


def test_the_badge_copies_the_command(show: Any) -> None:
    shown = show("one")
    shown.page.click("#badge")
    shown.soon("#badge .copy").to_have_text("copied")
    assert shown.text("#live") == "Copied: python replay.py one"


def test_a_page_opens_soon(show: Any) -> None:
    shown = show("fog")
    took = shown.page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
    assert 0 < took < 2000
