"""For the tests of the replay page in a browser without a screen. Without Chromium or Playwright they are skipped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from watched import HIDDEN, SMALL, played, weighed

from experiments.games.waybill.pages import write

NAME = 'a <b>bold</b> "name"'  # of the policy on the page "one"


@dataclass
class Opened:
    """A page that is open, with all that it said and asked for."""

    page: Any
    expect: Callable[..., Any]  # Playwright's: waits for what is asserted
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

    def soon(self, selector: str) -> Any:
        """What will be true of an element in a moment."""
        return self.expect(self.page.locator(selector), selector)


@pytest.fixture(scope="session")
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


@pytest.fixture
def show(chromium: Any, files: dict[str, Path]) -> Iterator[Any]:
    """Opens a page; at the end it has said nothing in the console and asked for nothing but itself."""
    from playwright.sync_api import expect

    every: list[Opened] = []

    def opening(name: str, *, address: str = "", width: int = 1280, height: int = 900, **options: Any) -> Opened:
        context = chromium.new_context(viewport={"width": width, "height": height}, **options)
        shown = Opened(context.new_page(), expect)
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
