"""How far a sweep is and what it found: ``python -m experiments.sweeps status|collect SWEEP``.

``status`` shows a table of its jobs, from this or another machine, while it runs or after. ``collect`` writes all
finished runs to ``sweep.csv`` in its folder, one a row, and shows the means over seeds.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from experiments.common import locks
from experiments.common.door import door
from experiments.common.files import write_whole
from experiments.common.statistics import mean_interval
from experiments.runs import results
from experiments.sweeps import manifest
from experiments.sweeps import states as job_states
from experiments.sweeps.launchers import slurm_queue
from experiments.sweeps.manifest import Sweep
from experiments.sweeps.process import DONE, LOCK, RUNNING
from experiments.sweeps.states import State
from experiments.sweeps.view import counted, show

TABLE = "sweep.csv"


def status(folder: Path, console: Console | None = None) -> dict[int, State]:
    """Show how far each job is.

    Raises:
        ValueError: in one line, if there is no sweep.
    """
    console = Console() if console is None else console
    sweep = manifest.read(folder)
    try:
        queued = slurm_queue.queued(sweep)
    except ValueError as error:
        console.print(escape(str(error)), highlight=False, soft_wrap=True)
        queued = {}
    states = {job.number: job_states.state_of(sweep, job, queued) for job in sweep.jobs}
    show(sweep, states, console)
    for line in (counted(states), *_next(sweep, states, queued)):
        console.print(escape(line), highlight=False, soft_wrap=True)
    return states


def _next(sweep: Sweep, states: dict[int, State], queued: dict[int, str]) -> list[str]:
    """Who works at it, and what to type."""
    found = [state.status for state in states.values()]
    lines = [f"figures:  python -m experiments.sweeps collect {sweep.folder}"] if DONE in found else []
    if locks.is_held(sweep.folder / LOCK):
        return [*lines, f"run by:   {locks.holder(sweep.folder / LOCK)}"]
    if queued:
        return [*lines, f"at SLURM: {len(queued)} jobs; to end them: scancel {' '.join(_ids(sweep, queued))}"]
    if all(one == DONE for one in found) or RUNNING in found:
        return lines
    return [*lines, f"go on:    {sweep.command}"]


def _ids(sweep: Sweep, queued: dict[int, str]) -> list[str]:
    """The job arrays that they belong to."""
    ids = slurm_queue.submitted(sweep.folder)
    return list(dict.fromkeys(ids[number].split("_")[0] for number in queued))


def collect(folder: Path, console: Console | None = None) -> list[dict[str, Any]]:
    """A row for each finished run, also written to ``sweep.csv``.

    Raises:
        ValueError: in one line, if there is no sweep, or no run of it is finished.
    """
    console = Console() if console is None else console
    sweep = manifest.read(folder)
    rows = rows_of(sweep)
    if not rows:
        raise ValueError(f"{folder}: no run is finished yet, see python -m experiments.sweeps status {folder}")
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


def rows_of(sweep: Sweep) -> list[dict[str, Any]]:
    """What was swept and what was found, of each finished run."""
    rows = []
    for job in sweep.jobs:
        for own in sweep.runs_of(job) if job.seeds else []:
            result = results.read(own)
            if result is not None:
                swept = {key: value for key, value in job.values.items() if key != "seed"}
                rows.append({"job": job.number, **swept, "seed": result["seed"], **_figures(result), "run": str(own)})
    return rows


def _figures(result: dict[str, Any]) -> dict[str, Any]:
    score, share = job_states.score_of(result), job_states.score_of(result).get("normalised")
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
    """A row for each combination of what was swept, seeds aside."""
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
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m experiments.sweeps", description=__doc__)
    parser.add_argument("what", choices=("status", "collect"))
    parser.add_argument("folder", type=Path, metavar="SWEEP", help="a sweep's folder, made by train.py -m")
    arguments = parser.parse_args(sys.argv[1:])
    {"status": status, "collect": collect}[arguments.what](arguments.folder)


if __name__ == "__main__":
    main()
