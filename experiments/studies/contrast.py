"""Compares one choice with another over all else that was swept.

Its command is ``python -m experiments.studies.contrast DIR OURS OTHERS``.

OURS and OTHERS name arms, as a report labels them, with a ``*`` for what they have in common: ``travel_*`` against
``straight_*`` pairs ``travel_fixed_4`` with ``straight_fixed_4`` and so on, seed by seed. The mean difference has the
interval of a bootstrap that draws seeds within each pair of arms (``aggregates``): arms are strata, as tasks are there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from experiments.common.door import Parser, door
from experiments.common.statistics import Interval
from experiments.reports.aggregates import interval, iqm
from experiments.reports.arms import Arm, Section, sections
from experiments.reports.run_folders import find_runs
from groundwork.errors import WaybillError


class Contrast(NamedTuple):
    """Two sets of arms on the same games, in pairs; scores in the games' unit over the ``seeds`` that all have."""

    title: str
    pairs: list[tuple[str, str]]
    seeds: list[int]
    ours: Interval
    others: Interval
    difference: Interval


def compare_arms(found: Sequence[Section], ours: str, others: str, *, seed: int = 0) -> list[Contrast]:
    """Contrasts of our arms with the others, one in each section that has a pair.

    Raises:
        WaybillError: in one line, if only one pattern has a ``*``, or no section has a pair with two seeds in common.
    """
    for pattern, other in ((ours, others), (others, ours)):
        if pattern.count("*") > 1 or pattern.count("*") < other.count("*"):
            line = "one * in both stands for what they have in common, none in both for one arm against another"
            raise WaybillError(f"{pattern!r} against {other!r}: {line}")
    made = [one for section in found if (one := _contrast_in(section, ours, others, seed)) is not None]
    if not made:
        known = ", ".join(dict.fromkeys(arm.label for section in found for arm in section.arms))
        raise WaybillError(f"{ours!r} and {others!r}: no two arms with two seeds in common pair up, known are {known}")
    return made


def _contrast_in(section: Section, ours: str, others: str, seed: int) -> Contrast | None:
    left, right = _matching(section.arms, ours), _matching(section.arms, others)
    pairs = [(left[name], right[name]) for name in left if name in right and left[name] is not right[name]]
    if not pairs:
        return None
    common = set.intersection(*({run.seed for run in arm.runs} for pair in pairs for arm in pair))
    seeds = sorted(common)
    if len(seeds) < 2:
        return None
    a, b = (_scores([pair[side] for pair in pairs], seeds) for side in (0, 1))  # [S, T] each
    return Contrast(
        section.title,
        [(a.label, b.label) for a, b in pairs],
        seeds,
        interval(a, iqm, seed=seed).at(),
        interval(b, iqm, seed=seed).at(),
        interval(a - b, np.mean, seed=seed).at(),
    )


def _matching(arms: Sequence[Arm], pattern: str) -> dict[str, Arm]:
    """The arms that match a pattern, by what its ``*`` stands for."""
    before, star, after = pattern.partition("*")
    wanted = re.compile(f"{re.escape(before)}({'.*' if star else ''}){re.escape(after)}")
    return {match[1]: arm for arm in arms if (match := wanted.fullmatch(arm.label)) is not None}


def _scores(arms: Sequence[Arm], seeds: Sequence[int]) -> np.ndarray:
    """Scores [S, T] of T arms, for these seeds."""
    by_seed = [{run.seed: run.score for run in arm.runs} for arm in arms]
    return np.array([[own[seed] for own in by_seed] for seed in seeds])


def show_contrasts(found: Sequence[Contrast], ours: str, others: str) -> None:
    """Print a table for each contrast, and which arms were paired."""
    console = Console()
    for one in found:
        pairs = "1 pair" if len(one.pairs) == 1 else f"{len(one.pairs)} pairs"
        console.print(f"{one.title}: {pairs} of arms, {len(one.seeds)} seeds", highlight=False, soft_wrap=True)
        table = Table("")
        table.add_column("mean", justify="right")
        table.add_column("95 % interval", justify="right")
        says = "above 0" if one.difference.low > 0 else "below 0" if one.difference.high < 0 else "not told apart"
        rows = (
            (f"{ours}, IQM", one.ours),
            (f"{others}, IQM", one.others),
            (f"mean difference, {says}", one.difference),
        )
        for name, part in rows:
            table.add_row(name, f"{part.mean:,.1f}", f"{part.low:,.1f} … {part.high:,.1f}")
        console.print(table)
    for left, right in found[0].pairs:
        console.print(f"  {left}  –  {right}", highlight=False, soft_wrap=True)


@door("contrast")
def main() -> None:
    """The command."""
    parser = Parser(prog="python -m experiments.studies.contrast", description=__doc__.partition("\n\n")[0])
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder with runs, at any depth")
    parser.add_argument("ours", metavar="OURS", help="an arm, or several with a * for what the others have: 'travel_*'")
    parser.add_argument("others", metavar="OTHERS", help="what it is compared with: 'straight_*'")
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap (default: %(default)s)")
    given = parser.parse_args()
    found = sections(find_runs([given.folder]))
    show_contrasts(compare_arms(found, given.ours, given.others, seed=given.seed), given.ours, given.others)


if __name__ == "__main__":
    main()
