"""Whether the batch that a game brings plays the game that the single environment plays."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode

from experiments.games.gym.checks import MASK
from experiments.games.gym.make import GameChoice, find_spec, make, make_batch
from experiments.games.gym.seeds import FIRST_TRAINING_SEED

COMPARED_STEPS = 128

_known: dict[str, bool] = {}


def is_same_game(game: GameChoice) -> bool:
    """True if a game's own batch resets by the next step and, as a batch of one, plays what the single game plays.

    Some bring another game: Atari's batch shows small grey frames, the single environment the whole screen. A game
    without a single environment has nothing to be compared with, and counts as the same.
    """
    key = repr(game)
    if key not in _known:
        batch = make_batch(game, 1)
        _known[key] = batch.metadata.get("autoreset_mode") == AutoresetMode.NEXT_STEP and _plays_alike(game, batch)
        batch.close()
    return _known[key]


def _plays_alike(game: GameChoice, batch: Any) -> bool:
    if find_spec(game.id).entry_point is None:
        return True
    with contextlib.closing(make(game)) as env:
        return _agree(env, batch)


def _agree(env: Any, batch: Any) -> bool:
    """Whether a game and a batch of one show and pay the same for the same actions, up to the end of an episode."""
    rng = np.random.default_rng(0)
    if env.observation_space != batch.single_observation_space or env.action_space != batch.single_action_space:
        return False
    alone, info = env.reset(seed=FIRST_TRAINING_SEED)
    together, _ = batch.reset(seed=FIRST_TRAINING_SEED)
    over = False
    for _ in range(COMPARED_STEPS):
        if not np.allclose(alone, together[0], rtol=1e-5, atol=1e-6):
            return False
        if over:  # the next game's start is drawn otherwise
            return True
        legal = np.flatnonzero(info.get(MASK, np.ones(env.action_space.n)))
        action = int(rng.choice(legal)) + int(env.action_space.start)
        alone, r, terminated, truncated, info = env.step(action)
        together, rewards, terminations, truncations, _ = batch.step(np.array([action]))
        ends = (bool(terminated), bool(truncated)) == (bool(terminations[0]), bool(truncations[0]))
        if not ends or not np.isclose(float(r), rewards[0]):
            return False
        over = terminated or truncated
    return True
