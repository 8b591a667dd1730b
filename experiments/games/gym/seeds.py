"""Which seeds of a game are for training, for validation and held out."""

from __future__ import annotations

# The first seeds; all are below 2**31, some games (Atari's) take no larger ones.
FIRST_HELD_OUT_SEED, FIRST_VALIDATION_SEED, FIRST_TRAINING_SEED, SEEDS_END = 0, 2**29, 2**30, 2**31
MOST_SIDE_BY_SIDE = 2**16  # side by side: the largest num_envs


def training_seed(run_seed: int, game: int = 0) -> int:
    """Seed of a training game: each run's seed has 16,384 of its own, which no evaluation uses."""
    return FIRST_TRAINING_SEED + (run_seed * 2**14 + game) % (SEEDS_END - FIRST_TRAINING_SEED - MOST_SIDE_BY_SIDE)
