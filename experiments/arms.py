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

from experiments.rival_settings import SELF, STAND_IN
from experiments.run_folders import Found, Run
from experiments.study_arms import ARM

Flat = dict[str, Any]  # a config by dotted keys

# Keys that change nothing of what is learnt or measured, or follow from others.
_BOOKKEEPING = {
    *("seed", "seeds", "out", "resume", "device", "threads", "network_threads", "progress", "log_every"),
    *("checkpoint_every", "env.label", "env.train_steps", "level.train_steps", "level.rung"),
}
_GAMES = ("env.", "level.", "evaluation.")  # what the games are; evaluation.every is not among them
_ABSENT = "absent"  # in a config from before the key
BASE = "base"


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


def flat(config: Mapping[str, Any], prefix: str = "") -> Flat:
    """A nested config by dotted keys; lists are values."""
    found: Flat = {}
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found


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
    titles = _titles([games_of(part[0].config) for part in parts])
    return [_section(title, part) for title, part in zip(titles, parts, strict=True)]


def _section(title: str, runs: Sequence[Run]) -> Section:
    groups = _by(runs, lambda run: _told(run.config))
    settings = _varying([_told(group[0].config) for group in groups])
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


def _varying(configs: Sequence[Flat]) -> list[Flat]:
    """Of each config the keys that differ between them, ``agent.name`` as ``agent``: a study's arms and choices of
    groups come first.
    """
    keys = dict.fromkeys(key for config in configs for key in config)
    differ = [key for key in keys if len({plain(config.get(key, _ABSENT)) for config in configs}) > 1]
    differ.sort(key=lambda key: (key != ARM, not key.endswith(".name")))
    return [{key.removesuffix(".name"): config.get(key, _ABSENT) for key in differ} for config in configs]


def told_apart(settings: Sequence[Flat]) -> list[str]:
    """What differs between arms, for each as ``key=value, …``: without keys that only follow from a group's choice."""
    keys = telling(settings)
    return [", ".join(f"{key}={plain(own[key])}" for key in keys) for own in settings]


def telling(settings: Sequence[Flat]) -> list[str]:
    """The keys of that."""
    return [key for key in (settings[0] if settings else ()) if not _follows(key, settings)]


def _follows(key: str, settings: Sequence[Flat]) -> bool:
    group = key.partition(".")[0]
    if group == key or group not in settings[0]:
        return False
    return len({plain(own[group]) for own in settings}) == len({plain([own[group], own[key]]) for own in settings})


def labels(settings: Sequence[Flat]) -> list[str]:
    """A short name for each: the fewest keys that tell them apart, and of those only what most others don't have."""
    chosen: list[str] = []
    parts: list[tuple[str, ...]] = [()] * len(settings)
    for key in settings[0] if settings else ():
        finer = [(*part, plain(own[key])) for part, own in zip(parts, settings, strict=True)]
        if len(set(finer)) > len(set(parts)):
            chosen.append(key)
            parts = finer
    names, hidden = _short(chosen), {key: _usual(key, settings) for key in chosen}
    texts = {key: _texts([own[key] for own in settings]) for key in chosen}
    return [
        ", ".join(
            texts[key][k] if key == ARM else f"{names[key]}={texts[key][k]}"
            for key in chosen
            if plain(own[key]) != hidden[key]
        )
        or BASE
        for k, own in enumerate(settings)
    ]


def _usual(key: str, settings: Sequence[Flat]) -> str | None:
    """The value that more than half of them have."""
    values = [plain(own[key]) for own in settings]
    most = max(set(values), key=values.count)
    return most if 2 * values.count(most) > len(values) else None


def _short(keys: Sequence[str]) -> dict[str, str]:
    """Keys without their sections, where that leaves no two alike."""
    last = [key.rpartition(".")[2] for key in keys]
    return {key: name if last.count(name) == 1 else key for key, name in zip(keys, last, strict=True)}


def _texts(values: Sequence[Any]) -> list[str]:
    """Values as they are typed; of folders as much from the end as tells them apart."""
    for parts in range(1, 20):
        texts = ["/".join(value.split("/")[-parts:]) if isinstance(value, str) else plain(value) for value in values]
        if len(set(texts)) == len({plain(value) for value in values}):
            return texts
    return [plain(value) for value in values]


def plain(value: Any) -> str:
    """A value as it is typed."""
    return value if isinstance(value, str) else json.dumps(value, default=str).replace('"', "")


def _titles(games: Sequence[Flat]) -> list[str]:
    """What each section is measured on, in words; what else tells two apart is added."""
    titles = [_title(own) for own in games]
    for title in {title for title in titles if titles.count(title) > 1}:
        alike = [k for k, own in enumerate(titles) if own == title]
        for k, label in zip(alike, labels(_varying([games[k] for k in alike])), strict=True):
            titles[k] = f"{title} ({label})"
    return titles


def _title(own: Flat) -> str:
    if "env.id" in own:
        count, first = own.get("evaluation.final_episodes", "?"), own.get("evaluation.episode_seed", "?")
        return f"{own['env.id']}, {count} episodes from seed {first}"
    count, first = own.get("evaluation.final_maps", "?"), own.get("evaluation.map_seed", "?")
    against = f", against {', '.join(own['rivals'])}" if own["rivals"] else ""
    return f"{own.get('level.name', '?')}, {count} maps from seed {first}{against}"
