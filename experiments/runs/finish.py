"""The end of a run: the result written, the table of scores, what to type next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments.common.machine import device_of, threads_of
from experiments.common.statistics import mean_interval
from experiments.config.reading import Setup
from experiments.config.schema import UNUSED
from experiments.runs import results, seeds
from experiments.runs.domain import HeldOut
from experiments.runs.policies import load_policy
from experiments.runs.seeds import JointSession
from experiments.runs.session import Session


def report(setup: Setup, folder: Path, session: Session | JointSession) -> float:
    """Evaluate the best policy (of each seed) on the held-out games, write the result and show it."""
    seconds = session.seconds  # before the final games, which take their time
    held_out, name = setup.domain.held_out(setup), setup.names["agent"]
    baselines = held_out.baselines()
    if isinstance(session, Session):
        result = _result(setup, folder, session, held_out, baselines, seconds)
        print_table(setup, held_out, result["scores"])
        _show(setup, folder, result)
        return float(result["scores"][name]["mean"])
    found = []
    for one, own in zip(seeds.split(setup), session.sessions, strict=True):
        found.append(_result(one, seeds.folder_of(folder, one), own, held_out, baselines, seconds))
    rows = {f"{name} seed={result['seed']}": result["scores"][name] for result in found}
    others = {player: row for player, row in found[0]["scores"].items() if player != name}
    print_table(setup, held_out, rows | others)
    return _show_seeds(setup, folder, found, [float(row["mean"]) for row in rows.values()])


def _result(
    setup: Setup, folder: Path, session: Session, held_out: HeldOut, baselines: Mapping[str, Any], seconds: float
) -> dict[str, Any]:
    """One seed's result, as written to its folder."""
    evaluator = held_out.evaluator()
    policy = load_policy(setup, folder, env=evaluator.env, device=device_of(setup.config))
    scores = held_out.compare({setup.names["agent"]: evaluator(policy.greedy), **baselines})
    settings, updates, steps = setup.agent, session.agent.updates, session.env_step
    result = {
        **header(setup),
        "env_steps": steps,
        "updates": updates,
        "updates_per_step": updates / max(steps, 1),
        "batch_size": getattr(settings, "batch_size", None),
        "seconds": seconds,
        "steps_per_s": steps / seconds,
        "reached": session.reached,
        "curve": session.curve,
        "ladder": None if session.curriculum is None else session.curriculum.begun,
        "policy": {
            "checkpoint": policy.checkpoint,
            "env_step": policy.env_step,
            "validation_score": policy.validation_score,
        },
        "scores": scores,
        **results.surroundings(),
    }
    results.write(folder, result)
    return result


def print_table(setup: Setup, held_out: HeldOut, scores: Mapping[str, Any]) -> None:
    title = f"held-out games: {held_out.title}"
    results.print_table(scores, title=title, columns=held_out.columns, players=setup.domain.players)


def header(setup: Setup) -> dict[str, Any]:
    config = setup.config
    return {
        "choices": setup.names,
        "seed": config.seed,
        "device": str(device_of(config)),
        "threads": threads_of(config),
        "network_threads": config.network_threads,
        "num_envs": config.num_envs,
        **setup.domain.describe(setup),
    }


def _show(setup: Setup, folder: Path, result: Mapping[str, Any]) -> None:
    score, reached = result["scores"][setup.names["agent"]], result["reached"]
    choices = " ".join(f"{group}={name}" for group, name in setup.names.items() if name != UNUSED)
    print(
        f"{choices} seed={setup.config.seed}: score {score['mean']:,.1f} in {result['env_steps']:,} steps, "
        f"{result['seconds']:,.0f} s of training ({result['steps_per_s']:,.0f} steps/s)"
    )
    if reached is not None:
        since = reached["seconds_since_start"]
        print(
            f"reached:  {reached['score']:,.1f} after {reached['env_step']:,} steps"
            + ("" if since is None else f", {since:,.1f} s after the process began")
        )
    print(
        f"curves:   tensorboard --logdir {folder.parent}\n"
        f"measure:  python evaluate.py {folder}\n"
        f"watch:    python replay.py {folder} --format gif --out game.gif\n"
        f"extend:   python train.py resume={folder} steps={2 * (result['env_steps'] or setup.config.steps)}",
        flush=True,
    )


def _show_seeds(setup: Setup, folder: Path, found: Sequence[Mapping[str, Any]], means: list[float]) -> float:
    """What several seeds came to; returns their mean."""
    mean, low, high = mean_interval(np.array(means))
    seconds, steps = found[0]["seconds"], sum(result["env_steps"] for result in found)
    print(
        f"{setup.names['agent']}, {len(means)} seeds: score {mean:,.1f} ({low:,.1f} … {high:,.1f} over seeds), "
        f"{steps:,} steps in {seconds:,.0f} s of training together ({steps / seconds:,.0f} steps/s)\n"
        f"curves:   tensorboard --logdir {folder}\n"
        f"measure:  python evaluate.py {seeds.folder_of(folder, setup)}",
        flush=True,
    )
    return mean
