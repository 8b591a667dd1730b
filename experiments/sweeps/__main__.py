"""Shows how far a sweep is and what it found: ``python -m experiments.sweeps status|collect SWEEP``.

``status`` shows a table of its jobs, from this or another machine, while it runs or after. ``collect`` writes all
finished runs to ``sweep.csv`` in its folder, one a row, and shows the means over seeds.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from experiments.common import locks
from experiments.common.door import Parser, door
from experiments.common.files import write_whole
from experiments.common.statistics import mean_interval
from experiments.config.keys import door_words, shell_command
from experiments.runs import results
from experiments.sweeps import manifest
from experiments.sweeps.launcher import find_launcher, launchers_of
from experiments.sweeps.manifest import Sweep
from experiments.sweeps.process import DONE, LOCK, RUNNING
from experiments.sweeps.states import State, finished_run, state_of
from experiments.sweeps.view import counted, show_sweep
from groundwork.errors import WaybillError

TABLE = "sweep.csv"


def show_status(folder: Path, console: Console | None = None) -> dict[int, State]:
    """Show how far each job is and what to type next; returns the state of each job by its number.

    Raises:
        WaybillError: in one line, if there is no sweep.
    """
    console = Console() if console is None else console
    sweep = manifest.read_sweep(folder)
    queued, who = _ask_launchers(sweep, console)
    states = {job.number: state_of(sweep, job, queued) for job in sweep.jobs}
    show_sweep(sweep, states, console)
    for line in (counted(states), *_next(sweep, states, who)):
        console.print(escape(line), highlight=False, soft_wrap=True)
    return states


def _ask_launchers(sweep: Sweep, console: Console) -> tuple[dict[int, str], list[str]]:
    """Jobs that launchers have, by number: waiting or running; and a line on each such launcher."""
    queued: dict[int, str] = {}
    lines = []
    for name in launchers_of(sweep):
        try:
            launcher = find_launcher(name)
            own = launcher.queued(sweep)
            how = launcher.how_to_end(sweep) if own else None
        except WaybillError as error:
            console.print(escape(str(error)), highlight=False, soft_wrap=True)
            continue
        queued |= own
        if own:
            end = "" if how is None else f"; to end them: {how}"
            lines.append(f"queued:   {len(own)} jobs with launcher={name}{end}")
    return queued, lines


def _command(verb: str, folder: Path) -> str:
    return shell_command(*door_words("sweeps"), verb, folder)


def _next(sweep: Sweep, states: dict[int, State], who: list[str]) -> list[str]:
    """Who works at the sweep, and what to type; ``who`` are lines on launchers that have jobs of it."""
    found = [state.status for state in states.values()]
    lines = [f"figures:  {_command('collect', sweep.folder)}"] if DONE in found else []
    if locks.is_held(sweep.folder / LOCK):
        return [*lines, f"run by:   {locks.holder(sweep.folder / LOCK)}"]
    if who:
        return [*lines, *who]
    if all(one == DONE for one in found) or RUNNING in found:
        return lines
    return [*lines, f"go on:    {sweep.command}"]


def collect(folder: Path, console: Console | None = None) -> list[dict[str, Any]]:
    """Write a row for each finished run to ``sweep.csv`` and show the means over seeds; returns the rows.

    Raises:
        WaybillError: in one line, if there is no sweep, or no run of it is finished.
    """
    console = Console() if console is None else console
    sweep = manifest.read_sweep(folder)
    rows, damaged = result_rows(sweep)
    for line in damaged:
        console.print(escape(line), highlight=False, soft_wrap=True)
    if not rows:
        raise WaybillError(f"{folder}: no run is finished yet, see {_command('status', folder)}")
    columns = list(dict.fromkeys(key for row in rows for key in row))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_whole(folder / TABLE, lambda temporary: temporary.write_text(text.getvalue()))
    console.print(_means(sweep, rows))
    wanted = sum(max(1, len(job.seeds)) for job in sweep.jobs)
    missing = "" if len(rows) == wanted else f", {wanted - len(rows)} of {wanted} are missing"
    console.print(f"{len(rows)} runs in {escape(str(folder / TABLE))}{missing}", highlight=False, soft_wrap=True)
    return rows


def result_rows(sweep: Sweep) -> tuple[list[dict[str, Any]], list[str]]:
    """A row of what was swept and what was found for each finished run; a line for each whose result is no good."""
    rows, damaged = [], []
    for job in sweep.jobs:
        for own in sweep.runs_of(job) if job.seeds else []:
            swept = {key: value for key, value in job.values.items() if key != "seed"}
            try:
                run = finished_run(own)
                if run is not None:
                    rows.append({"job": job.number, **swept, "seed": run[0]["seed"], **_figures(*run), "run": str(own)})
            except (WaybillError, OSError) as error:
                damaged.append(f"left out: {error}")
            except (KeyError, TypeError, AttributeError) as error:
                damaged.append(f"left out: {own / results.RESULT} is damaged or not one of ours ({error})")
    return rows, damaged


def _figures(result: Mapping[str, Any], score: Mapping[str, Any]) -> dict[str, Any]:
    share = score.get("normalised")
    commit = result.get("commit") or {}
    return {
        "agent": result["choices"]["agent"],
        "score": score["mean"],
        "score_low": score["low"],
        "score_high": score["high"],
        "normalised": None if share is None else share["mean"],
        "env_steps": result["env_steps"],
        "updates": result["updates"],
        "seconds": result["seconds"],
        "checkpoint_step": result["policy"].get("env_step"),
        "commit": commit.get("id"),
        "dirty": commit.get("dirty"),
        "finished": result.get("finished"),
    }


def _means(sweep: Sweep, rows: Sequence[dict[str, Any]]) -> Table:
    """A table with a row for each combination of what was swept, seeds aside."""
    keys = [key for key in dict.fromkeys(key for job in sweep.jobs for key in job.values) if key != "seed"]
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(tuple(str(row.get(key, "")) for key in keys), []).append(row)
    table = Table()
    for name in (*keys, "runs", "score", "95 % interval over runs", "steps", "seconds"):
        table.add_column(name, justify="left" if name in keys else "right", overflow="fold")
    for values, own in groups.items():
        scores = np.array([row["score"] for row in own], np.float64)
        between = "{1:,.1f} … {2:,.1f}".format(*mean_interval(scores)) if len(own) > 1 else ""
        steps, seconds = (np.mean([row[key] for row in own]) for key in ("env_steps", "seconds"))
        figures = (str(len(own)), f"{scores.mean():,.1f}", between, f"{steps:,.0f}", f"{seconds:,.0f}")
        table.add_row(*(escape(value) for value in values), *figures)
    return table


@door("sweep")
def main() -> None:
    """Run the command."""
    parser = Parser(prog="python -m experiments.sweeps", description=__doc__)
    parser.add_argument("what", choices=("status", "collect"))
    parser.add_argument("folder", type=Path, metavar="SWEEP", help="a sweep's folder, made by train.py -m")
    arguments = parser.parse_args(sys.argv[1:])
    {"status": show_status, "collect": collect}[arguments.what](arguments.folder)


if __name__ == "__main__":
    main()
