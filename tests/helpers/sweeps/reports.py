"""Run folders for the tests of reports, written as train.py writes them but without training, and a page's reader."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import OmegaConf

from experiments.common.curves import Curves
from experiments.config.reading import Setup
from experiments.games.waybill.evaluation import MapGames
from experiments.runs import commands, results, seeds
from tiny import COMMON, tiny_setup

MAPS = 6  # held-out, as in COMMON
MADE = {
    "finished": "2026-01-01T00:00:00+00:00",
    "commit": {"id": "a" * 40, "dirty": False},
    "versions": {"python": "3.11.7", "torch": "2.13.0"},
    "machine": {"system": "Linux", "processor": "x86_64"},
}
STAGES = ("extractor", "dig", "sell", "profit")


def put(
    folder: Path,
    *overrides: str,
    scores: Sequence[float | None],
    curve: Sequence[Sequence[float]] = ((0, 0.0), (400, 300.0), (800, 600.0)),
    first: int = 0,
    events: bool = False,
    players: Sequence[str] = ("random", "greedy", "planner"),
    typed: bool = True,
    **changes: Any,
) -> list[Path]:
    """A run for each score, of the seeds from ``first`` on, in ``folder``/0, /1, …; None is one that isn't finished.

    On map k a policy with score s gets s + k, the random player k, greedy 500 + k and the planner 1000 + k: its
    normalised score is s / 1000. A seed's curve is ``curve`` plus its score less the first one's.
    """
    made = []
    setup = tiny_setup(folder.parent, *overrides, f"seed={first}", f"seeds={len(scores)}")
    for one, score in zip(seeds.split(setup), scores, strict=True):
        own = folder / str(one.config.seed)
        own.mkdir(parents=True)
        made.append(own)
        lines = [commands.command_line([*COMMON, *overrides, f"seed={one.config.seed}"])] if typed else []
        (own / "config.yaml").write_text(commands.as_comments(lines) + OmegaConf.to_yaml(OmegaConf.create(one.plain)))
        if events:
            _put_events(own, 0.0 if score is None else score / 1000)
        if score is not None:
            shift = score - (scores[0] or 0.0)
            results.write_result(own, _result(one, score, [[x, y + shift] for x, y in curve], players) | MADE | changes)
    return made


def _result(setup: Setup, score: float, curve: list[list[float]], players: Sequence[str]) -> dict[str, Any]:
    levels = {"random": 0, "greedy": 500, "planner": 1000}
    games = {setup.names["agent"]: _played(score)} | {name: _played(levels[name]) for name in players}
    held_out = setup.domain.held_out(setup)
    return {
        "choices": setup.names,
        "seed": setup.config.seed,
        "device": "cpu",
        "env_steps": int(curve[-1][0]),
        "seconds": 1.0,
        "curve": curve,
        "scores": held_out.compare(games),
        **setup.domain.describe(setup),
    }


def _played(score: float) -> MapGames:
    none, some = np.zeros(MAPS, np.bool_), np.arange(MAPS)
    return MapGames((score + some).astype(np.int64), none, some * 0.0, some, none, False, {"wood": some})


def _put_events(folder: Path, share: float) -> None:
    curves = Curves(folder=folder, from_step=None)
    for step in (100, 200, 300):
        funnel = {f"game/funnel/{stage}": share * step / 300 for stage in STAGES}
        curves.add({"eval/score": 1000 * share * step / 300, **funnel}, step)
    curves.close()


class Page(HTMLParser):
    """What is on a page: ``tables`` by the heading before them, links to what is ``outside``, ``ids``, ``drawings``."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[list[str]]]] = {}
        self.outside: list[str] = []
        self.ids: list[str] = []
        self.headings: list[str] = []
        self.warnings: list[str] = []
        self.drawings = 0
        self._open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        links = [str(value) for key, value in attrs if key in ("src", "href", "xlink:href", "data", "srcset", "poster")]
        self.outside += [link for link in links if not link.startswith(("#", "data:image/"))]
        self.ids += [str(given["id"])] if "id" in given else []
        self.drawings += tag == "svg"
        if tag in ("h1", "h2", "h3"):
            self.headings.append("")
        elif tag == "table":
            self.tables.setdefault(self.headings[-1], []).append([])
        elif tag == "tr":
            self._table().append([])
        elif tag in ("td", "th"):
            self._table()[-1].append("")
        elif tag == "li":
            self.warnings.append("")
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        inside = self._open[-1] if self._open else ""
        if inside in ("h1", "h2", "h3"):
            self.headings[-1] += data
        elif inside in ("td", "th"):
            self._table()[-1][-1] += data
        elif inside == "li":
            self.warnings[-1] += data

    def _table(self) -> list[list[str]]:
        return self.tables[self.headings[-1]][-1]

    def rows(self, heading: str, number: int = 0) -> dict[str, dict[str, str]]:
        """A table's cells by row and column."""
        head, *rows = self.tables[heading][number]
        return {row[0]: dict(zip(head[1:], row[1:], strict=True)) for row in rows}


def changed(folder: Path, **changes: Any) -> None:
    """A result with other values."""
    results.write_result(folder, {**(results.read_result(folder) or {}), **changes})


def by_label(arms: Sequence[Any]) -> Mapping[str, Any]:
    """Arms by their labels."""
    return {arm.label: arm for arm in arms}
