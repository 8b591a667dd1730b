"""A run from its config to its result: the folder, training or resuming, the final evaluation, what to type next."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf

from experiments import checkpoints, environments, results
from experiments import config as configs
from experiments.baselines import evaluate_players
from experiments.config import RESUMABLE, Setup
from experiments.door import Interrupted
from experiments.evaluation import Evaluator, Measured
from experiments.policies import load_policy
from experiments.session import LAST, Session, StopRequest
from experiments.training import make_loop, train, validation_maps

CONFIG = "config.yaml"
CACHE = ".cache"  # below the folder of all runs


def start(node: DictConfig, *, folder: Path, overrides: Sequence[str] = ()) -> float:
    """Do what a composed config asks for: a new run in ``folder``, or going on with ``resume``.

    Returns the mean score on the held-out maps.

    Raises:
        ValueError: in one line, before anything is written.
        Interrupted: after saving, if asked to stop.
    """
    resumed = OmegaConf.select(node, "resume")
    try:
        if resumed is not None:
            _discard(folder)
            return resume(Path(str(resumed)), overrides=overrides)
        setup = configs.read(node)
        _prepare(setup)
        if setup.player is not None:
            return _run_player(setup, folder)
        return _train_and_report(setup, folder, None)
    except (ValueError, OSError):
        _discard(folder)
        raise


def resume(folder: Path, *, overrides: Sequence[str]) -> float:
    """Go on with a run in its own folder; ``steps=N`` among the overrides extends it."""
    setup, before = configs.load(folder), results.read(folder)
    setup = _with_overrides(setup, overrides)
    if setup.player is not None:
        raise ValueError(f"resume={folder}: agent={setup.player} does not learn, there is nothing to go on with")
    state = checkpoints.load(folder / LAST)
    done, wanted = state["env_step"], setup.config.steps
    if done >= wanted and before is not None:
        hint = f"to extend it, add steps=N with N above {done}"
        raise ValueError(f"resume={folder}: the run is finished ({done} of {wanted} steps); {hint}")
    _prepare(setup)
    return _train_and_report(setup, folder, state)


def _with_overrides(setup: Setup, overrides: Sequence[str]) -> Setup:
    """The saved config with the few keys that may change when a run goes on."""
    changed = OmegaConf.create(setup.plain)
    for override in overrides:
        key, _, value = override.partition("=")
        if key not in RESUMABLE:
            allowed = ", ".join(name for name in RESUMABLE if name != "resume")
            raise ValueError(f"{override}: a resumed run keeps its own config, only {allowed} may be given")
        if key != "resume":
            OmegaConf.update(changed, key, OmegaConf.create(f"value: {value}").value)
    return configs.read(changed)


def _train_and_report(setup: Setup, folder: Path, state: Mapping[str, Any] | None) -> float:
    with StopRequest() as stop:
        environments.announce_compilation()
        validation = validation_maps(setup)
        validation.warm_up()
        loop = make_loop(setup, validation=validation)
        _claim(folder, setup, new=state is None)
        if state is None:
            print(f"training in {folder}", flush=True)
        else:
            print(f"going on in {folder} after {state['env_step']:,} steps", flush=True)
        session = train(setup=setup, folder=folder, loop=loop, validation=validation, state=state, stop=stop)
    try:
        return _report(setup, folder, session)
    except KeyboardInterrupt:
        line = f"stopped in the final evaluation; training is complete, go on with: python train.py resume={folder}"
        raise Interrupted(line) from None


def _claim(folder: Path, setup: Setup, *, new: bool) -> None:
    """Save the config: two new runs never share a folder, and a result of fewer steps is kept under another name."""
    text = OmegaConf.to_yaml(OmegaConf.create(setup.plain))
    if not new:
        old = results.read(folder)
        if old is not None:
            os.replace(folder / results.RESULT, folder / f"result_at_{old['env_steps']}.json")
        checkpoints.write_whole(folder / CONFIG, lambda temporary: temporary.write_text(text))
        return
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with (folder / CONFIG).open("x") as stream:
            stream.write(text)
    except FileExistsError:
        raise ValueError(f"{folder} holds a run already; go on with it by resume={folder}") from None


def _report(setup: Setup, folder: Path, session: Session) -> float:
    """Evaluate the best policy on the held-out maps, write the result and show it."""
    seconds = session.seconds  # before the players' games, which take their time
    evaluation = setup.config.evaluation
    held_out = Evaluator(setup=setup, first_map=evaluation.map_seed, maps=evaluation.final_maps)
    policy = load_policy(setup, folder, env=held_out.env, device=environments.device_of(setup.config))
    scores = results.compare({setup.names["agent"]: held_out(policy.greedy), **_baselines(setup)})
    settings, updates, steps = setup.agent, session.agent.updates, session.env_step
    result = {
        **_header(setup),
        "env_steps": steps,
        "updates": updates,
        "updates_per_step": updates / steps,
        "batch_size": getattr(settings, "batch_size", None),
        "seconds": seconds,
        "steps_per_s": steps / seconds,
        "policy": {
            "checkpoint": policy.checkpoint,
            "env_step": policy.env_step,
            "validation_score": policy.validation_score,
        },
        "scores": scores,
        **results.surroundings(),
    }
    results.write(folder, result)
    _show(setup, folder, result)
    return float(scores[setup.names["agent"]]["mean"])


def _run_player(setup: Setup, folder: Path) -> float:
    """A run whose agent doesn't learn: its games on the held-out maps are the result."""
    environments.announce_compilation()
    name, start_time = setup.names["agent"], time.perf_counter()
    games = _baselines(setup)
    scores = results.compare({name: games[str(setup.player)], **games})
    _claim(folder, setup, new=True)
    result = {**_header(setup), "env_steps": 0, "updates": 0, "seconds": time.perf_counter() - start_time}
    results.write(folder, {**result, "policy": {"player": setup.player}, "scores": scores, **results.surroundings()})
    results.print_table(scores, title=_title(setup))
    print(f"result: {folder / results.RESULT}")
    return float(scores[name]["mean"])


def _header(setup: Setup) -> dict[str, Any]:
    config = setup.config
    return {
        "choices": setup.names,
        "seed": config.seed,
        "device": str(environments.device_of(config)),
        "threads": environments.threads_of(config),
        "network_threads": config.network_threads,
        "num_envs": config.num_envs,
        "maps": {
            "level": config.level.name,
            "first": config.evaluation.map_seed,
            "count": config.evaluation.final_maps,
        },
    }


def _baselines(setup: Setup) -> dict[str, Measured]:
    config = setup.config
    return evaluate_players(
        level=config.level,
        first_map=config.evaluation.map_seed,
        maps=config.evaluation.final_maps,
        cache=Path(config.out) / CACHE,
        threads=environments.threads_of(config),
        progress=config.progress,
    )


def _title(setup: Setup) -> str:
    config = setup.config
    return f"{config.level.name}, {config.evaluation.final_maps} held-out maps from seed {config.evaluation.map_seed}"


def _show(setup: Setup, folder: Path, result: Mapping[str, Any]) -> None:
    results.print_table(result["scores"], title=_title(setup))
    score = result["scores"][setup.names["agent"]]
    choices = " ".join(f"{group}={name}" for group, name in setup.names.items())
    print(
        f"{choices} seed={setup.config.seed}: score {score['mean']:,.1f} in {result['env_steps']:,} steps, "
        f"{result['seconds']:,.0f} s of training ({result['steps_per_s']:,.0f} steps/s)"
    )
    print(
        f"curves:   tensorboard --logdir {folder.parent}\n"
        f"measure:  python evaluate.py {folder}\n"
        f"watch:    python replay.py {folder} --format gif --out game.gif\n"
        f"extend:   python train.py resume={folder} steps={2 * result['env_steps']}",
        flush=True,
    )


def _prepare(setup: Setup) -> None:
    environments.device_of(setup.config)  # a missing device is said before the engine is compiled
    torch.set_num_threads(setup.config.network_threads)


def _discard(folder: Path) -> None:
    """Remove a run folder in which nothing was written, and what was made to hold it."""
    for empty in (folder, folder.parent):
        with contextlib.suppress(OSError):
            empty.rmdir()
