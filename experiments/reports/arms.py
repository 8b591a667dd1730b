"""Which runs belong together: sections of runs that are measured on the same games, and their arms.

An arm's runs have the same config but for the seed. Runs that are measured on different games (another level, or one
with other numbers, other rivals, other maps) are in different sections, and nothing is ever averaged over sections.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from experiments.config.keys import Flat, flat
from experiments.config.rivals import SELF, STAND_IN
from experiments.reports.labels import BASE, labels, titles, varying
from experiments.reports.run_folders import Found, Run

# Keys that change nothing of what is learnt or measured, or follow from others.
_BOOKKEEPING = {
    *("seed", "seeds", "out", "resume", "device", "threads", "network_threads", "progress", "log_every"),
    *("checkpoint_every", "env.label", "env.train_steps", "level.train_steps", "level.rung"),
}
_GAMES = ("env.", "level.", "evaluation.")  # what the games are; evaluation.every is not among them


@dataclass(frozen=True, eq=False)
class Arm:
    """Runs that differ in nothing but their seed: the finished ones by seed. ``missing`` are seeds that were begun,
    with their folders, or that other arms have, with None.
    """

    label: str
    settings: Flat  # keys that differ between the section's arms, by their full names
    runs: list[Run]
    missing: dict[int, str | None]

    @property
    def learns(self) -> bool:
        """Whether seeds matter."""
        return all(run.learns for run in self.runs)


@dataclass(frozen=True, eq=False)
class Section:
    """Arms that are measured on the same games; those without a finished run are only named."""

    title: str
    arms: list[Arm]
    empty: list[Arm]
    copies: list[str]  # runs left out because there is a later one of the same config and seed

    @property
    def runs(self) -> list[Run]:
        """All finished runs."""
        return [run for arm in self.arms for run in arm.runs]


def games_of(config: Mapping[str, Any]) -> Flat:
    """What decides which games a run is measured on. For a run's past selves a rule stands in then."""
    keys = {key: value for key, value in _told(config).items() if key.startswith(_GAMES)}
    keys.pop("evaluation.every", None)
    level = keys.pop("level.rivals", None)
    chosen = config.get("rivals") if config.get("rivals") is not None else level
    rivals = [STAND_IN if name == SELF else name for name in chosen or ()]
    return {**keys, "rivals": rivals}


def sections(found: Found) -> list[Section]:
    """All runs, sorted into sections and arms, in the order in which they were found."""
    runs = [*found.finished, *found.unfinished]
    parts = _by(runs, lambda run: games_of(run.config))
    named = titles([games_of(part[0].config) for part in parts])
    return [_section(title, part) for title, part in zip(named, parts, strict=True)]


def _section(title: str, runs: Sequence[Run]) -> Section:
    groups = _by(runs, lambda run: _told(run.config))
    settings = varying([_told(group[0].config) for group in groups])
    all_seeds = sorted({run.seed for run in runs if run.learns})
    arms, copies = [], []
    names = labels(settings) if len(groups) > 1 else [str(groups[0][0].config["agent"]["name"])]
    for label, own, group in zip(names, settings, groups, strict=True):
        finished, left_out = _latest([run for run in group if run.result is not None])
        seeds = all_seeds if any(run.learns for run in group) else []
        arms.append(Arm(label, own, finished, _missing(finished, group, seeds)))
        copies += left_out
    arms.sort(key=lambda arm: arm.label != BASE)
    return Section(title, [arm for arm in arms if arm.runs], [arm for arm in arms if not arm.runs], copies)


def _told(config: Mapping[str, Any]) -> Flat:
    """All that an arm is told apart by."""
    told = flat(config)
    source = told.get("transfer.from")
    if source is not None:  # each seed may take from the run of its own seed
        told["transfer.from"] = re.sub(rf"seed[-_]?{config['seed']}(?!\d)", "seed*", source)
    return {key: value for key, value in told.items() if key not in _BOOKKEEPING and not key.endswith("._target_")}


def _by(runs: Iterable[Run], what: Callable[[Run], Flat]) -> list[list[Run]]:
    """Runs of which the same can be said, together."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(json.dumps(what(run), sort_keys=True, default=str), []).append(run)
    return list(groups.values())


def _latest(runs: Iterable[Run]) -> tuple[list[Run], list[str]]:
    """One run a seed, and the folders of those that a later one of the same seed replaces: each counts once."""
    kept: dict[int, Run] = {}
    left_out = []
    for run in sorted(runs, key=lambda run: str((run.result or {}).get("finished"))):
        if run.seed in kept:
            left_out.append(str(kept[run.seed].folder))
        kept[run.seed] = run
    return [kept[seed] for seed in sorted(kept)], left_out


def _missing(finished: Sequence[Run], group: Iterable[Run], seeds: Iterable[int]) -> dict[int, str | None]:
    there = {run.seed for run in finished}
    missing: dict[int, str | None] = {seed: None for seed in seeds if seed not in there}
    missing |= {run.seed: str(run.folder) for run in group if run.seed not in there}
    return dict(sorted(missing.items()))
