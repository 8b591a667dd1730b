"""What a search may be asked for."""

from __future__ import annotations

from typing import Any

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from experiments.tuning.settings import SearchSettings

SPACE = {"agent.n_step": {"low": 1, "high": 9}}


def test_ranges_and_choices() -> None:
    space = SPACE | {
        "agent.tau": {"low": 1e-3, "high": 1, "log": True},
        "agent.double": {"choices": [True, False, None]},
    }
    settings = SearchSettings(name="x", space=space)
    assert settings.distributions() == {
        "agent.n_step": IntDistribution(1, 9),
        "agent.tau": FloatDistribution(1e-3, 1.0, log=True),
        "agent.double": CategoricalDistribution([True, False, None]),
    }
    ends: list[tuple[str, Any]] = [("agent.double", True), ("agent.double", False), ("agent.double", None)]
    ends += [("agent.n_step", 1), ("agent.n_step", 9), ("agent.tau", 1e-3), ("agent.tau", 1)]
    assert settings.extremes() == ends


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"trials": 0}, "search.trials=0"),
        ({"workers": 0}, "search.workers=0"),
        ({"last": 0}, "search.last=0"),
        ({"prune_after": 1.5}, "search.prune_after=1.5"),
        ({"random_trials": 0}, "search.random_trials=0"),
        ({"space": {}}, "search.space={}"),
        ({"space": {"agent.tau": 3}}, "search.space.agent.tau=3"),
        ({"space": {"agent.tau": {"low": 1}}}, "search.space.agent.tau"),
        ({"space": {"agent.tau": {"low": 1, "high": 2, "step": 1}}}, "search.space.agent.tau"),
        ({"space": {"agent.tau": {"low": 2, "high": 1}}}, "low below high"),
        ({"space": {"agent.tau": {"low": 0, "high": 1, "log": True}}}, "above 0 with log"),
        ({"space": {"agent.tau": {"low": True, "high": 2}}}, "search.space.agent.tau"),
        ({"space": {"agent.tau": {"choices": [1]}}}, "two or more plain values"),
        ({"space": {"agent.tau": {"choices": [[1], [2]]}}}, "two or more plain values"),
        ({"space": {"agent.tau": {"choices": "abc"}}}, "two or more plain values"),
    ],
)
def test_what_is_not_allowed(changes: dict[str, Any], part: str) -> None:
    with pytest.raises(ValueError, match=".") as refused:
        SearchSettings(**{"name": "x", "space": SPACE, **changes})
    assert part in str(refused.value)
    assert "\n" not in str(refused.value)
