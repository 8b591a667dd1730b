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
from experiments.reports.labels import BASE, differing_settings, labels, titles
from experiments.reports.run_folders import FoundRuns, Run

# Keys that change nothing of what is learnt or measured, or follow from others.
_BOOKKEEPING = {
    *("seed", "seeds", "out", "resume", "device", "threads", "network_threads", "progress", "log_every"),
    *("checkpoint_every", "env.label", "env.train_steps", "level.train_steps", "level.rung"),
}
_GAME_PREFIXES = ("env.", "level.", "evaluation.")  # what the games are; evaluation.every is not among them


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
        """True if all its runs are of an agent that learns, so that seeds matter."""
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
        """All finished runs, arm by arm."""
        return [run for arm in self.arms for run in arm.runs]


def games_key(config: Mapping[str, Any]) -> Flat:
    """The settings that decide on which games a run is measured; past selves count as their stand-in."""
    keys = {key: value for key, value in _arm_key(config).items() if key.startswith(_GAME_PREFIXES)}
    keys.pop("evaluation.every", None)
    level = keys.pop("level.rivals", None)
    chosen = config.get("rivals") if config.get("rivals") is not None else level
    rivals = [STAND_IN if name == SELF else name for name in chosen or ()]
    return {**keys, "rivals": rivals}


def sections(found: FoundRuns) -> list[Section]:
    """All runs, sorted into sections and arms, in the order in which they were found."""
    runs = [*found.finished, *found.unfinished]
    parts = _grouped(runs, lambda run: games_key(run.config))
    named = titles([games_key(part[0].config) for part in parts])
    return [_section(title, part) for title, part in zip(named, parts, strict=True)]


def _section(title: str, runs: Sequence[Run]) -> Section:
    groups = _grouped(runs, lambda run: _arm_key(run.config))
    settings = differing_settings([_arm_key(group[0].config) for group in groups])
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


def _arm_key(config: Mapping[str, Any]) -> Flat:
    """The settings in which runs of different arms differ: all but the seed and bookkeeping."""
    settings = flat(config)
    source = settings.get("transfer.from")
    if source is not None:  # each seed may take from the run of its own seed
        settings["transfer.from"] = re.sub(rf"seed[-_]?{config['seed']}(?!\d)", "seed*", source)
    return {key: value for key, value in settings.items() if key not in _BOOKKEEPING and not key.endswith("._target_")}


def _grouped(runs: Iterable[Run], key_of: Callable[[Run], Flat]) -> list[list[Run]]:
    """Runs with an equal key together, in the order in which each key first came."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(json.dumps(key_of(run), sort_keys=True, default=str), []).append(run)
    return list(groups.values())


def _latest(runs: Iterable[Run]) -> tuple[list[Run], list[str]]:
    """The latest run of each seed, and the folders of the earlier ones that it replaces."""
    kept: dict[int, Run] = {}
    left_out = []
    for run in sorted(runs, key=lambda run: str((run.result or {}).get("finished"))):
        if run.seed in kept:
            left_out.append(str(kept[run.seed].folder))
        kept[run.seed] = run
    return [kept[seed] for seed in sorted(kept)], left_out


def _missing(finished: Sequence[Run], group: Iterable[Run], seeds: Iterable[int]) -> dict[int, str | None]:
    """Seeds without a finished run: with the folder where one was begun, None where only other arms have the seed."""
    there = {run.seed for run in finished}
    missing: dict[int, str | None] = {seed: None for seed in seeds if seed not in there}
    missing |= {run.seed: str(run.folder) for run in group if run.seed not in there}
    return dict(sorted(missing.items()))
