"""The section ``search`` of a tuning's config: what is tried, how often, and when a trial is given up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from experiments.config.errors import need
from experiments.config.schema import CommandConfig

RANGE, CHOICES = {"low", "high", "log"}, {"choices"}


@dataclass
class SearchSettings:
    """A search. ``space`` has a range or choices for each key of the config; whole numbers stay whole.

    A trial is worth the mean score of its ``last`` evaluations on the validation maps, over its seeds.
    """

    name: str = MISSING
    trials: int = 60
    workers: int = 2  # processes, one trial each
    random_trials: int = 12  # before the sampler proposes; the first of all is the config as it is
    last: int = 3  # evaluations
    prune_after: float = 0.3  # share of a trial's evaluations after which it is given up if it is in the lower half
    space: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        need(self.trials >= 1, "search.trials", self.trials, "1 or more")
        need(1 <= self.workers <= 1024, "search.workers", self.workers, "1..1024 processes")
        need(self.random_trials >= 1, "search.random_trials", self.random_trials, "1 or more")
        need(self.last >= 1, "search.last", self.last, "1 or more evaluations")
        need(0.0 <= self.prune_after <= 1.0, "search.prune_after", self.prune_after, "0..1; 1 gives nothing up")
        need(len(self.space) > 0, "search.space", self.space, "a range or choices for one key at least")
        self.distributions()

    def distributions(self) -> dict[str, BaseDistribution]:
        """The distribution that each key's values are drawn from.

        Raises:
            WaybillError: in one line, for what is neither a range nor choices.
        """
        return {key: _distribution(f"search.space.{key}", given) for key, given in self.space.items()}

    def could_try(self, key: str, value: Any) -> bool:
        """True if a value is one of the choices for a key, or of the kind that its range is made of."""
        if "choices" in self.space[key]:
            return value in self.space[key]["choices"]
        return isinstance(value, int | float) and not isinstance(value, bool)

    def extremes(self) -> list[tuple[str, Any]]:
        """Each key with each end of its range, or each of its choices: the values that have to be allowed."""
        pairs = [(key, value) for key, given in self.space.items() for value in _ends(given)]
        return sorted(pairs, key=lambda pair: pair[0])


@dataclass
class TuningConfig(CommandConfig):
    """What a command line may say, with a search in it."""

    search: SearchSettings = MISSING


def _ends(given: Mapping[str, Any]) -> list[Any]:
    return list(given["choices"]) if "choices" in given else [given["low"], given["high"]]


def _distribution(key: str, given: Any) -> BaseDistribution:
    allowed = "{low: a, high: b}, with log: true if they are magnitudes, or {choices: [...]}"
    fits = isinstance(given, Mapping) and (set(given) == CHOICES or {"low", "high"} <= set(given) <= RANGE)
    need(fits, key, given, allowed)
    if "choices" in given:
        choices = given["choices"]
        plain = isinstance(choices, list) and all(isinstance(one, bool | int | float | str | None) for one in choices)
        need(plain and len(choices) > 1, key, choices, "a list of two or more plain values")
        return CategoricalDistribution(choices)
    low, high, log = given["low"], given["high"], given.get("log", False)
    numbers = all(isinstance(end, int | float) and not isinstance(end, bool) for end in (low, high))
    need(numbers and isinstance(log, bool), key, given, allowed)
    need(low < high and (low > 0 or not log), key, given, "low below high, and above 0 with log")
    kind = IntDistribution if isinstance(low, int) and isinstance(high, int) else FloatDistribution
    return kind(low, high, log=log)
