"""The tables of the benchmark: speeds of things that take turns in one run, and what they are to each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from statistics import median
from typing import NamedTuple

import torch
from rich.console import Console
from rich.table import Table

from agents.networks.candidates import CandidateSettings
from agents.networks.mlp import MLPSettings
from experiments.bench.cases import (
    BATCH_SIZE,
    CASES,
    ENGINE_GAMES,
    GAMES,
    REPLAYED,
    STEPS_PER_UPDATE,
    Case,
    TimedRound,
    Training,
    as_trained,
    batch_engine,
    sb3_training,
    single_engine,
)
from experiments.bench.diagnosed import measure_costs
from experiments.bench.saves import measure_saves
from experiments.bench.split import gflops, split_time
from experiments.common.machine import cores
from experiments.common.progress import ProgressReport

SEEDS, LARGE_BATCH = 8, 16_384
_TRAINING = f"env steps a second of training; batch {BATCH_SIZE}, an update for {STEPS_PER_UPDATE} steps"
ENGINE_LEVELS = ("refine", "chain", "rivals", "fog")


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


def ratios(a: list[float], b: list[float], digits: int = 1) -> str:
    """Median and range of a over b, round by round."""
    return median_and_range([x / y for x, y in zip(a, b, strict=True)], digits)


class Found(NamedTuple):
    """A table of figures."""

    title: str
    headings: list[str]
    rows: list[list[str]]

    def print(self) -> None:
        """Show it on the terminal."""
        table = Table(title=self.title, title_justify="left")
        for k, heading in enumerate(self.headings):
            table.add_column(heading, justify="left" if k == 0 else "right")
        for row in self.rows:
            table.add_row(*row)
        Console(width=160).print(table)

    def markdown(self) -> str:
        """The table for a page, below its title."""
        lines = [self.headings, ["---"] * len(self.headings), *self.rows]
        return f"### {self.title}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines)


def engine_table(device: torch.device, rounds: int) -> Found:
    """How fast the engine steps, without an agent."""
    makers: dict[str, Callable[[], TimedRound]] = {
        f"{ENGINE_GAMES:,} games of {level}, one batch": partial(batch_engine, level) for level in ENGINE_LEVELS
    }
    makers["one gymnasium.make game of refine"] = single_engine
    speeds = time_rounds("engine", makers, rounds)
    return Found(
        "engine, env steps a second", ["what", "median"], [[k, median_and_range(v)] for k, v in speeds.items()]
    )


def against_sb3_table(device: torch.device, rounds: int) -> Found:
    """How fast our DQN and Stable-Baselines3's train."""
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
    return Found(
        f"against Stable-Baselines3, {_TRAINING}, ours {GAMES} games",
        ["game and network", "ours", f"SB3, {GAMES} games", "ratio", "SB3, one game", "ratio"],
        rows,
    )


def train_table(device: torch.device, rounds: int) -> Found:
    """How fast ``make train`` trains, without its evaluations and curves: on one thread and on all."""
    case = as_trained()
    makers: dict[str, Callable[[], TimedRound]] = {
        "one thread": partial(Training, case, device, threads=1), "all": partial(Training, case, device)
    }  # fmt: skip
    one, every = time_rounds(case.name, makers, rounds).values()
    return Found(
        f"training as make train does, env steps a second; {cores()} cores",
        ["game and network", "one thread", "all cores", "ratio"],
        [[case.name, median_and_range(one), median_and_range(every), ratios(every, one)]],
    )


def against_jax_table(device: torch.device, rounds: int) -> Found:
    """How fast our DQN and one that JAX compiles whole train on CartPole-v1, at equal work; needs the extra ``jax``."""
    from experiments.bench.jax_dqn import JAXTraining

    rows = []
    for case in [case for case in CASES if case.game == "CartPole-v1"]:
        theirs = partial(
            JAXTraining, case.network.width, games=GAMES, batch_size=BATCH_SIZE, steps_per_update=STEPS_PER_UPDATE,
            steps=case.steps,
        )  # fmt: skip
        speeds = time_rounds(f"{case.name}, JAX", {"ours": partial(Training, case, device), "jax": theirs}, rounds)
        ours, jax = speeds["ours"], speeds["jax"]
        rows.append([case.name, median_and_range(ours), median_and_range(jax), ratios(ours, jax, 2)])
    return Found(
        f"against JAX, {_TRAINING}, {GAMES} games",
        ["game and network", "ours", "JAX, compiled whole", "ratio"],
        rows,
    )


def split_table(device: torch.device, rounds: int) -> Found:
    """Where our DQN's time goes, measured over one round of training."""
    parts = ["engine", "act", "remember", "sample", "update"]
    rows = []
    for case in CASES:
        spent = split_time(Training(case, device))
        total = sum(spent[part] for part in parts)
        row = [f"{spent[part]:,.0f} ({spent[part] / total:.0%})" for part in parts]
        rows.append([case.name, *row, f"{spent['floor']:,.0f} ({spent['floor'] / spent['update']:.0%})"])
    return Found(
        f"microseconds an env step; this machine multiplies matrices at {gflops(device):,.0f} GFLOP/s",
        ["game and network", *parts, "products of the update (share of it)"],
        rows,
    )


def seeds_table(device: torch.device, rounds: int) -> Found:
    """What eight seeds in one process cost."""
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
    return Found(
        f"{SEEDS} seeds in one process, env steps a second of each",
        ["game and network", "one seed", f"{SEEDS} seeds", f"cost of {SEEDS}, in runs of one"],
        rows,
    )


def regimes_table(device: torch.device, rounds: int) -> Found:
    """What large batches bring where products are cheap: as many transitions are replayed for each step."""
    rows = []
    for game, network, count in (
        ("CartPole-v1", MLPSettings(width=[256, 256], layer_norm=False), 4096), ("rivals", CandidateSettings(), 1024),
    ):  # fmt: skip
        size = LARGE_BATCH if device.type == "cuda" else LARGE_BATCH // 16
        strict = Case(game, game, network, 16_384 if device.type == "cuda" else 1024)
        large = Case(game, game, network, max(8 * count, 4 * size // REPLAYED), count=count, batch_size=size)
        makers: dict[str, Callable[[], TimedRound]] = {
            "strict": partial(Training, strict, device), "large": partial(Training, large, device)
        }  # fmt: skip
        one, other = time_rounds(f"{game}, {size:,} a batch", makers, rounds).values()
        named = f"{median_and_range(other)}; {count:,} games, batch {size:,}"
        rows.append([game, median_and_range(one), named, ratios(other, one)])
    return Found(
        f"batches, env steps a second of training; {REPLAYED} transitions replayed for each step",
        ["game", f"{GAMES} games, batch {BATCH_SIZE}", "large", "ratio"],
        rows,
    )


def diagnostics_table(device: torch.device, rounds: int) -> Found:
    """What the diagnostics cost beside the training of ``make train``."""
    costs = measure_costs(rounds)
    rows = [
        [name, f"{1000 * cost.own:,.0f}", f"{cost.own / costs.interval:.2%}", f"{1000 * cost.drawing:,.0f}"]
        for name, cost in costs.parts.items()
    ]
    own, drawing = (sum(column) for column in zip(*costs.parts.values(), strict=True))
    rows.append(["all", f"{1000 * own:,.0f}", f"{own / costs.interval:.2%}", f"{1000 * drawing:,.0f}"])
    return Found(
        f"diagnostics of one evaluation, for each of which there are {costs.interval:.1f} s of training",
        ["part", "ms of the training", "share of it", "ms of the process that draws"],
        rows,
    )


def saves_table(device: torch.device, rounds: int) -> Found:
    """What checkpoints cost beside the training of ``make train``."""
    cost = measure_saves(rounds)
    row = [f"{1000 * cost.held_up:,.0f}", f"{1000 * cost.slower:,.0f}", f"{cost.megabytes:,.0f}", f"{cost.share:.2%}"]
    return Found(
        f"a checkpoint, for each of which there are {cost.interval:.1f} s of training",
        [
            "ms that training is held up",
            "ms longer beside the writing",
            "MB written",
            "share of training",
        ],
        [row],
    )


TABLES = {
    "engine": engine_table, "train": train_table, "jax": against_jax_table, "sb3": against_sb3_table,
    "split": split_table, "seeds": seeds_table, "regimes": regimes_table,
    "diagnostics": diagnostics_table, "saves": saves_table,
}  # fmt: skip
