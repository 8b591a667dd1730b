"""Measures speed side by side in one run: ``make bench`` or ``python -m experiments.bench [device=cuda] [rounds=5]``.

``tables=engine,split`` prints only some of the tables; known are engine, sb3, split and seeds. Only ratios within a run
mean something on a shared machine; every figure is a median over rounds that take turns.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Mapping
from functools import partial
from statistics import median

import torch
from rich.console import Console
from rich.table import Table

from agents.networks.mlp import MLPSettings
from experiments.bench.cases import (
    BATCH_SIZE,
    CASES,
    ENGINE_GAMES,
    GAMES,
    STEPS_PER_UPDATE,
    Case,
    TimedRound,
    Training,
    batch_engine,
    sb3_training,
    single_engine,
)
from experiments.bench.split import gflops, split_time
from experiments.common.door import door
from experiments.common.progress import ProgressReport
from groundwork.errors import WaybillError

SEEDS = 8
ENGINE_LEVELS = ("refine", "chain", "rivals", "fog")


def options(arguments: list[str]) -> tuple[torch.device, int, list[str]]:
    """Device, rounds and the tables to print, from ``device=``, ``rounds=`` and ``tables=``.

    Raises:
        WaybillError: for anything else.
    """
    given = {"device": "auto", "rounds": "3", "tables": ",".join(TABLES)}
    for argument in arguments:
        name, _, value = argument.partition("=")
        if name not in given or not value:
            raise WaybillError(f"{argument!r} is unknown, allowed are device=auto|cpu|cuda, rounds=N and tables=…")
        given[name] = value
    if not given["rounds"].isdigit() or int(given["rounds"]) < 1:
        raise WaybillError(f"rounds={given['rounds']}, allowed are 1 and more")
    if given["device"] not in ("auto", "cpu", "cuda"):
        raise WaybillError(f"device={given['device']}, allowed are auto, cpu and cuda")
    tables = given["tables"].split(",")
    if not set(tables) <= TABLES.keys():
        raise WaybillError(f"tables={given['tables']}, allowed are some of {','.join(TABLES)}")
    there = torch.cuda.is_available()
    if given["device"] == "cuda" and not there:
        raise WaybillError("device=cuda is not there: this machine has no GPU that torch can use")
    return torch.device("cuda" if there and given["device"] != "cpu" else "cpu"), int(given["rounds"]), tables


def time_rounds(title: str, makers: Mapping[str, Callable[[], TimedRound]], rounds: int) -> dict[str, list[float]]:
    """Speeds by label, of rounds that take turns; making each compiles and fills caches and isn't counted."""
    speeds: dict[str, list[float]] = {}
    with ProgressReport(title=title, total=(rounds + 1) * len(makers)) as progress:
        runs = {}
        for label, make in makers.items():
            runs[label] = make()
            progress.update(len(runs))
        for i in range(rounds):
            for k, (label, run) in enumerate(runs.items()):
                speeds.setdefault(label, []).append(run())
                progress.update((i + 1) * len(runs) + k + 1)
    return speeds


def median_and_range(values: list[float], digits: int = 0) -> str:
    """Median with the lowest and the highest value."""
    return f"{median(values):,.{digits}f} ({min(values):,.{digits}f} … {max(values):,.{digits}f})"


def ratios(a: list[float], b: list[float]) -> str:
    """Median and range of a over b, round by round."""
    return median_and_range([x / y for x, y in zip(a, b, strict=True)], 1)


def print_rows(title: str, headings: list[str], rows: list[list[str]]) -> None:
    """Print a table."""
    table = Table(title=title, title_justify="left")
    for k, heading in enumerate(headings):
        table.add_column(heading, justify="left" if k == 0 else "right")
    for row in rows:
        table.add_row(*row)
    Console(width=160).print(table)


def engine_table(device: torch.device, rounds: int) -> None:
    """Print how fast the engine steps, without an agent."""
    makers: dict[str, Callable[[], TimedRound]] = {
        f"{ENGINE_GAMES:,} games of {level}, one batch": partial(batch_engine, level) for level in ENGINE_LEVELS
    }
    makers["one gymnasium.make game of refine"] = single_engine
    speeds = time_rounds("engine", makers, rounds)
    print_rows("engine, env steps a second", ["what", "median"], [[k, median_and_range(v)] for k, v in speeds.items()])


def against_sb3_table(device: torch.device, rounds: int) -> None:
    """Print how fast our DQN and Stable-Baselines3's train."""
    rows = []
    for case in [case for case in CASES if isinstance(case.network, MLPSettings)]:
        makers: dict[str, Callable[[], TimedRound]] = {
            "ours": partial(Training, case, device),
            "many": partial(sb3_training, case, device, games=GAMES),
            "one": partial(sb3_training, case, device, games=1),
        }
        speeds = time_rounds(case.name, makers, rounds)
        ours, many, one = speeds["ours"], speeds["many"], speeds["one"]
        theirs = [median_and_range(many), ratios(ours, many), median_and_range(one), ratios(ours, one)]
        rows.append([case.name, median_and_range(ours), *theirs])
    print_rows(
        f"training, env steps a second; batch {BATCH_SIZE}, an update for {STEPS_PER_UPDATE} steps, ours {GAMES} games",
        ["game and network", "ours", f"SB3, {GAMES} games", "ratio", "SB3, one game", "ratio"],
        rows,
    )


def split_table(device: torch.device, rounds: int) -> None:
    """Print where our DQN's time goes, measured over one round of training."""
    parts = ["engine", "act", "remember", "sample", "update"]
    rows = []
    for case in CASES:
        spent = split_time(Training(case, device))
        total = sum(spent[part] for part in parts)
        row = [f"{spent[part]:,.0f} ({spent[part] / total:.0%})" for part in parts]
        rows.append([case.name, *row, f"{spent['floor']:,.0f} ({spent['floor'] / spent['update']:.0%})"])
    print_rows(
        f"microseconds an env step; this machine multiplies matrices at {gflops(device):,.0f} GFLOP/s",
        ["game and network", *parts, "products of the update (share of it)"],
        rows,
    )


def seeds_table(device: torch.device, rounds: int) -> None:
    """Print what eight seeds in one process cost."""
    rows = []
    for case in CASES[1::2]:
        shorter = Case(case.name, case.game, case.network, case.steps // 4)
        makers: dict[str, Callable[[], TimedRound]] = {
            "one": partial(Training, case, device),
            "all": partial(Training, shorter, device, seeds=SEEDS),
        }
        speeds = time_rounds(f"{case.name}, {SEEDS} seeds", makers, rounds)
        one, joint = speeds["one"], speeds["all"]
        rows.append([case.name, median_and_range(one), median_and_range(joint), ratios(one, joint)])
    print_rows(
        f"{SEEDS} seeds in one process, env steps a second of each",
        ["game and network", "one seed", f"{SEEDS} seeds", f"cost of {SEEDS}, in runs of one"],
        rows,
    )


TABLES = {"engine": engine_table, "sb3": against_sb3_table, "split": split_table, "seeds": seeds_table}


@door("bench")
def main() -> None:
    """Measure and print the tables."""
    device, rounds, tables = options(sys.argv[1:])
    torch.set_num_threads(1)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or platform.machine()
    print(f"median (lowest … highest) of {rounds} rounds; {os.cpu_count()} cores, device {name}, one network thread")
    for table in tables:
        TABLES[table](device, rounds)


if __name__ == "__main__":
    main()
