"""A game, or two on one map, as one HTML file that needs nothing else: ``python replay.py RUN --format html``.

The page's sources lie beside this module: ``page.html`` with its places, the style and the script in layers (data, the
state of the view, drawing). They are put into one file with the data, in which no text can end the place it stands in.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from envs.waybill.maps.uncleared import shown_terrain
from experiments.common.files import write_whole
from experiments.games.waybill.pages import advisers
from experiments.games.waybill.pages.game_data import tell_game
from experiments.games.waybill.pages.happenings import KINDS, MARKS
from experiments.games.waybill.pages.moments import pair_moments
from experiments.games.waybill.pages.symbols import land_image, symbol_sheet
from experiments.games.waybill.pages.turns import map_data
from experiments.games.waybill.watching import WeighedGame

PAGE_SOURCES = Path(__file__).parent
PAGE_STYLES = ("page.css", "slider.css", "board.css", "panels.css", "below.css")
PAGE_SCRIPTS = (
    "elements.js", "data.js", "facts.js", "view.js", "keys.js", "ground.js", "things.js", "board.js", "details.js",
    "charts.js", "series.js", "panels.js", "decision.js", "timeline.js", "events.js", "main.js",
)  # fmt: skip


def page_data(games: Sequence[WeighedGame], *, planner: str | None, command: str) -> dict[str, Any]:
    """All that a page shows, of one game or of two on the same map, as plain JSON."""
    level, pool = games[0].game.level, games[0].game.map_pool()
    effort = advisers.effort_on(level, planner)
    told = [tell_game(watched, planner=effort) for watched in games]
    moments = pair_moments(told[0].course, told[1].course) if len(told) == 2 else []
    return {
        "format": "waybill page",
        "version": 1,
        "command": command,
        "marks": list(MARKS),
        "kinds": KINDS,
        "map": map_data(pool, 0, level),
        "games": [one.data for one in told],
        "moments": [moment._asdict() for moment in moments],
    }


def page_text(
    data: dict[str, Any],
    *,
    land: str,
    symbols: str,
    connect: str = "connect-src 'none'",
    styles: Sequence[Path] = (),
    scripts: Sequence[Path] = (),
) -> str:
    """The whole page as text: the sources with the data in their places.

    Args:
        connect: where the page may ask for anything.
        styles, scripts: more of them, after the page's own.
    """
    players = " against ".join(game["player"] for game in data["games"])
    title = f"{players} on {data['map']['level']}, map {data['map']['map_seed']}"
    text = (PAGE_SOURCES / "page.html").read_text(encoding="utf-8")
    places = {
        "title": escape(title),
        "connect": connect,
        "style": _joined([*(PAGE_SOURCES / name for name in PAGE_STYLES), *styles]),
        "script": _joined([*(PAGE_SOURCES / name for name in PAGE_SCRIPTS), *scripts]),
        "symbols": symbols,
        "land": land,
        "data": safe_json(data),
    }
    before, *rest = text.split("{{")
    parts = [before]
    for part in rest:
        name, after = part.split("}}", 1)
        parts += [places[name], after]
    return "".join(parts)


def _joined(paths: Sequence[Path]) -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in paths)


def safe_json(data: Any) -> str:
    """Data as JSON that can stand in a ``<script>``: no text in it can end the element or begin another."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def write_page(path: Path, games: Sequence[WeighedGame], *, planner: str | None, command: Sequence[str]) -> None:
    """Write the page of a game, or of two on the same map, whole or not at all.

    Args:
        planner: the effort with which the planner is asked, None for the level's; see ``advisers``.
        command: the words that make this page again.
    """
    game = games[0].game
    data = page_data(games, planner=planner, command=shlex.join(command))
    terrain = shown_terrain(game.map_pool(), 0, game.level)
    text = page_text(data, land=land_image(terrain), symbols=symbol_sheet(game.level))
    write_whole(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))
