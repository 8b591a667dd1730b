"""Which games and wrappers of a config stand for code that neither Waybill nor Gymnasium brings, to be asked about.

What needs no asking, whoever wrote the config: ids of Gymnasium's own games, of MinAtar and of the Arcade Learning
Environment, Waybill's own, and those of Gymnasium's wrappers below, which write no files and call nothing that they
are given; all of these with small numbers and plain words alone.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import gymnasium

from experiments.games.gym.make import EXTRAS, GameChoice
from experiments.games.gym.wrappers import read_wrapper
from groundwork.limits import cleaned

HARMLESS = (
    "AtariPreprocessing", "ClipAction", "ClipReward", "DelayObservation", "DiscretizeAction", "DiscretizeObservation",
    "DtypeObservation", "FilterObservation", "FlattenObservation", "FrameStackObservation", "GrayscaleObservation",
    "MaxAndSkipObservation", "NormalizeObservation", "NormalizeReward", "OrderEnforcing", "RecordEpisodeStatistics",
    "RepeatAction", "RescaleAction", "RescaleObservation", "ReshapeObservation", "ResizeObservation", "StickyAction",
    "TimeAwareObservation", "TimeLimit",
)  # fmt: skip
_OWN_GAMES = "gymnasium.envs."  # where entry points of Gymnasium's own games lie
_WORD = re.compile(r"[A-Za-z0-9_-]{0,64}")  # no dot, slash or colon: no module, no path
_LARGEST = 10**6  # of a number
_SIZES = ("stack_size", "shape", "screen_size", "delay", "bins", "max_repeats", "skip", "num_repeats")
_MOST_VALUES = 2**17  # that sizes of wrappers may multiply an observation by


def code_of_game(game: GameChoice) -> list[str]:
    """What of a game names code that runs unasked for, in words; empty if nothing does."""
    return [cleaned(line) for line in _lines(game)]


def _lines(game: GameChoice) -> Iterator[str]:
    id = str(game.id)
    module, colon, _ = id.rpartition(":")
    if colon and module != "envs":
        yield f"env.id={id} imports the module {module!r}"
    elif not colon and not id.startswith(tuple(EXTRAS)) and not _is_gymnasiums(id):
        yield f"env.id={id} is no game that Gymnasium itself brings"
    for key, value in game.kwargs.items():
        if not _is_plain(value):
            yield f"env.kwargs.{key}={value!r} may name a file or code"
    grown = 1.0
    for key, wrappers in (("env.wrappers", game.wrappers), ("env.training_wrappers", game.training_wrappers)):
        for given in wrappers:
            name, arguments = read_wrapper(given, key)
            if "." in name or ":" in name:
                yield f"{key}={name} imports the module {name.replace(':', '.').rpartition('.')[0]!r}"
            elif name not in HARMLESS and name in gymnasium.wrappers.__all__:
                yield f"{key}={name} writes files, draws or calls what it is given"
            for argument, value in arguments.items():
                if not _is_plain(value):
                    yield f"{key}={name}: {argument}={value!r} may name a file or code"
                elif argument in _SIZES:
                    grown *= _size(value, squared=argument == "screen_size")
    if grown > _MOST_VALUES:
        yield f"env.wrappers multiply the size of an observation by up to {grown:.2g}"


def _is_gymnasiums(id: str) -> bool:
    """True for a game of Gymnasium's own; one that isn't there can't be made, whoever is asked."""
    spec = gymnasium.registry.get(id)
    if spec is None:
        return True
    entries = [entry for entry in (spec.entry_point, spec.vector_entry_point) if entry is not None]
    return all(isinstance(entry, str) and entry.startswith(_OWN_GAMES) for entry in entries)


def _is_plain(value: Any) -> bool:
    """True for numbers, words and lists of them: what names neither a file nor a module."""
    if isinstance(value, str):
        return _WORD.fullmatch(value) is not None
    if isinstance(value, bool | None):
        return True
    if isinstance(value, int | float):
        return abs(value) <= _LARGEST or not math.isfinite(value)
    if isinstance(value, Mapping):
        return False
    return isinstance(value, Sequence) and len(value) <= 256 and all(_is_plain(entry) for entry in value)


def _size(value: Any, *, squared: bool) -> float:
    numbers = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    size = math.prod(max(1.0, float(one)) for one in numbers if isinstance(one, int | float))
    return size * size if squared else size
