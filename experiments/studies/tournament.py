"""Lets all players play against all: python -m experiments.studies.tournament greedy planner runs/RUN … [--maps 50].

Players are random, greedy, planner and run folders (their best policy, whatever their encoding and action space), also
as runs/RUN@20ms, which searches so long before each order. Each pair plays every map twice, with seats swapped; who has
more cash at the horizon wins, who is bankrupt loses. Prints ratings and who beats whom how often, and saves a picture
and all games.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from rich.console import Console
from rich.table import Table

from envs.waybill.core import levels
from envs.waybill.core.levels import LevelConfig
from experiments.common.door import Parser, door
from experiments.common.files import write_whole
from experiments.common.machine import cores
from experiments.common.progress import ProgressReport
from experiments.common.statistics import Interval, mean_interval
from experiments.config.choices import may_name_code
from experiments.config.errors import check_device
from experiments.config.groups import check_count, check_first_seed
from experiments.config.rivals import STAND_IN
from experiments.runs.results import provenance
from experiments.studies.ratings import Rating, rate, win_shares
from groundwork.errors import WaybillError

if TYPE_CHECKING:
    from experiments.games.waybill.arena import ArenaGames

Matches: TypeAlias = "dict[tuple[str, str], ArenaGames]"  # (player in seat 0, player in seat 1) → their games


def compete(
    players: Sequence[str], *, level: LevelConfig, first: int, maps: int, device: str = "auto", progress: bool = True
) -> Matches:
    """Play all games of all pairs, with seats swapped, on a level for two.

    Raises:
        WaybillError: in one line, if a player isn't there or doesn't fit the level.
    """
    from experiments.games.waybill.arena import Arena

    two = dataclasses.replace(level, rivals=[STAND_IN])
    arena = Arena(level=two, first=first, maps=maps, device=device, threads=cores())
    arena.check(players)
    matches = [pair for a, b in combinations(players, 2) for pair in ((a, b), (b, a))]
    games: Matches = {}
    with ProgressReport(title="tournament", total=len(matches) * maps, enabled=progress) as report:
        for k, pair in enumerate(matches):

            def report_share(share: float, text: str, k: int = k, pair: tuple[str, str] = pair) -> None:
                report.update(int((k + share) * maps), text or " against ".join(pair))

            games[pair] = arena.play(pair, report_share)
    return games


def shares_of(games: Matches, players: Sequence[str]) -> dict[tuple[str, str], np.ndarray]:
    """(a, b) → which share of the two games on each map a won against b [maps]."""
    wins = {pair: _won(played) for pair, played in games.items()}
    return {(a, b): (wins[a, b] + 1.0 - wins[b, a]) / 2 for a, b in combinations(players, 2)}


def _won(played: ArenaGames) -> np.ndarray:
    """Whether seat 0 won, float64 [maps]: 1 where it did, 0 where it lost, ½ for a draw."""
    lead = played.standing[:, 0] - played.standing[:, 1]
    return (np.sign(lead) + 1) / 2


def labels_of(players: Sequence[str]) -> dict[str, str]:
    """A short name for each player: as much of the end of its path as tells it from the others."""
    parts = {player: Path(player).parts for player in players}
    for length in range(1, 1 + max(len(path) for path in parts.values())):
        short = {player: "/".join(path[-length:]) for player, path in parts.items()}
        if len(set(short.values())) == len(players):
            break
    return short


def run_tournament(
    players: Sequence[str], *, level: str, maps: int, map_seed: int, out: Path, device: str, progress: bool = True
) -> dict[str, Any]:
    """Play, print and save a tournament; returns what the JSON file holds.

    Raises:
        WaybillError: in one line, if anything given is no good.
    """
    _check(players, maps, map_seed, out)
    check_device(device)
    chosen = levels.load_level(level)
    games = compete(players, level=chosen, first=map_seed, maps=maps, device=device, progress=progress)
    shares = shares_of(games, players)
    ratings, matrix = rate(shares), win_shares(shares)
    found = {
        "level": level,
        "maps": {"first": map_seed, "count": maps},
        "ratings": {player: rating._asdict() for player, rating in ratings.items()},
        "wins": [{"player": a, "against": b, **interval._asdict()} for (a, b), interval in matrix.items()],
        "games": _listed(games, map_seed),
        **provenance(),
    }
    _print(f"{level} for two, {maps} maps from seed {map_seed}, seats swapped", games, ratings, matrix)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(out.with_suffix(".json"), lambda temporary: temporary.write_text(json.dumps(found, indent=1) + "\n"))
    draw_matrix(out, ratings, matrix, title=f"{level}: how often the row beats the column, {maps} maps")
    print(f"picture: {out}\ngames:   {out.with_suffix('.json')}")
    return found


def _check(players: Sequence[str], maps: int, map_seed: int, out: Path) -> None:
    named = [str(Path(player)) for player in players]
    if len(named) < 2 or len(set(named)) < len(named):
        raise WaybillError(f"players {', '.join(named)}: a tournament needs two or more, each once")
    if out.suffix.lower() != ".png":
        raise WaybillError(f"--out={out} is not allowed, it must end in .png")
    check_count(maps, "--maps", "maps")
    check_first_seed(map_seed, "--map-seed", "maps")


def _listed(games: Matches, first: int) -> list[dict[str, Any]]:
    """Every game as plain data, for the JSON file."""
    return [
        {"map_seed": first + i, "players": list(pair), "cash": cash, "bankrupt": bankrupt}
        for pair, played in games.items()
        for i, (cash, bankrupt) in enumerate(zip(played.cash.tolist(), played.bankrupt.tolist(), strict=True))
    ]


def _print(title: str, games: Matches, ratings: dict[str, Rating], matrix: dict[tuple[str, str], Interval]) -> None:
    names, console = labels_of(list(ratings)), Console()
    console.print(f"[bold]{title}[/bold]", highlight=False)
    table = Table()
    for heading in ("player", "rating", "±", "cash", *(f"beats {names[player]}" for player in ratings)):
        table.add_column(heading, justify="left" if heading == "player" else "right", overflow="fold")
    for player, rating in ratings.items():
        cash = [played.cash[:, pair.index(player)] for pair, played in games.items() if player in pair]
        mean = mean_interval(np.mean(cash, axis=0)).mean
        cells = ["–" if other == player else share_text(matrix[player, other]) for other in ratings]
        table.add_row(names[player], f"{rating.mean:.1f}", f"{1.96 * rating.deviation:.1f}", f"{mean:,.0f}", *cells)
    console.print(table)


def share_text(share: Interval) -> str:
    """A share of games with its interval, in per cent."""
    return f"{share.mean:.0%} ({100 * share.low:.0f}–{100 * share.high:.0f})"


def draw_matrix(out: Path, ratings: dict[str, Rating], matrix: dict[tuple[str, str], Interval], *, title: str) -> None:
    """Draw who beats whom how often as a matrix, the strongest player first, into a PNG file."""
    from matplotlib.figure import Figure

    names, players = labels_of(list(ratings)), list(ratings)
    values = np.array([[matrix[a, b].mean if a != b else np.nan for b in players] for a in players])
    figure = Figure(figsize=(2.5 + 1.5 * len(players), 1.8 + 0.8 * len(players)), layout="constrained", dpi=120)
    axes = figure.subplots()
    axes.imshow(values, cmap="RdBu", vmin=0.0, vmax=1.0, aspect="auto")
    for i, a in enumerate(players):
        for j, b in enumerate(players):
            if a != b:
                share = matrix[a, b]
                text = f"{share.mean:.0%}\n{share.low:.0%} … {share.high:.0%}"
                dark = abs(share.mean - 0.5) > 0.3
                axes.text(j, i, text, ha="center", va="center", fontsize=9, color="white" if dark else "black")
    rows = [f"{names[a]}\n{ratings[a].mean:.1f} ± {1.96 * ratings[a].deviation:.1f}" for a in players]
    axes.set_yticks(range(len(players)), rows, fontsize=9)
    axes.set_xticks(range(len(players)), [names[b] for b in players], rotation=20, ha="right", fontsize=9)
    axes.set_title(title, fontsize=10)
    write_whole(out, lambda temporary: figure.savefig(temporary, format="png"))


def _arguments() -> argparse.Namespace:
    parser = Parser(prog="python -m experiments.studies.tournament", description=__doc__)
    parser.add_argument(
        "players",
        metavar="PLAYER",
        nargs="+",
        help="random, greedy, planner, a run folder, or FOLDER@20ms, which thinks before it acts",
    )
    parser.add_argument("--level", default="rivals", help="its rivals are replaced by one (default: %(default)s)")
    parser.add_argument("--maps", type=int, default=50, help="number of held-out maps (default: %(default)s)")
    parser.add_argument("--map-seed", type=int, default=0, help="the first map's seed (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("runs/tournament.png"), metavar="FILE.png",
                        help="picture of who beats whom; the games go beside it (default: %(default)s)")  # fmt: skip
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: %(default)s)")
    parser.add_argument("--trust", action="store_true", help="a run that isn't yours may name code, which then runs")
    return parser.parse_args()


@door("tournament")
def main() -> None:
    """The command."""
    options = vars(_arguments())
    may_name_code(options.pop("trust"))
    run_tournament(**options)


if __name__ == "__main__":
    main()
