"""The page for everybody: pointers, keys and screen readers, layers, phones, dark and light."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from watched import HIDDEN, weighed

from envs.waybill.core.state import PLAIN, TERRAINS
from envs.waybill.maps.uncleared import shown_terrain
from envs.waybill.record import replay_states
from experiments.games.waybill.pages import write
from experiments.games.waybill.pages.symbols import symbol_sheet
from experiments.games.waybill.pages.turns import turn_data

NAME = 'a <b>bold</b> "name"'


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


def test_the_land_of_an_unseen_site_is_told_as_if_none_stood_there(show: Any) -> None:
    shown = show("fog", address="#turn=0")
    pool = weighed(HIDDEN).game.map_pool()
    sites, land = pool.site_tile[0].astype(int), shown_terrain(pool, 0, HIDDEN).ravel()
    told = shown.page.evaluate("[...opened.page.map.terrain].map(Number)")
    assert told == land.tolist()
    assert (land[sites] != PLAIN).any()
    first = (
        "(layer) => opened.page.map.sites.map((site) => thingsOn(opened.page, opened.page.games[0],"
        " factsOf(opened.page, opened.page.games[0], 0, layer), site.tile)[0].title.split(' ')[0])"
    )
    known = shown.page.evaluate("opened.page.games[0].turns[0].known[0].seen.map((turn) => turn >= 0)")
    assert True in known
    assert False in known
    words = ["Plain" if seen else TERRAINS[land[tile]].capitalize() for seen, tile in zip(known, sites, strict=True)]
    assert shown.page.evaluate(first, 0) == words
    assert shown.page.evaluate(first, "all") == ["Plain"] * len(sites)


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


def test_a_page_that_is_told_only_what_a_seat_knows_shows_that(show: Any, files: dict[str, Path]) -> None:
    """As a server would tell it, turn by turn: the truth and the others' things are not in the page at all."""
    watched = weighed(HIDDEN)
    data, pool = write.page_data([watched], planner="off", command=""), watched.game.map_pool()
    turns, states = data["games"][0]["turns"], np.concatenate(list(replay_states(watched.game)))
    for turn, told in enumerate(turns):
        told |= turn_data(states[max(0, turn - 1) : turn + 1], pool, HIDDEN, seat=0)
    files["seat"] = files["fog"].with_name("seat.html")
    land = "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA="
    files["seat"].write_text(write.page_text(data, land=land, symbols=symbol_sheet(HIDDEN)))
    shown = show("seat", address="#turn=30")
    assert shown.page.locator("svg.board .building").count() == len(turns[30]["companies"][0]["buildings"])
    assert shown.page.locator(".figure dd").all_inner_texts()[1] == f"{turns[30]['companies'][0]['cash']:,}"
    assert not shown.page.locator("#layer").is_visible()
    shown.press("End", "k", ".")
    assert shown.turn == HIDDEN.horizon


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
    if (!own || !node.checkVisibility({ opacityProperty: true })) continue;
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
