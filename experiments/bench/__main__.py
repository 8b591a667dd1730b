"""Measures speed side by side in one run: ``make bench`` or ``python -m experiments.bench [device=cuda] [rounds=5]``.

``tables=engine,split`` makes only some of the tables; known are engine, train, jax, sb3, split, seeds, diagnostics,
saves (jax needs the extra of that name) and, unless it is named only with device=cuda, regimes. With
``page=docs/performance.md`` they also go into that page, between its marks. Only ratios within a run mean something on
a shared machine; every figure is a median over rounds that take turns.
"""

from __future__ import annotations

import importlib.util
import platform
import sys
from pathlib import Path
from typing import Any, NamedTuple

from experiments.common.door import door
from experiments.common.files import write_whole
from experiments.common.machine import cores
from groundwork.errors import WaybillError

TABLE_NAMES = ("engine", "train", "jax", "sb3", "split", "seeds", "diagnostics", "saves", "regimes")
BEGIN, END = "<!-- measured: make bench writes what follows -->", "<!-- end of what is measured -->"


class Options(NamedTuple):
    """What a command line asks for."""

    device: str  # auto, cpu or cuda
    rounds: int
    tables: list[str]
    page: Path | None  # a page to put them into


def options(arguments: list[str]) -> Options:
    """Device, rounds, tables and page, from ``device=``, ``rounds=``, ``tables=`` and ``page=``.

    Raises:
        WaybillError: for anything else.
    """
    given = {"device": "auto", "rounds": "3", "tables": "", "page": ""}
    for argument in arguments:
        name, _, value = argument.partition("=")
        if name not in given or not value:
            raise WaybillError(
                f"{argument!r} is unknown, allowed are device=auto|cpu|cuda, rounds=N, tables=… and page=FILE"
            )
        given[name] = value
    if not given["rounds"].isdigit() or int(given["rounds"]) < 1:
        raise WaybillError(f"rounds={given['rounds']}, allowed are 1 and more")
    if given["device"] not in ("auto", "cpu", "cuda"):
        raise WaybillError(f"device={given['device']}, allowed are auto, cpu and cuda")
    tables = given["tables"].split(",") if given["tables"] else [
        name for name in TABLE_NAMES if name != "regimes" or given["device"] == "cuda"
    ]  # fmt: skip
    if not set(tables) <= set(TABLE_NAMES):
        raise WaybillError(f"tables={given['tables']}, allowed are some of {','.join(TABLE_NAMES)}")
    page = Path(given["page"]) if given["page"] else None
    if page is not None and (not page.is_file() or BEGIN not in (text := page.read_text()) or END not in text):
        raise WaybillError(f"page={page} is no page with the marks {BEGIN!r} and {END!r} to write between")
    return Options(given["device"], int(given["rounds"]), tables, page)


@door("bench")
def main() -> None:
    """Measure, print the tables, and put them into a page if one is given."""
    words = sys.argv[1:]
    if {"-h", "--help"} & set(words):
        print(__doc__)
        return
    wanted = options(words)
    if "jax" in wanted.tables and not all(map(importlib.util.find_spec, ("jax", "optax"))):
        raise WaybillError('tables=jax needs JAX and Optax: pip install -e ".[jax]", or name other tables')
    import torch

    from experiments.bench import tables

    there = torch.cuda.is_available()
    if wanted.device == "cuda" and not there:
        raise WaybillError("device=cuda is not there: this machine has no GPU that torch can use")
    device = torch.device("cuda" if there and wanted.device != "cpu" else "cpu")
    torch.set_num_threads(1)
    machine = describe(device)
    heading = f"Medians (lowest … highest) of {wanted.rounds} rounds. {machine}"
    print(heading)
    found = []
    for table in wanted.tables:
        found.append(tables.TABLES[table](device, wanted.rounds))
        found[-1].print()
    if wanted.page is not None:
        put_into(wanted.page, [heading, *(table.markdown() for table in found)])
        print(f"written into {wanted.page}")


def describe(device: Any) -> str:
    """The machine in a line: processor, instructions for products, and how fast it makes them."""
    import torch

    from experiments.bench.split import gflops

    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, {cores()} cores beside it."
    torch.set_num_threads(cores())
    every = gflops(device)
    torch.set_num_threads(1)
    kinds = ", ".join(kind for kind in ("avx2", "avx512f", "amx_bf16") if kind in processor("flags").split())
    products = f"products of 512 x 512 at {gflops(device):,.0f} GFLOP/s on one thread, {every:,.0f} on all"
    return f"{cores()} cores, {processor('model name')} ({kinds or 'no wide instructions known'}); {products}."


def processor(name: str) -> str:
    """What Linux says of the processor under a name; the machine's kind elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    found = [value.strip() for key, _, value in (line.partition(":") for line in lines) if key.strip() == name]
    return found[0] if found else platform.machine()


def put_into(page: Path, parts: list[str]) -> None:
    """Replace what stands between the page's marks."""
    before, _, rest = page.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    body = "\n\n".join(parts)
    write_whole(page, lambda path: path.write_text(f"{before}{BEGIN}\n\n{body}\n\n{END}{after}"))


if __name__ == "__main__":
    main()
