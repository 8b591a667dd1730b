"""Measures speed side by side in one run: ``make bench`` or ``python -m experiments.bench [device=cuda] [rounds=5]``.

``tables=engine,split`` prints only some of the tables; known are engine, sb3, split and seeds. Only ratios within a run
mean something on a shared machine; every figure is a median over rounds that take turns.
"""

from __future__ import annotations

import os
import platform
import sys
from typing import NamedTuple

from experiments.common.door import door
from groundwork.errors import WaybillError

TABLE_NAMES = ("engine", "sb3", "split", "seeds")


class Options(NamedTuple):
    """What a command line asks for."""

    device: str  # auto, cpu or cuda
    rounds: int
    tables: list[str]


def options(arguments: list[str]) -> Options:
    """Device, rounds and the tables to print, from ``device=``, ``rounds=`` and ``tables=``.

    Raises:
        WaybillError: for anything else.
    """
    given = {"device": "auto", "rounds": "3", "tables": ",".join(TABLE_NAMES)}
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
    if not set(tables) <= set(TABLE_NAMES):
        raise WaybillError(f"tables={given['tables']}, allowed are some of {','.join(TABLE_NAMES)}")
    return Options(given["device"], int(given["rounds"]), tables)


@door("bench")
def main() -> None:
    """Measure and print the tables."""
    words = sys.argv[1:]
    if {"-h", "--help"} & set(words):
        print(__doc__)
        return
    wanted = options(words)
    import torch

    from experiments.bench import tables

    there = torch.cuda.is_available()
    if wanted.device == "cuda" and not there:
        raise WaybillError("device=cuda is not there: this machine has no GPU that torch can use")
    device = torch.device("cuda" if there and wanted.device != "cpu" else "cpu")
    torch.set_num_threads(1)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or platform.machine()
    rounds = f"{wanted.rounds} rounds; {os.cpu_count()} cores, device {name}, one network thread"
    print(f"median (lowest … highest) of {rounds}")
    for table in wanted.tables:
        tables.TABLES[table](device, wanted.rounds)


if __name__ == "__main__":
    main()
