"""The end of a run: the result written, the table of scores, what to type next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from agents.acting.search import LookaheadSettings
from experiments.common.machine import device_of, threads_of
from experiments.common.statistics import mean_interval
from experiments.config.keys import as_override, door_words, shell_command
from experiments.config.reading import Setup
from experiments.config.schema import UNUSED
from experiments.runs import results, seeds
from experiments.runs.commands import config_words
from experiments.runs.domain import HeldOut
from experiments.runs.own_parts import own_parts
from experiments.runs.policies import load_policy
from experiments.runs.seed_run import SeedRun
from experiments.runs.session import Session


def finish_run(setup: Setup, folder: Path, session: Session) -> float:
    """Evaluate each seed's best policy on the held-out games, write and show the results; returns the mean score."""
    seconds = session.clock.seconds  # before the final games, which take their time
    held_out, name = setup.domain.held_out(setup), setup.names["agent"]
    baselines = held_out.baselines()
    found = [_result(own, held_out, baselines, seconds) for own in session.seeds]
    several = len(found) > 1
    own_rows = {
        f"{row} seed={one['seed']}" if several else row: one["scores"][row]
        for one in found for row in one["scores"] if row not in baselines
    }  # fmt: skip
    players = {player: row for player, row in found[0]["scores"].items() if player in baselines}
    print_held_out(setup, held_out, own_rows | players)
    means = [float(one["scores"][name]["mean"]) for one in found]
    _show(setup, folder, found, means)
    session.end(found)
    return float(np.mean(means))


def _result(own: SeedRun, held_out: HeldOut, baselines: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    """One seed's result, as written to its folder."""
    evaluator, setup = held_out.evaluator(), own.setup
    policy = load_policy(setup, own.folder, env=evaluator.env, device=device_of(setup.config))
    name, search = setup.names["agent"], setup.config.evaluation.search
    games = {name: evaluator(policy.greedy)}
    if search is not None:
        games[f"{name} with search"] = evaluator(held_out.thinking(policy, LookaheadSettings(search)))
    scores = held_out.compare({**games, **baselines})
    settings, updates, steps = setup.agent, own.agent.updates, own.env_step
    result = {
        **describe_run(setup),
        "env_steps": steps,
        "updates": updates,
        "updates_per_step": updates / max(steps, 1),
        "batch_size": getattr(settings, "batch_size", None),
        "seconds": seconds,
        "steps_per_s": steps / seconds,
        "reached": own.reached,
        "curve": own.scores,
        "ladder": None if own.curriculum is None else own.curriculum.begun,
        "policy": {
            "checkpoint": policy.checkpoint,
            "env_step": policy.env_step,
            "validation_score": policy.validation_score,
        },
        "scores": scores,
        **results.provenance(),
    }
    results.write_result(own.folder, result)
    return result


def print_held_out(setup: Setup, held_out: HeldOut, scores: Mapping[str, Any]) -> None:
    title = f"held-out games: {held_out.title}"
    results.print_scores(scores, title=title, columns=held_out.columns, players=setup.domain.players)


def describe_run(setup: Setup) -> dict[str, Any]:
    config = setup.config
    return {
        "choices": setup.names,
        "seed": config.seed,
        "device": str(device_of(config)),
        "threads": threads_of(config),
        "network_threads": config.network_threads,
        "num_envs": config.num_envs,
        "own_parts": own_parts(setup),
        **setup.domain.describe(setup),
    }


def _show(setup: Setup, folder: Path, found: Sequence[Mapping[str, Any]], means: Sequence[float]) -> None:
    """Say what the run came to, and what to type next."""
    choices = " ".join(f"{group}={name}" for group, name in setup.names.items() if name != UNUSED)
    seeds_own, several = seeds.folders(folder, setup), len(found) > 1
    steps, seconds = sum(one["env_steps"] for one in found), found[0]["seconds"]
    mean, low, high = mean_interval(np.array(means)) if several else (means[0], None, None)
    who = f"{len(found)} seeds" if several else f"seed={setup.config.seed}"
    over = f" ({low:,.1f} … {high:,.1f} over seeds)" if several else ""
    print(
        f"{choices} {who}: score {mean:,.1f}{over} in {steps:,} steps, "
        f"{seconds:,.0f} s of training ({steps / seconds:,.0f} steps/s)"
    )
    for one in found:
        if (line := _untrained(one, several)) is not None:
            print(line)
        if one["reached"] is not None:
            print(_reached(one, several))
    further = as_override("steps", 2 * (found[0]["env_steps"] or setup.config.steps))
    for what, words in {
        "curves:": ("tensorboard", "--logdir", folder if several else folder.parent),
        "measure:": (*door_words("evaluate"), *config_words(), seeds_own[0]),
        "watch:": (*door_words("replay"), *config_words(), seeds_own[0], "--format", "gif", "--out", "game.gif"),
        "extend:": (*door_words("train"), *config_words(), as_override("resume", folder), further),
    }.items():
        print(f"{what:<9} {shell_command(*words)}", flush=True)


def _untrained(result: Mapping[str, Any], several: bool) -> str | None:
    """What to know of a score that is an untrained policy's; None if it is not."""
    seed = f" with seed={result['seed']}" if several else ""
    if result["updates"] == 0:
        return f"untrained: there was no update{seed}, the score is that of the weights as they were drawn"
    if result["policy"]["env_step"] == 0:
        return f"untrained: no policy{seed} did better on the validation games than that of step 0, and that is scored"
    return None


def _reached(result: Mapping[str, Any], several: bool) -> str:
    """When a seed reached the score to stop at."""
    reached = result["reached"]
    since, seed = reached["seconds_since_start"], f" with seed={result['seed']}" if several else ""
    after = "" if since is None else f", {since:,.1f} s after the process began"
    return f"reached:  {reached['score']:,.1f}{seed} after {reached['env_step']:,} steps{after}"
