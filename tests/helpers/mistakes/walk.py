"""A random walk through mistakes: python tests/helpers/mistakes/walk.py --count 400 --seed 1 (make mistakes)."""

from __future__ import annotations

import argparse
import random
import shlex
import sys
import tempfile
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[3]), *(str(folder) for folder in sorted(HERE.parents[1].iterdir()) if folder.is_dir())]

from drawn import SMALL, Mistake, draw  # noqa: E402 - found by the line above
from judged import Verdict, judge  # noqa: E402
from shrunk import made  # noqa: E402


def walk(count: int, seed: int, place: Path, *, told: bool = False) -> list[Verdict]:
    """The verdicts on ``count`` mistakes drawn from ``seed``."""
    rng = random.Random(seed)
    (place / "made").mkdir()
    run = made(place / "made", "run", "python", "train.py", "level=haul")
    (place / "typed").mkdir()
    verdicts = []
    for k in range(count):
        mistake: Mistake = draw(rng, run, place / "typed")
        verdicts.append(judge(mistake, place / "typed"))
        if told and verdicts[-1].fault is not None:
            typed = shlex.join(word for word in mistake.words if word not in SMALL)
            print(f"\n{k}: {mistake.kind}: {typed}\n   {verdicts[-1].fault}", flush=True)
        if told and (k + 1) % 20 == 0:
            print(f"{k + 1} of {count}", flush=True)
    return verdicts


def table(verdicts: list[Verdict]) -> str:
    """How each kind of mistake ended, as Markdown."""
    rows: dict[str, Counter[str]] = {}
    for verdict in verdicts:
        kind = "a file of the run" if "." in verdict.mistake.kind else verdict.mistake.kind
        rows.setdefault(kind, Counter())["fault" if verdict.fault is not None else verdict.outcome] += 1
    lines = ["| mistake | refused in one line | accepted, and ran | faults |", "|---|---|---|---|"]
    for kind, found in sorted(rows.items()):
        lines.append(f"| {kind} | {found['refused']} | {found['accepted']} | {found['fault']} |")
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = walk(given.count, given.seed, Path(folder), told=True)
    print(table(found))
    sys.exit(1 if any(verdict.fault is not None for verdict in found) else 0)
