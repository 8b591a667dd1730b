"""The page in a browser without a screen: slider, keys, play, events, layers, details, comparison, phones, dark.

Without Chromium or Playwright these tests are skipped.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from watched import HIDDEN, SMALL, played, weighed

from experiments.games.waybill.pages import write

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")
NAME = 'a <b>bold</b> "name"'


@dataclass
class Opened:
    """A page that is open, with all that it said and asked for."""

    page: Any
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    @property
    def turn(self) -> int:
        return int(self.page.input_value("#slider"))

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def text(self, selector: str) -> str:
        return " ".join(self.page.inner_text(selector).split())


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Pages: of a policy, of four companies in fog, and of two players."""
    folder = tmp_path_factory.mktemp("pages")
    games = {
        "one": [weighed(name=NAME)],
        "fog": [weighed(HIDDEN)],
        "two": [weighed(), played(SMALL, player="random")],
    }
    for name, shown in games.items():
        write.write_page(folder / f"{name}.html", shown, planner="next", command=["python", "replay.py", name])
    return {name: folder / f"{name}.html" for name in games}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as running:
        opened = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def show(browser: Any, files: dict[str, Path]) -> Iterator[Any]:
    """Opens a page; at the end it has said nothing in the console and asked for nothing but itself."""
    every: list[Opened] = []

    def opening(name: str, *, address: str = "", width: int = 1280, height: int = 900, **options: Any) -> Opened:
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        shown = Opened(context.new_page())
        every.append(shown)
        shown.page.on("console", lambda message: shown.said.append(message.text))
        shown.page.on("pageerror", lambda error: shown.said.append(str(error)))
        shown.page.on("request", lambda request: shown.asked.append(request.url))
        shown.page.goto(files[name].as_uri() + address)
        return shown

    yield opening
    for shown in every:
        assert shown.said == []
        assert [url for url in shown.asked if not url.startswith(("data:", "file:"))] == []
        assert len([url for url in shown.asked if url.startswith("file:")]) == 1
        shown.page.context.close()


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
    playwright.expect(shown.page.locator("#play")).to_have_text("Play", timeout=20_000)
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
    playwright.expect(shown.page.locator("#slider")).to_have_value("3")
    assert show("one", address="#turn=999").turn == 24
    assert show("one", address="#turn=-4").turn == 0


def test_a_turn_is_asked_for_and_help_is_given(show: Any) -> None:
    shown = show("one")
    shown.press("g")
    shown.page.fill("#goto-turn", "13")
    shown.press("Enter")
    assert shown.turn == 13
    shown.press("g", "Escape")
    playwright.expect(shown.page.locator("#goto")).to_be_hidden()
    shown.press("?")
    playwright.expect(shown.page.locator("#help")).to_be_visible()
    assert "next event" in shown.text("#help")
    shown.page.uncheck("#letters")
    shown.press("Escape")
    playwright.expect(shown.page.locator("#help")).to_be_hidden()
    shown.press("n")
    assert shown.turn == 13


def test_what_is_on_a_tile_is_told_by_pointer_and_by_keys(show: Any) -> None:
    shown = show("one", address="#turn=20")
    assert not shown.page.locator(".details").is_visible()
    box = shown.page.locator("svg.board .site").first.bounding_box()
    shown.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert "in the ground" in shown.text(".details")
    shown.page.mouse.move(2, 2)
    assert not shown.page.locator(".details").is_visible()
    titles = set()
    for _ in range(12):
        shown.press(".")
        titles |= {title.split(" ")[0] for title in shown.page.locator(".thing strong").all_inner_texts()}
    assert {"Town", "Deposit", "Extractor", "Cart"} <= titles
    shown.page.focus("svg.board")
    before = shown.text(".details .land")
    shown.press("ArrowDown")
    assert shown.text(".details .land") != before
    assert shown.turn == 20
    shown.press("Escape")
    assert not shown.page.locator(".details").is_visible()


def test_the_focus_goes_round_the_whole_page(show: Any) -> None:
    """No trap: by Tab alone one comes to the end."""
    shown, seen = show("one"), []
    for _ in range(150):
        shown.press("Tab")
        seen.append(shown.page.evaluate("document.activeElement.id || document.activeElement.className.toString()"))
        if seen[-1] == "" and len(seen) > 20:
            break
    assert {"badge", "theme", "help-button", "slider", "play", "speed"} <= set(seen)
    assert len(seen) < 150


def test_a_seats_layer_shows_only_what_it_knows(show: Any, files: dict[str, Path]) -> None:
    shown = show("fog", address="#turn=30")
    told = write.page_data([weighed(HIDDEN)], planner="off", command="")["games"][0]["turns"][30]
    everything = shown.page.locator("svg.board .site > *").count()
    assert shown.page.locator("svg.board .site.dim").count() == sum(seen < 0 for seen in told["known"][0]["seen"])
    for seat in range(4):
        shown.page.select_option("#layer", str(seat))
        known = told["known"][seat]["seen"]
        sites = "() => [...document.querySelectorAll('svg.board .site')].filter((g) => g.children.length > 0).length"
        assert shown.page.evaluate(sites) == sum(turn >= 0 for turn in known)
        assert shown.page.locator("svg.board .building").count() == len(told["companies"][seat]["buildings"])
        assert shown.page.locator("svg.board .cart").count() == len(told["companies"][seat]["carts"])
        assert shown.text(".companies").count("hidden") == 3
        assert shown.page.locator(".mark.planner").count() == 0
        figures = shown.page.locator(".figure dd").all_inner_texts()
        assert figures[1] == f"{told['companies'][seat]['cash']:,}"
    shown.page.select_option("#layer", "all")
    assert shown.page.locator("svg.board .site > *").count() == everything
    shown.page.locator("body").click(position={"x": 3, "y": 3})
    shown.press("k")
    assert shown.page.input_value("#layer") == "0"


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


def test_names_are_text(show: Any) -> None:
    shown = show("one")
    assert shown.text("#title") == NAME
    assert shown.page.locator("b", has_text="bold").count() == 0


@pytest.mark.parametrize("name", ["one", "fog", "two"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_all_without_sideways_scrolling(show: Any, name: str, scheme: str) -> None:
    shown = show(name, address="#turn=15", width=360, height=740, color_scheme=scheme, has_touch=True)
    assert shown.page.evaluate("document.documentElement.scrollWidth") == 360
    shown.page.locator("svg.board").first.tap(position={"x": 120, "y": 120})
    assert shown.page.locator(".details").first.is_visible()
    assert shown.page.evaluate("document.documentElement.scrollWidth") == 360


def test_dark_is_chosen_by_the_system_or_by_the_switch(show: Any) -> None:
    ground = "() => getComputedStyle(document.body).backgroundColor"
    light, dark = show("one"), show("one", color_scheme="dark")
    colours = [one.page.evaluate(ground) for one in (light, dark)]
    assert colours[0] != colours[1]
    light.page.click("#theme")
    dark.press("d")
    assert [one.page.evaluate(ground) for one in (light, dark)] == colours[::-1]


CONTRAST = """() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const light = (colour) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3).map((v) => v / 255)
      .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (node) => {
    for (let one = node; one; one = one.parentElement) {
      const colour = getComputedStyle(one).backgroundColor;
      if (colour !== 'rgba(0, 0, 0, 0)') return colour;
    }
    return 'white';
  };
  const weak = [];
  for (const node of document.querySelectorAll('body *:not(svg *):not(.unseen):not(option)')) {
    const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim());
    if (!own || !node.checkVisibility({ opacityProperty: true }) || node.closest('[aria-pressed=false].chip')) continue;
    const [a, b] = [light(getComputedStyle(node).color), light(ground(node))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) weak.push(`${node.tagName} ${node.className} ${node.textContent.slice(0, 20)}`);
  }
  return weak;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(show: Any, scheme: str) -> None:
    """WCAG AA: a contrast of 4.5 to 1 or more."""
    for name in ("one", "fog"):
        assert show(name, address="#turn=20", color_scheme=scheme).page.evaluate(CONTRAST) == []


def test_the_badge_copies_the_command(show: Any) -> None:
    shown = show("one")
    shown.page.click("#badge")
    playwright.expect(shown.page.locator("#badge .copy")).to_have_text("copied")
    assert shown.text("#live") == "Copied: python replay.py one"


def test_a_page_opens_soon(show: Any) -> None:
    shown = show("fog")
    took = shown.page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
    assert 0 < took < 2000
