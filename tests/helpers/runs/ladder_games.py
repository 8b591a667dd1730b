"""Games of a tiny ladder."""

from __future__ import annotations

from pathlib import Path

from experiments.games.waybill import environments
from experiments.games.waybill.ladder import LadderGames
from tiny import tiny_setup

LADDER = ("level=chain", "curriculum=ladder", "level.horizon=30")


def games(out: Path, *overrides: str) -> LadderGames:
    env = environments.training_env(tiny_setup(out, *LADDER, *overrides))
    assert isinstance(env, LadderGames)
    return env
