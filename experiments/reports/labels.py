"""Names of arms and sections: the keys that differ between configs, as short as they stay apart."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from experiments.config.arms import ARM
from experiments.config.keys import Flat

_ABSENT = "absent"  # the value of a key that a config doesn't have: it is from before the key
BASE = "base"  # the label of the arm that differs in nothing from what most arms have


def differing_settings(configs: Sequence[Flat]) -> list[Flat]:
    """Each config reduced to the keys in which any two of them differ; ``agent.name`` becomes ``agent``.

    A study's arm comes first, then choices of groups, then all other keys.
    """
    keys = dict.fromkeys(key for config in configs for key in config)
    differ = [key for key in keys if len({as_typed(config.get(key, _ABSENT)) for config in configs}) > 1]
    differ.sort(key=lambda key: (key != ARM, not key.endswith(".name")))
    return [{key.removesuffix(".name"): config.get(key, _ABSENT) for key in differ} for config in configs]


def describe_differences(settings: Sequence[Flat]) -> list[str]:
    """Each arm's distinguishing keys and their values, as ``key=value, …``."""
    keys = distinguishing_keys(settings)
    return [", ".join(f"{key}={as_typed(own[key])}" for key in keys) for own in settings]


def distinguishing_keys(settings: Sequence[Flat]) -> list[str]:
    """The keys that arms differ in, without those that only follow from a group's choice."""
    return [key for key in (settings[0] if settings else ()) if not _follows(key, settings)]


def _follows(key: str, settings: Sequence[Flat]) -> bool:
    """True if a group's choice decides the key's value in all settings, as ``agent`` may decide ``agent.tau``."""
    group = key.partition(".")[0]
    if group == key or group not in settings[0]:
        return False
    return len({as_typed(own[group]) for own in settings}) == len(
        {as_typed([own[group], own[key]]) for own in settings}
    )


def labels(settings: Sequence[Flat]) -> list[str]:
    """A short name for each arm: as few keys as tell all apart, without values that more than half of the arms have."""
    chosen: list[str] = []
    parts: list[tuple[str, ...]] = [()] * len(settings)
    for key in settings[0] if settings else ():
        finer = [(*part, as_typed(own[key])) for part, own in zip(parts, settings, strict=True)]
        if len(set(finer)) > len(set(parts)):
            chosen.append(key)
            parts = finer
    names, hidden = _short(chosen), {key: _usual(key, settings) for key in chosen}
    texts = {key: _texts([own[key] for own in settings]) for key in chosen}
    return [
        ", ".join(
            texts[key][k] if key == ARM else f"{names[key]}={texts[key][k]}"
            for key in chosen
            if as_typed(own[key]) != hidden[key]
        )
        or BASE
        for k, own in enumerate(settings)
    ]


def _usual(key: str, settings: Sequence[Flat]) -> str | None:
    """The value that more than half of the settings have for a key, as it is typed; None if there is none."""
    values = [as_typed(own[key]) for own in settings]
    most = max(set(values), key=values.count)
    return most if 2 * values.count(most) > len(values) else None


def _short(keys: Sequence[str]) -> dict[str, str]:
    """Keys without their groups (``tau`` for ``agent.tau``), where that leaves no two alike."""
    last = [key.rpartition(".")[2] for key in keys]
    return {key: name if last.count(name) == 1 else key for key, name in zip(keys, last, strict=True)}


def _texts(values: Sequence[Any]) -> list[str]:
    """Values as they are typed; paths are cut to as much of their end as still tells them apart."""
    for parts in range(1, 20):
        texts = ["/".join(value.split("/")[-parts:]) if isinstance(value, str) else as_typed(value) for value in values]
        if len(set(texts)) == len({as_typed(value) for value in values}):
            return texts
    return [as_typed(value) for value in values]


def as_typed(value: Any) -> str:
    """A value as it is typed on a command line."""
    return value if isinstance(value, str) else json.dumps(value, default=str).replace('"', "")


def titles(games: Sequence[Flat]) -> list[str]:
    """What each section is measured on, in words; where two would be alike, with what else they differ in."""
    titles = [_title(own) for own in games]
    for title in {title for title in titles if titles.count(title) > 1}:
        alike = [k for k, own in enumerate(titles) if own == title]
        for k, label in zip(alike, labels(differing_settings([games[k] for k in alike])), strict=True):
            titles[k] = f"{title} ({label})"
    return titles


def _title(own: Flat) -> str:
    if "env.id" in own:
        count, first = own.get("evaluation.final_episodes", "?"), own.get("evaluation.episode_seed", "?")
        return f"{own['env.id']}, {count} episodes from seed {first}"
    count, first = own.get("evaluation.final_maps", "?"), own.get("evaluation.map_seed", "?")
    against = f", against {', '.join(own['rivals'])}" if own["rivals"] else ""
    return f"{own.get('level.name', '?')}, {count} maps from seed {first}{against}"
