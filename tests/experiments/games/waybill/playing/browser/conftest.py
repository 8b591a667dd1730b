"""For the tests of playing in a browser without a screen. Without Chromium or Playwright they are skipped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tables import TOKEN, Browser, served

from experiments.games.waybill.playing.session import PlaySession


@dataclass
class AtTable:
    """A page of a live game that is open, with all that it said and asked for."""

    page: Any
    server: Browser
    expect: Callable[..., Any]
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    @property
    def session(self) -> PlaySession:
        return self.server.server.desk.session

    def soon(self, selector: str) -> Any:
        """What will be true of an element in a moment."""
        return self.expect(self.page.locator(selector), selector)

    def text(self, selector: str) -> str:
        return " ".join(self.page.inner_text(selector).split())

    def choose(self, tile: int) -> None:
        """A click on a tile of the board."""
        side = self.session.level.side
        place = "(tile) => { const { board } = opened.drawn.games[0]; const box = board.node.getBoundingClientRect();"
        place += " return middleOf(tile, opened.page.map.side).map((at, k) =>"
        place += " (at + edgeOf(opened.page.map.side)) / board.unit + (k ? box.top : box.left)); }"
        self.page.locator("svg.board").scroll_into_view_if_needed()
        x, y = self.page.evaluate(place, tile)
        self.page.mouse.click(x, y)
        self.soon("#orders h3").to_contain_text(f"({tile // side},{tile % side})")

    def at_turn(self, turn: int) -> None:
        """Wait until the page has come to a turn."""
        self.soon("#your-turn").to_have_text(f"Your order in turn {turn}", timeout=20_000)


@pytest.fixture
def sit(chromium: Any, tmp_path: Path) -> Iterator[Any]:
    """Opens a game's page; at the end it has said nothing in the console and asked for nothing elsewhere."""
    from playwright.sync_api import expect

    every: list[AtTable] = []
    with ExitStack() as stack:

        def sitting(game: PlaySession | AtTable, *, plays: bool = True, policy: str | None = None, pace: float = 0.05,
                    width: int = 1280, height: int = 1000, **options: Any) -> AtTable:  # fmt: skip
            server = game.server if isinstance(game, AtTable) else stack.enter_context(
                served(game, tmp_path, policy=policy, pace=pace)
            )  # fmt: skip
            context = chromium.new_context(viewport={"width": width, "height": height}, **options)
            seated = AtTable(context.new_page(), server, expect)
            every.append(seated)
            seated.page.on("console", lambda message: seated.said.append(message.text))
            seated.page.on("pageerror", lambda error: seated.said.append(str(error)))
            seated.page.on("request", lambda request: seated.asked.append(request.url))
            seated.page.goto(f"http://127.0.0.1:{server.port}/" + (f"#token={TOKEN}" if plays else ""))
            return seated

        yield sitting
        for seated in every:
            seated.page.context.close()
            assert seated.said == []
            ours = (f"http://127.0.0.1:{seated.server.port}/", "data:")
            assert [url for url in seated.asked if not url.startswith(ours)] == []
            assert [url for url in seated.asked if TOKEN in url.partition("#")[0]] == []
