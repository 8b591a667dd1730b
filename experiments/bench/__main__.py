"""Speed, measured side by side in one run: ``make bench`` or ``python -m experiments.bench [device=cuda] [rounds=5]``.

Only ratios within a run mean something on a shared machine; every figure is a median over rounds that take turns.
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
    Run,
    Training,
    batch_engine,
    sb3_training,
    single_engine,
)
from experiments.bench.split import gflops, split
from experiments.common.door import door
from experiments.common.progress import ProgressReport

SEEDS = 8
ENGINE_LEVELS = ("refine", "chain", "rivals", "fog")


def options(arguments: list[str]) -> tuple[torch.device, int]:
    """Device and rounds from ``device=`` and ``rounds=``.

    Raises:
        ValueError: for anything else.
    """
    given = {"device": "auto", "rounds": "3"}
    for argument in arguments:
        name, _, value = argument.partition("=")
        if name not in given or not value:
            raise ValueError(f"{argument!r} is unknown, allowed are device=auto|cpu|cuda and rounds=N")
        given[name] = value
    if not given["rounds"].isdigit() or int(given["rounds"]) < 1:
        raise ValueError(f"rounds={given['rounds']}, allowed are 1 and more")
    if given["device"] not in ("auto", "cpu", "cuda"):
        raise ValueError(f"device={given['device']}, allowed are auto, cpu and cuda")
    there = torch.cuda.is_available()
    if given["device"] == "cuda" and not there:
        raise ValueError("device=cuda is not there: this machine has no GPU that torch can use")
    return torch.device("cuda" if there and given["device"] != "cpu" else "cpu"), int(given["rounds"])


def measure(title: str, makers: Mapping[str, Callable[[], Run]], rounds: int) -> dict[str, list[float]]:
    """Rounds that take turns; the first call of each compiles and fills caches and isn't counted."""
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


def spread(values: list[float], digits: int = 0) -> str:
    """Median, lowest and highest."""
    return f"{median(values):,.{digits}f} ({min(values):,.{digits}f} … {max(values):,.{digits}f})"


def ratios(a: list[float], b: list[float]) -> str:
    """a over b, round by round."""
    return spread([x / y for x, y in zip(a, b, strict=True)], 1)


def show(title: str, headings: list[str], rows: list[list[str]]) -> None:
    """Print a table."""
    table = Table(title=title, title_justify="left")
    for k, heading in enumerate(headings):
        table.add_column(heading, justify="left" if k == 0 else "right")
    for row in rows:
        table.add_row(*row)
    Console(width=160).print(table)


def engine_table(rounds: int) -> None:
    """The engine alone."""
    makers: dict[str, Callable[[], Run]] = {
        f"{ENGINE_GAMES:,} games of {level}, one batch": partial(batch_engine, level) for level in ENGINE_LEVELS
    }
    makers["one gymnasium.make game of refine"] = single_engine
    speeds = measure("engine", makers, rounds)
    show("engine, env steps a second", ["what", "median"], [[k, spread(v)] for k, v in speeds.items()])


def against_sb3_table(device: torch.device, rounds: int) -> None:
    """Our DQN and Stable-Baselines3's."""
    rows = []
    for case in [case for case in CASES if isinstance(case.network, MLPSettings)]:
        makers: dict[str, Callable[[], Run]] = {
            "ours": lambda case=case: Training(case, device),  # type: ignore[misc]
            "many": lambda case=case: sb3_training(case, device, games=GAMES),  # type: ignore[misc]
            "one": lambda case=case: sb3_training(case, device, games=1),  # type: ignore[misc]
        }
        found = measure(case.name, makers, rounds)
        ours, many, one = found["ours"], found["many"], found["one"]
        rows.append([case.name, spread(ours), spread(many), ratios(ours, many), spread(one), ratios(ours, one)])
    show(
        f"training, env steps a second; batch {BATCH_SIZE}, an update for {STEPS_PER_UPDATE} steps, ours {GAMES} games",
        ["game and network", "ours", f"SB3, {GAMES} games", "ratio", "SB3, one game", "ratio"],
        rows,
    )


def split_table(device: torch.device) -> None:
    """Where our time goes."""
    parts = ["engine", "act", "remember", "sample", "update"]
    rows = []
    for case in CASES:
        spent = split(Training(case, device))
        total = sum(spent[part] for part in parts)
        row = [f"{spent[part]:,.0f} ({spent[part] / total:.0%})" for part in parts]
        rows.append([case.name, *row, f"{spent['floor']:,.0f} ({spent['floor'] / spent['update']:.0%})"])
    show(
        f"microseconds an env step; this machine multiplies matrices at {gflops(device):,.0f} GFLOP/s",
        ["game and network", *parts, "products of the update (share of it)"],
        rows,
    )


def seeds_table(device: torch.device, rounds: int) -> None:
    """What eight seeds in one process cost."""
    rows = []
    for case in CASES[1::2]:
        shorter = Case(case.name, case.game, case.network, case.steps // 4)
        makers: dict[str, Callable[[], Run]] = {
            "one": lambda case=case: Training(case, device),  # type: ignore[misc]
            "all": lambda shorter=shorter: Training(shorter, device, seeds=SEEDS),  # type: ignore[misc]
        }
        found = measure(f"{case.name}, {SEEDS} seeds", makers, rounds)
        one, joint = found["one"], found["all"]
        rows.append([case.name, spread(one), spread(joint), ratios(one, joint)])
    show(
        f"{SEEDS} seeds in one process, env steps a second of each",
        ["game and network", "one seed", f"{SEEDS} seeds", f"cost of {SEEDS}, in runs of one"],
        rows,
    )


@door("bench")
def main() -> None:
    """Measure and print the tables."""
    device, rounds = options(sys.argv[1:])
    torch.set_num_threads(1)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or platform.machine()
    print(f"median (lowest … highest) of {rounds} rounds; {os.cpu_count()} cores, device {name}, one network thread")
    engine_table(rounds)
    against_sb3_table(device, rounds)
    split_table(device)
    seeds_table(device, rounds)


if __name__ == "__main__":
    main()
