"""Measuring a finished run, or a player, on any maps and (where the network allows) any level."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from envs.waybill import levels
from envs.waybill.levels import LevelConfig
from envs.waybill.players import PLAYERS
from experiments import config as configs
from experiments import environments, results
from experiments.baselines import evaluate_players
from experiments.evaluation import Evaluator
from experiments.policies import load_policy
from experiments.runs import CACHE

DEFAULT_LEVEL = "refine"


def measure(
    target: str, *, level: str | None, maps: int | None, map_seed: int | None, seed: int, device: str, out: str
) -> dict[str, Any]:
    """Scores by player of a run folder or a player's name, on held-out maps; prints the table.

    What is None is taken from the run's own config. ``seed`` is the random player's.

    Raises:
        ValueError: in one line, if the target, the level or the checkpoint is no good or doesn't fit.
    """
    configs.check_device(device)
    folder = Path(target)
    chosen = None if level is None else levels.load(level)
    environments.announce_compilation()
    if target in PLAYERS and not folder.is_dir():
        return _measure_players(target, chosen or levels.load(DEFAULT_LEVEL), maps, map_seed, seed, Path(out))
    if not folder.is_dir():
        raise ValueError(f"{target!r} is neither a run folder nor a player, players are {', '.join(PLAYERS)}")
    setup = configs.load(folder)
    evaluation = setup.config.evaluation
    count, first = _checked(maps, map_seed, evaluation.final_maps, evaluation.map_seed)
    used = setup.config.level if chosen is None else chosen
    out = setup.config.out if Path(setup.config.out).is_dir() else str(folder.parent)
    if setup.player is not None:
        return _measure_players(setup.player, used, count, first, seed, Path(out))
    setup.config.device = device
    torch.set_num_threads(setup.config.network_threads)
    evaluator = Evaluator(setup=setup, first_map=first, maps=count, level=used)
    policy = load_policy(setup, folder, env=evaluator.env, device=environments.device_of(setup.config))
    measured = evaluator(policy.greedy)
    beside = evaluate_players(level=used, first_map=first, maps=count, cache=Path(out) / CACHE, seed=seed)
    scores = results.compare({setup.names["agent"]: measured, **beside})
    title = f"{folder} after {policy.env_step:,} steps on {used.name}, {count} maps from seed {first}"
    results.print_table(scores, title=title)
    return scores


def _measure_players(
    name: str, level: LevelConfig, maps: int | None, map_seed: int | None, seed: int, out: Path
) -> dict[str, Any]:
    count, first = _checked(maps, map_seed, 100, 0)
    beside = evaluate_players(level=level, first_map=first, maps=count, cache=out / CACHE, seed=seed)
    scores = results.compare(beside)
    results.print_table(scores, title=f"{name} on {level.name}, {count} maps from seed {first}")
    return scores


def _checked(maps: int | None, map_seed: int | None, usual_maps: int, usual_seed: int) -> tuple[int, int]:
    """How many maps from which on, checked like the config's."""
    count, first = usual_maps if maps is None else maps, usual_seed if map_seed is None else map_seed
    try:
        configs.EvaluationConfig(final_maps=count, map_seed=first)
    except ValueError as error:
        line = str(error).replace("evaluation.final_maps", "--maps").replace("evaluation.map_seed", "--map-seed")
        raise ValueError(line) from None
    return count, first
