"""Trainings that are killed and resumed, against those that are not: python tests/helpers/crash/crash.py (make crash).

Each kind of training is killed by SIGKILL at random moments, and at every named point (see points.py), and resumed
each time, until it ends by itself. What it comes to must be what the uninterrupted one came to, bit for bit.
"""

from __future__ import annotations

import argparse
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
ROOT = HERE.parents[3]
sys.path[:0] = [str(ROOT), *(str(folder) for folder in sorted(HERE.parents[1].iterdir()) if folder.is_dir())]

from cases import CASES, words_of  # noqa: E402 - found by the line above
from outcome import outcome, unlike  # noqa: E402
from points import ONCE, POINTS  # noqa: E402

KILLED = -signal.SIGKILL
SAYS_SO = rb"(?m)^(training|going on|beginning anew) in "
MOST_SECONDS = 600.0  # of one process


@dataclass
class Tally:
    """What was done with one kind of training."""

    name: str
    random_kills: int = 0
    point_kills: int = 0
    chains: int = 0
    unlike: list[str] = field(default_factory=list)


class Training:
    """One kind of training, whose uninterrupted run is made first."""

    def __init__(self, name: str, place: Path, source: Path) -> None:
        self.words, self.place, self.said = words_of(name, source), place, 0
        place.mkdir()
        begun = time.monotonic()
        process = self._start("whole")
        self.starts = self._seconds_to(process, "whole", begun)
        assert process.wait(MOST_SECONDS) == 0, (place / "whole.txt").read_text()
        self.seconds = time.monotonic() - begun
        self.whole = outcome(place / "whole" / "run")

    def _seconds_to(self, process: subprocess.Popen[bytes], name: str, begun: float) -> float:
        """Seconds until the process says that it trains."""
        log = self.place / f"{name}.txt"
        while process.poll() is None and not re.search(SAYS_SO, log.read_bytes()[self.said :]):
            time.sleep(0.01)
        return time.monotonic() - begun

    def _start(self, name: str, before: tuple[str, ...] = ()) -> subprocess.Popen[bytes]:
        """Begin the training in a folder, or go on with it there."""
        run = self.place / name / "run"
        resumes = (run / "config.yaml").is_file()
        run.parent.mkdir(exist_ok=True)
        given = [f"resume={run}"] if resumes else [*self.words, f"hydra.run.dir={run}"]
        with (self.place / f"{name}.txt").open("ab") as log:
            self.said = log.tell()
            words = [sys.executable, *before, str(ROOT / "train.py"), *given]
            return subprocess.Popen(words, cwd=self.place, stdout=log, stderr=subprocess.STDOUT)

    def _ended(self, name: str, process: subprocess.Popen[bytes]) -> bool:
        """True if the process came to its end by itself, False if it was killed."""
        code = process.wait(MOST_SECONDS)
        if code not in (0, KILLED):
            raise SystemExit(f"exit {code}\n" + (self.place / f"{name}.txt").read_text())
        return code == 0

    def _is_finished(self, name: str) -> bool:
        """True if every seed has its result, so that there is nothing to resume."""
        run = self.place / name / "run"
        seeds = [path.parent for path in run.rglob("config.yaml") if path.parent != run] or [run]
        return all((own / "result.json").is_file() for own in seeds)

    def at_random(self, name: str, kills: int, rng: random.Random, tally: Tally) -> None:
        """Kill it up to ``kills`` times, then let it end."""
        for _ in range(kills):
            process = self._start(name)
            if rng.random() < 0.2:  # while it loads and reads
                wait = rng.uniform(0, self.starts)
            else:
                self._seconds_to(process, name, time.monotonic())
                wait = rng.uniform(0, self.seconds - self.starts)
            begun = time.monotonic()
            try:
                process.wait(wait)
            except subprocess.TimeoutExpired:
                process.kill()
            if self._ended(name, process):  # faster than the first: the machine's speed changes
                self.seconds = min(self.seconds, self.starts + max(0.5, time.monotonic() - begun))
                break
            tally.random_kills += 1
            if self._is_finished(name):
                break
        self._end(name, tally)

    def at_point(self, name: str, point: str, count: int, tally: Tally) -> None:
        """Kill it when it comes to a point for the ``count``-th time, then let it end."""
        process = self._start(name, (str(HERE.parent / "points.py"), point, str(count)))
        tally.point_kills += not self._ended(name, process)
        self._end(name, tally)

    def _end(self, name: str, tally: Tally) -> None:
        if not self._is_finished(name):
            assert self._ended(name, self._start(name))
        tally.chains += 1
        found = unlike(self.whole, outcome(self.place / name / "run"))
        if not found and list((self.place / name).rglob("*.tmp")):
            found = ["temporary files are left"]
        if found:
            tally.unlike += [f"{name}: {line}" for line in found[:5]]
        else:
            shutil.rmtree(self.place / name)


def prove(
    names: list[str], *, kills: int, points: list[str], seed: int, place: Path, counts: tuple[int, ...] = (2, 5),
    told: bool = False,
) -> list[Tally]:  # fmt: skip
    """Kill and resume: ``kills`` in all, shared among the kinds, and each of the ``points`` in the first kind.

    A point that comes again and again is tried at those ``counts``.
    """
    rng, tallies, begun = random.Random(seed), [], time.monotonic()
    source = place / "source" / "run"
    if any("SOURCE" in " ".join(CASES[name]) for name in names):
        words = [*words_of("dqn", source), "network.width=16", f"hydra.run.dir={source}"]
        subprocess.run([sys.executable, str(ROOT / "train.py"), *words], check=True, stdout=subprocess.DEVNULL)
    for k, name in enumerate(names):
        tally = Tally(name)
        training = Training(name, place / re.sub(r"\W+", "_", name), source)
        if told:
            print(f"{name}: {training.seconds:.0f} s uninterrupted", flush=True)
        wanted = kills * (k + 1) // len(names) - kills * k // len(names)
        chain = 0
        while tally.random_kills < wanted:
            before, chain = len(tally.unlike), chain + 1
            training.at_random(f"random{chain}", min(4, wanted - tally.random_kills), rng, tally)
            _tell(told, tally, begun, before)
        for point in points if k == 0 else ():
            for count in (1,) if point in ONCE else counts:
                before, chain = len(tally.unlike), chain + 1
                training.at_point(f"point{chain}", point, count, tally)
                _tell(told, tally, begun, before, f" at {point!r}")
        tallies.append(tally)
    return tallies


def _tell(told: bool, tally: Tally, begun: float, before: int, where: str = "") -> None:
    if told:
        done = f"{tally.random_kills} random kills, {tally.point_kills} at points{where}"
        found = "".join(f"\n  {line}" for line in tally.unlike[before:]) or " equal"
        print(f"{time.monotonic() - begun:6.0f} s  {tally.name}: {done}:{found}", flush=True)


def table(tallies: list[Tally]) -> str:
    """What was done and found, as Markdown."""
    lines = ["| training | random kills | kills at points | runs to the end | not equal |", "|---|---|---|---|---|"]
    for tally in tallies:
        bad = len({line.partition(":")[0] for line in tally.unlike})
        lines.append(f"| {tally.name} | {tally.random_kills} | {tally.point_kills} | {tally.chains} | {bad} |")
    return "\n".join(lines)


def main() -> Any:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50, help="at random moments, over all kinds")
    parser.add_argument("--kinds", default="", help="numbers of kinds, as 0,2; default: all")
    parser.add_argument("--points", default=None, help="a part of the points' names; default: all; none: no points")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    given = parser.parse_args()
    names = [list(CASES)[int(k)] for k in given.kinds.split(",") if k] or list(CASES)
    points = [point for point in POINTS if given.points is None or (given.points != "none" and given.points in point)]
    with tempfile.TemporaryDirectory() as folder:
        found = prove(names, kills=given.kills, points=points, seed=given.seed, place=Path(folder), told=True)
    print(table(found))
    return 1 if any(tally.unlike for tally in found) else 0


if __name__ == "__main__":
    sys.exit(main())
