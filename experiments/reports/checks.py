"""Warnings for a report's reader: what is missing, too few seeds, runs that are not alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from experiments.reports.arms import Arm, Section
from experiments.reports.measures import BASELINES
from experiments.reports.run_folders import FoundRuns, Run

FEW, STUDY = 5, 10  # seeds: below the first no interval is to be trusted, below the second none is to be published


def find_warnings(found: FoundRuns, sections: Sequence[Section]) -> list[str]:
    """Everything that casts doubt on a report, in a line each; the gravest first."""
    lines = [f"Left out: {line}" for line in found.broken]
    if len(sections) > 1:
        titles = "; ".join(section.title for section in sections)
        lines.append(
            f"The runs are measured on {len(sections)} different sets of games; each has a section of its own and "
            f"nothing is averaged over them: {titles}"
        )
    for section in sections:
        where = f"{section.title}: " if len(sections) > 1 else ""
        lines += [where + line for line in _section_warnings(section)]
    runs = [run for section in sections for run in section.runs]
    return lines + _code_differences(runs)


def _section_warnings(section: Section) -> list[str]:
    lines = []
    for arm in section.empty:
        lines.append(f"Arm “{arm.label}” has no finished run and is left out; {_missing_seeds(arm)}")
    for arm in section.arms:
        if arm.missing:
            lines.append(f"Arm “{arm.label}” lacks seeds; {_missing_seeds(arm)}")
    lines += _few_seeds(section.arms)
    if section.copies:
        replaced = ", ".join(section.copies)
        lines.append(f"Left out because there is a later run of the same config and seed: {replaced}")
    for name in BASELINES:
        games = {str(run.scores[name].get("by_map")) for run in section.runs if name in run.scores}
        if len(games) > 1:
            lines.append(
                f"The {name} player didn't score the same in all runs: the game's code has changed between them, "
                "their scores can't be compared"
            )
    without = [str(run.folder) for run in section.runs if run.learns and run.curve is None]
    if without:
        lines.append(f"No learning curve was kept by {', '.join(without)}: their arms have none here")
    lines += [line for arm in section.arms if (line := _unequal_lengths(arm))]
    return lines


def _missing_seeds(arm: Arm) -> str:
    begun = [f"{seed} ({folder})" for seed, folder in arm.missing.items() if folder is not None]
    others = [str(seed) for seed, folder in arm.missing.items() if folder is None]
    parts = [f"{what}: {', '.join(seeds)}" for what, seeds in (("not finished", begun), ("no run of", others)) if seeds]
    return "; ".join(parts)


def _few_seeds(arms: Sequence[Arm]) -> list[str]:
    lines = []
    for low, high, line in (
        (0, FEW, f"Fewer than {FEW} seeds, their intervals are not to be trusted"),
        (FEW, STUDY, f"Fewer than {STUDY} seeds, too few for a study"),
    ):
        few = [f"“{arm.label}” ({len(arm.runs)})" for arm in arms if arm.learns and low <= len(arm.runs) < high]
        if few:
            lines.append(f"{line}: {', '.join(few)}")
    return lines


def _unequal_lengths(arm: Arm) -> str | None:
    ends = [int(run.curve[-1, 0]) for run in arm.runs if run.curve is not None]
    if not ends or min(ends) == max(ends):
        return None
    between = f"{min(ends):,} and {max(ends):,} steps"
    return f"Arm “{arm.label}”: runs ended after between {between}; curves are shown as far as all of them go"


def _code_differences(runs: Sequence[Run]) -> list[str]:
    """In which commits and versions of packages the runs differ."""
    lines, commits = [], [(run.result or {}).get("commit") for run in runs]
    known = [commit for commit in commits if commit]
    dirty = sum(bool(commit["dirty"]) for commit in known)
    if dirty:
        lines.append(f"{dirty} of {len(runs)} runs were made with uncommitted changes: their commit doesn't say all")
    if len(ids := _distinct(known, lambda commit: commit["id"][:10])) > 1:
        lines.append(f"Runs are of {len(ids)} different commits: {', '.join(ids)}")
    if len(known) < len(runs):
        lines.append(f"The commit isn't known of {len(runs) - len(known)} of {len(runs)} runs")
    for package in dict.fromkeys(name for run in runs for name in (run.result or {}).get("versions", {})):
        versions = _distinct([(run.result or {}).get("versions", {}).get(package) for run in runs], str)
        if len(versions) > 1:
            lines.append(f"Runs used different versions of {package}: {', '.join(versions)}")
    return lines


def _distinct(things: Iterable[Any], of: Callable[[Any], str]) -> list[str]:
    return list(dict.fromkeys(of(thing) for thing in things))
