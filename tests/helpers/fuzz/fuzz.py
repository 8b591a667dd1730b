"""Inputs that are wrong, by the thousand: python tests/helpers/fuzz/fuzz.py minutes=10 (make fuzz).

Each is drawn from a seed of its own: ``kind=records seed=17 inputs=1`` makes the one again. It works, or it is refused
in one line; any other exception, more than 20 seconds, much memory and files that reading has changed are failures.
"""

from __future__ import annotations

import contextlib
import faulthandler
import io
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import NamedTuple

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[3]), *(str(folder) for folder in sorted(HERE.parents[1].iterdir()) if folder.is_dir())]

from inputs import KINDS, OFTEN, Input  # noqa: E402 - found by the line above
from made import Subjects  # noqa: E402

from experiments.common.door import is_mistake, one_line  # noqa: E402

SECONDS, MORE_BYTES, LONGEST = 20, 2**30, 1100
PYTHONS_WORDS = ("Traceback", "object at 0x", "<class '")


class Judged(NamedTuple):
    """One input and how it ended; ``fault`` is None if it worked or was refused as it should be."""

    kind: str
    seed: int
    told: str
    refused: bool
    fault: str | None


class Overdue(BaseException):
    """An input that was not done in time."""


def judge_input(kind: str, seed: int, subjects: Subjects, place: Path) -> Judged:
    """Draw the input of a kind and a seed, use it, and say how it ended."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    drawn: Input = KINDS[kind](random.Random(f"{kind} {seed}"), subjects, place)
    before, resident = _files(place), _resident(peak=False)
    refused, fault = False, None
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with _limited():
                drawn.read()
        except Overdue:
            fault = f"not done after {SECONDS} s"
        except Exception as error:
            refused, fault = is_mistake(error), _fault_of(error, called=kind == "actions")
    more = _resident(peak=True) - resident
    if fault is None and more > MORE_BYTES:
        fault = f"took {more / 2**20:,.0f} MiB"
    if fault is None and not drawn.may_write and _files(place) != before:
        fault = f"changed files: {sorted(set(_files(place).items()) ^ set(before.items()))[:3]}"
    return Judged(kind, seed, drawn.told, refused, fault)


def _fault_of(error: Exception, *, called: bool) -> str | None:
    if not is_mistake(error):
        return "".join(traceback.format_exception(error))[-1500:]
    line = one_line(error)
    python = not called and any(word in line for word in PYTHONS_WORDS)  # who calls may hand over any object
    if "\n" in line or len(line) > LONGEST or python:
        return f"not a line that helps: {line[:300]!r} ({len(line)} characters)"
    return None


def _files(place: Path) -> dict[str, tuple[int, int]]:
    """What lies in a folder: path → size and time of the last change."""
    found = {}
    for root, _, names in os.walk(place):
        for name in names:
            about = (Path(root) / name).lstat()
            found[str(Path(root, name).relative_to(place))] = (about.st_size, about.st_mtime_ns)
    return found


def _resident(*, peak: bool) -> int:
    """Bytes that the process holds, or held at most since the last question for the present ones."""
    if not peak:
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")
    name = "VmHWM:" if peak else "VmRSS:"
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


@contextlib.contextmanager
def _limited() -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        raise Overdue

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    faulthandler.dump_traceback_later(6 * SECONDS, exit=True)  # where no signal is heard
    try:
        yield
    finally:
        signal.alarm(0)
        faulthandler.cancel_dump_traceback_later()
        signal.signal(signal.SIGALRM, before)


def fuzz(kinds: list[str], first: int, *, seconds: float, inputs: int, place: Path, told: bool = False) -> list[Judged]:
    """Inputs of these kinds in turn, each kind from a seed on, until time or number is up."""
    subjects, found, last = Subjects(place / "made"), list[Judged](), time.monotonic()
    ends, round_of = time.monotonic() + seconds, [kind for kind in kinds for _ in range(OFTEN.get(kind, 1))]
    seeds = dict.fromkeys(kinds, first)
    while time.monotonic() < ends and len(found) < inputs:
        kind = round_of[len(found) % len(round_of)]
        found.append(judge_input(kind, seeds[kind], subjects, place / "input"))
        seeds[kind] += 1
        one = found[-1]
        if told and one.fault is not None:
            print(
                f"\nkind={one.kind.replace(' ', '_')} seed={one.seed} inputs=1: {one.told}\n   {one.fault}", flush=True
            )
        if told and time.monotonic() > last + 15:
            last = time.monotonic()
            print(f"{len(found):,} inputs, {sum(x.fault is not None for x in found)} failures", flush=True)
    return found


def table_of(found: list[Judged]) -> str:
    """How the inputs of each kind ended, as Markdown."""
    rows: dict[str, Counter[str]] = {}
    for one in found:
        how = "failed" if one.fault is not None else "refused" if one.refused else "worked"
        rows.setdefault(one.kind, Counter())[how] += 1
    lines = ["| inputs | tried | refused in one line | worked | failures |", "|---|---|---|---|---|"]
    for kind, row in rows.items():
        lines.append(f"| {kind} | {row.total():,} | {row['refused']:,} | {row['worked']:,} | {row['failed']:,} |")
    return "\n".join(lines)


def main() -> int:
    """The command: ``minutes=N seed=N inputs=N kind=NAME``."""
    given = dict(word.split("=", 1) for word in sys.argv[1:])
    kinds = [given["kind"].replace("_", " ")] if "kind" in given else list(KINDS)
    seed = int(given.get("seed", random.randrange(10**9)))
    with tempfile.TemporaryDirectory() as folder:
        found = fuzz(
            kinds, seed, seconds=60 * float(given.get("minutes", 10)), inputs=int(given.get("inputs", 10**9)),
            place=Path(folder), told=True,
        )  # fmt: skip
    print(f"seeds from {seed} on\n{table_of(found)}")
    return 1 if any(one.fault is not None for one in found) else 0


if __name__ == "__main__":
    raise SystemExit(main())
