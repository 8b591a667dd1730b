"""Greedy episodes of foreign games: what Gymnasium plays with their seeds, none of which training draws."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest

import foreign  # noqa: F401 - makes its games known
from experiments.games.gym import evaluation
from experiments.games.gym import seeds as game_seeds
from experiments.games.gym.evaluation import EpisodeEvaluator, RandomPlayer
from experiments.games.gym.make import GameChoice
from experiments.games.gym.sb3 import SB3Game
from experiments.games.gym.seeds import training_seed


def evaluator(id: str, first: int, episodes: int, max_steps: int = 1000) -> EpisodeEvaluator:
    return EpisodeEvaluator(game=GameChoice(id), first_seed=first, episodes=episodes, max_steps=max_steps)


def leaning(obs: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return (obs[:, 2] + obs[:, 3] > 0).astype(np.int64)


def test_an_episode_is_what_gymnasium_plays_with_its_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    lengths = []
    for seed in range(4, 11):
        env = gymnasium.make("CartPole-v1")
        obs, _ = env.reset(seed=seed)
        over, length = False, 0
        while not over:
            obs, _, terminated, truncated, _ = env.step(int(leaning(obs[None], obs)[0]))
            over, length = terminated or truncated, length + 1
        lengths.append(length)
    together = evaluator("CartPole-v1", 4, 7)
    for _ in range(2):
        games = together(leaning)
        assert games.score.tolist() == games.length.tolist() == lengths
        assert not games.cut.any()
    monkeypatch.setattr(evaluation, "EPISODES_AT_ONCE", 3)
    assert evaluator("CartPole-v1", 4, 7)(leaning).score.tolist() == lengths
    cut = evaluator("CartPole-v1", 4, 7, max_steps=60)(leaning)
    assert cut.length.tolist() == [min(length, 60) for length in lengths]
    assert cut.cut.tolist() == [length > 60 for length in lengths]


def test_an_evaluation_leaves_nothing_behind_in_the_games() -> None:
    """MinAtar's sticky actions remember the last action across games."""
    play = evaluator("MinAtar/Breakout-v0", 0, 40)
    first = play(lambda obs, mask: np.full(len(obs), 1))
    play(lambda obs, mask: np.full(len(obs), 3))
    assert np.array_equal(first.score, play(lambda obs, mask: np.full(len(obs), 1)).score)


def test_the_random_player_plays_legal_actions_alone() -> None:
    player, mask = RandomPlayer(0), np.tile(np.array([[0, 1, 1, 0]], np.int8), (500, 1))
    actions = player(np.zeros((500, 1)), mask)
    assert set(actions.tolist()) == {1, 2}
    evaluator("tests/Stairs-v0", 0, 20)(player)  # an illegal one would go below 0 or be refused


def test_training_seeds_lie_apart_from_those_of_evaluations() -> None:
    assert game_seeds.FIRST_HELD_OUT_SEED + 2**29 <= game_seeds.FIRST_VALIDATION_SEED
    assert game_seeds.FIRST_VALIDATION_SEED + 100_000 <= game_seeds.FIRST_TRAINING_SEED
    seeds = {training_seed(run, game) for run in (0, 1, 65_535) for game in (0, 1, 32_767)}
    assert len(seeds) == 9
    assert min(seeds) >= game_seeds.FIRST_TRAINING_SEED
    assert max(seeds) + 2**16 <= 2**31


def test_stable_baselines_cannot_seed_training_with_an_evaluations_seed() -> None:
    game = SB3Game(game=GameChoice("FrozenLake-v1"), seed=training_seed(0))
    drawn = [game.reset(seed=seed) and game.unwrapped.np_random.random() for seed in (0, 5)]
    assert drawn[0] == drawn[1]
    assert game.action_masks().tolist() == [True] * 4
    over, total = False, 0.0
    while not over:
        obs, r, terminated, truncated, info = game.step(1)
        over, total = terminated or truncated, total + float(r)
    assert info["finished"] == {"r": total, "l": game.env.get_wrapper_attr("_elapsed_steps")}
    assert (obs.shape, obs.dtype, obs.sum()) == ((16,), np.float32, 1)
    masked = SB3Game(game=GameChoice("tests/Stairs-v0"), seed=0)
    masked.reset(seed=0)
    masked.step(1)
    assert masked.action_masks().tolist() == [True, True, bool(masked.unwrapped.place % 2 == 0)]  # type: ignore[attr-defined]
