"""Measures what action spaces leave of good play: ``python -m experiments.studies.coverage [ACTIONS …]``.

Recall is how often the planner's order is one that the space offers in that state; PASS, which every space offers, does
not count. The ceiling is the planner's score when it and all that it foresees of itself are confined to the space: no
agent that acts there can be expected to play better. Not proven, as the planner searches; more search may find more.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from envs.waybill.actions.confined import confined_to
from envs.waybill.batch import Batch
from envs.waybill.core import levels
from envs.waybill.core.levels import LevelConfig
from envs.waybill.core.scratch import make_scratch
from envs.waybill.core.state import ORDER, PASS, VERBS, records
from envs.waybill.options import GameOptions
from envs.waybill.players import play
from envs.waybill.players.play import PlayedGames
from envs.waybill.players.scripted import decide_scripted
from envs.waybill.rules.game import play_turns, start_games
from experiments.common.door import Parser, door
from experiments.common.files import write_whole
from experiments.common.progress import ProgressReport
from experiments.common.statistics import Interval, interval_text, mean_interval, normalised
from experiments.config.groups import check_candidates, check_count, check_first_seed
from experiments.runs.results import provenance
from groundwork.errors import WaybillError

SPACES = ("heuristic", "random_k", "buckets", "masked")


class Coverage(NamedTuple):
    """What an action space leaves of the planner's play, on N maps."""

    n_actions: int
    offered: np.ndarray  # bool [N, horizon], of the planner's orders
    given: np.ndarray  # bool [N, horizon], where there is one other than PASS
    ceiling: np.ndarray  # int64 [N], coins

    @property
    def recall(self) -> np.ndarray:
        """Share of the planner's orders that are offered, by map: float64 [N]; 1 where it gave none."""
        count = self.given.sum(axis=1)
        return np.where(count > 0, (self.offered & self.given).sum(axis=1) / np.maximum(count, 1), 1.0)

    def by_verb(self, orders: np.ndarray) -> dict[str, float]:
        """Recall over all maps for each verb that the planner used in its orders [N, horizon]."""
        found = {}
        for verb, name in enumerate(VERBS):
            mine = self.given & (orders["verb"] == verb)
            if mine.any():
                found[name] = float(self.offered[mine].mean())
        return found


def plan_games(
    level: LevelConfig, maps: np.ndarray, *, title: str, threads: int, progress: bool, **options: Any
) -> PlayedGames:
    """The planner's games on maps [N], with ``options`` of ``play``."""
    with ProgressReport(title=title, total=len(maps), enabled=progress) as report:
        report.update(0)
        told = partial(_tell, report)
        return play.play_games("planner", level, maps, threads=threads, progress=told, **options)


def _tell(report: ProgressReport, done: int, _: int) -> None:
    report.update(done)


def measure_coverage(
    level: LevelConfig,
    maps: np.ndarray,
    games: PlayedGames,
    *,
    actions: str,
    candidates: int = 32,
    cells: int = 4,
    threads: int = 2,
    progress: bool = True,
) -> Coverage:
    """What an action space leaves of the planner's ``games`` on consecutive maps [N].

    Raises:
        WaybillError: in one line, for a space that isn't one or has not these sizes on the level.
    """
    confined = confined_to(actions, candidates=candidates, cells=cells)
    options = GameOptions(
        level=level, reward="sparse", gamma=1.0, actions=actions, candidates=candidates, cells=cells,
        encoding="coordinates", maps=(int(maps[0]), len(maps)),
    )  # fmt: skip
    batch = Batch(options, num_envs=len(maps), in_order=True, threads=threads)
    offered, given = _replay(batch, games)
    if confined is None:
        return Coverage(batch.space.n_actions, offered, given, games.score)
    title = f"the planner in {actions}"
    ceiling = plan_games(level, maps, title=title, threads=threads, progress=progress, confined=confined).score
    return Coverage(batch.space.n_actions, offered, given, ceiling)


def _replay(batch: Batch, games: PlayedGames) -> tuple[np.ndarray, np.ndarray]:
    """Which of the games' orders the space offers, and which there are beside PASS: bool [N, horizon] each."""
    level, n = batch.level, len(games.score)
    record, scratch, given = level.record(), make_scratch(), games.orders["verb"] != PASS
    scratch.script[:] = level.script()
    given &= np.arange(level.horizon) < games.length[:, None]
    offered, orders = np.zeros(given.shape, np.bool_), records(n * batch.n_seats, ORDER).reshape(n, batch.n_seats)
    start_games(batch.states, batch.pool, record, np.arange(n), np.arange(n, dtype=np.uint64), 0, n)
    for turn in range(level.horizon):
        if batch.space.groups is not None:
            batch.look()
        offered[:, turn] = batch.offers(games.orders[:, turn])
        decide_scripted(batch.states, batch.pool, record, scratch, orders, 0, n)
        orders[:, 0] = games.orders[:, turn]
        play_turns(batch.states, batch.pool, record, orders, scratch, 0, n)
    return offered, given


def run_coverage(
    actions: Sequence[str], *, level: str, maps: int, map_seed: int, candidates: int, cells: int, out: Path | None,
    threads: int = 2, progress: bool = True,
) -> dict[str, Any]:  # fmt: skip
    """Measure action spaces on a level, print and save; returns what the JSON file holds.

    Raises:
        WaybillError: in one line, if anything given is no good.
    """
    chosen, file = levels.load_level(level), Path(f"runs/coverage_{level}.json") if out is None else out
    _check(actions, chosen, maps, map_seed, candidates, cells)
    seeds = np.arange(map_seed, map_seed + maps, dtype=np.uint64)
    random = play.play_games("random", chosen, seeds, threads=threads).score
    games = plan_games(chosen, seeds, title="the planner", threads=threads, progress=progress)
    sizes = {"candidates": candidates, "cells": cells}
    spaces = {
        name: measure_coverage(chosen, seeds, games, actions=name, **sizes, threads=threads, progress=progress)
        for name in dict.fromkeys(actions)
    }
    rows = {name: _row(found, games, random) for name, found in spaces.items()}
    planner = {"mean": mean_interval(games.score)._asdict(), "by_map": games.score.tolist()}
    where = {"level": level, "maps": {"first": map_seed, "count": maps}, **sizes}
    found = {**where, "planner": planner, "actions": rows, **provenance()}
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, lambda temporary: temporary.write_text(json.dumps(found, indent=1) + "\n"))
    _print(f"{level}, {maps} maps from seed {map_seed}: the planner earns {planner['mean']['mean']:,.0f}", rows)
    print(f"numbers: {file}\ntrain:   python train.py level={level} actions={next(iter(rows))}")
    return found


def _check(actions: Sequence[str], level: LevelConfig, maps: int, map_seed: int, candidates: int, cells: int) -> None:
    check_count(maps, "--maps", "maps")
    check_first_seed(map_seed, "--map-seed", "maps")
    check_candidates(candidates, "--candidates")
    if not 1 <= cells <= level.side:
        raise WaybillError(
            f"--cells={cells} is not allowed, it must be 1..{level.side}, the side of level {level.name}"
        )
    for name in actions:
        confined_to(name, candidates=candidates, cells=cells)


def _row(found: Coverage, games: PlayedGames, random: np.ndarray) -> dict[str, Any]:
    share = normalised(found.ceiling, random, games.score)
    return {
        "n_actions": found.n_actions,
        "recall": mean_interval(found.recall)._asdict(),
        "recall_by_verb": found.by_verb(games.orders),
        "ceiling": mean_interval(found.ceiling)._asdict(),
        "ceiling_by_map": found.ceiling.tolist(),
        "normalised_ceiling": None if share is None else share._asdict(),
    }


def _print(title: str, rows: dict[str, dict[str, Any]]) -> None:
    console, table = Console(), Table()
    console.print(f"[bold]{title}[/bold]", highlight=False)
    for name in ("actions", "size", "recall", "ceiling", "normalised"):
        table.add_column(name, justify="left" if name == "actions" else "right")
    for name, row in rows.items():
        share = row["normalised_ceiling"]
        table.add_row(
            name,
            f"{row['n_actions']:,}",
            interval_text(Interval(**row["recall"]), ".2f"),
            interval_text(Interval(**row["ceiling"]), ",.0f"),
            "–" if share is None else interval_text(Interval(**share), ".2f"),
        )
    console.print(table)


def _arguments() -> argparse.Namespace:
    parser = Parser(prog="python -m experiments.studies.coverage", description=__doc__)
    parser.add_argument("actions", metavar="ACTIONS", nargs="*", default=list(SPACES),
                        help=f"action spaces (default: {' '.join(SPACES)})")  # fmt: skip
    parser.add_argument("--level", default="refine", help="default: %(default)s")
    parser.add_argument("--maps", type=int, default=32, help="number of held-out maps (default: %(default)s)")
    parser.add_argument("--map-seed", type=int, default=0, help="the first map's seed (default: %(default)s)")
    parser.add_argument("--candidates", type=int, default=32, help="slots of reducers (default: %(default)s)")
    parser.add_argument("--cells", type=int, default=4, help="a side, of buckets (default: %(default)s)")
    parser.add_argument("--out", type=Path, metavar="FILE.json", help="default: runs/coverage_LEVEL.json")
    return parser.parse_args()


@door("coverage")
def main() -> None:
    """The command."""
    run_coverage(**vars(_arguments()))


if __name__ == "__main__":
    main()
