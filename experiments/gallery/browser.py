"""A browser without a window, driven by Playwright, and pictures of what it shows."""

from __future__ import annotations

import importlib
import io
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from PIL import Image

from groundwork.errors import WaybillError

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SECONDS = 120  # that anything on a page may take on a busy machine


@contextmanager
def open_browser() -> Iterator[Any]:
    """Chromium, as Playwright hands it out.

    Raises:
        WaybillError: in one line, if Playwright or Chromium is missing.
    """
    try:
        playwright = importlib.import_module("playwright.sync_api")
    except ImportError:
        raise WaybillError('pictures of pages need Playwright: pip install -e ".[tests]"') from None
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        raise WaybillError(f"pictures of pages need Chromium: none of {', '.join(BROWSERS)} is in PATH")
    with playwright.sync_playwright() as running:
        opened = running.chromium.launch(executable_path=path, args=["--no-sandbox", "--hide-scrollbars"])
        try:
            yield opened
        finally:
            opened.close()


@contextmanager
def shown(browser: Any, address: str, *, width: int, height: int, **options: Any) -> Iterator[Any]:
    """A page of that size in a tab of its own, with nothing that moves."""
    size = {"width": width, "height": height}
    context = browser.new_context(viewport=size, reduced_motion="reduce", **options)
    context.set_default_timeout(1000 * SECONDS)
    try:
        page = context.new_page()
        page.goto(address)
        yield page
    finally:
        context.close()


def picture_of(page: Any, first: str | None = None, last: str | None = None, *, margin: int = 16) -> Image.Image:
    """What a page shows: its first screen, or all from the top of one element to the bottom of another.

    The elements are selectors; ``margin`` pixels are kept above and below. Without ``first`` it begins at the top.
    """
    given: dict[str, Any] = {"animations": "disabled"}
    if last is not None:
        bottom = _edge(page, last, "bottom") + margin
        top = 0 if first is None else _edge(page, first, "top") - margin
        given |= {"full_page": True, "clip": {"x": 0, "y": top, "width": _width(page), "height": bottom - top}}
    return Image.open(io.BytesIO(page.screenshot(**given)))


def wait_until_still(page: Any) -> None:
    """Wait until a page looks the same twice, half a second apart, for charts that come in one after the other.

    Raises:
        RuntimeError: if it doesn't in ``SECONDS``.
    """
    before = b""
    for _ in range(2 * SECONDS):
        now = page.screenshot(animations="disabled")
        if now == before:
            return
        before = now
        page.wait_for_timeout(500)
    raise RuntimeError(f"{page.url} does not come to rest")


def _edge(page: Any, selector: str, side: str) -> float:
    """Where an element's top or bottom is on the page."""
    found: float = page.locator(selector).first.evaluate(
        "(node, side) => node.getBoundingClientRect()[side] + window.scrollY", side
    )
    return found


def _width(page: Any) -> int:
    return int(page.viewport_size["width"])
