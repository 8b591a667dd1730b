"""Speed, measured side by side in one run: ``make bench`` or ``python -m experiments.bench [device=cuda] [rounds=5]``.

Only ratios within a run mean something on a shared machine; every figure is a median over rounds that take turns.
"""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Callable
from functools import partial
from statistics import median

import gymnasium
import numpy as np
import torch
from gymnasium.vector import VectorEnv
from rich.console import Console
from rich.table import Table
from stable_baselines3.common.vec_env import DummyVecEnv

from agents.dqn import DQN
from agents.dqn_settings import DQNSettings
from agents.networks import Layout, MLPSettings
from agents.sb3 import SB3DQNSettings
from envs.waybill.env import WaybillEnv, WaybillVectorEnv
from envs.waybill.maps import TRAIN_SEEDS
from experiments.door import door
from experiments.environments import announce_compilation
from experiments.progress import ProgressReport

GAMES, SINGLE_STEPS = 1024, 4000
SIDE_GAMES, BATCH_SIZE, STEPS_PER_UPDATE, WIDTH, LAYERS = 8, 128, 4, 256, 2
WARM_UP, TRAINED = 512, 2048  # environment steps before and during a timed round of learning
MAPS = (TRAIN_SEEDS, 512)


def legal(mask: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """A uniform legal action for each row of a reducer's mask [N, K]; its filled slots come first."""
    return (generator.random(len(mask)) * mask.sum(1)).astype(np.int64)


def batch_engine() -> Callable[[], float]:
    """Steps a second of 1,024 games of refine: rules, reward, heuristic candidates and observation included."""
    env = WaybillVectorEnv(num_envs=GAMES, maps=MAPS, threads=len(os.sched_getaffinity(0)), copy=False)
    generator = np.random.default_rng(0)
    _, infos = env.reset(seed=0)

    def once(turns: int = 80) -> float:
        nonlocal infos
        spent = 0.0
        for _ in range(turns):
            actions = legal(infos["action_mask"], generator)
            begin = time.perf_counter()
            _, _, _, _, infos = env.step(actions)
            spent += time.perf_counter() - begin
        return turns * GAMES / spent

    return once


def single_engine() -> Callable[[], float]:
    """Steps a second of one ``gymnasium.make`` environment with random legal actions."""
    env = gymnasium.make("envs:waybill/Refine-v0", maps=MAPS)
    generator = np.random.default_rng(0)
    _, info = env.reset(seed=0)

    def once() -> float:
        nonlocal info
        begin = time.perf_counter()
        for _ in range(SINGLE_STEPS):
            _, _, terminated, _, info = env.step(int(generator.integers(info["action_mask"].sum())))
            if terminated:
                _, info = env.reset()
        return SINGLE_STEPS / (time.perf_counter() - begin)

    return once


def dqn_training(device: torch.device) -> Callable[[], float]:
    """Training steps a second of our DQN: act, step, remember, update."""
    env = WaybillVectorEnv(num_envs=SIDE_GAMES, maps=MAPS)
    layout, actions = Layout(*env.layout), int(env.single_action_space.n)  # type: ignore[attr-defined]
    network = MLPSettings(width=[WIDTH] * LAYERS, layer_norm=False)
    settings = DQNSettings(
        batch_size=BATCH_SIZE,
        updates_per_step=1 / STEPS_PER_UPDATE,
        learning_starts=WARM_UP // 2,
        memory_capacity=50_000,
    )
    agent: DQN = settings.build(
        make_network=partial(network.build, layout=layout, n_actions=actions),
        num_envs=SIDE_GAMES,
        obs_size=layout.size,
        n_actions=actions,
        total_steps=10**6,
        device=device,
        seeds=[0],
        store_masks=True,
    )
    run = dqn_loop(env, agent)
    run(WARM_UP)
    return lambda: run(TRAINED)


def dqn_loop(env: VectorEnv, agent: DQN) -> Callable[[int], float]:
    """A function that trains for some environment steps and returns steps a second."""
    obs, infos = env.reset(seed=0)
    env_step = 0

    def run(steps: int) -> float:
        nonlocal obs, infos, env_step
        begin = time.perf_counter()
        for _ in range(steps // env.num_envs):
            mask = infos["action_mask"]
            a_tm1 = agent.act(obs, mask, infos["action_group"], env_step=env_step)
            obs_t, r_t, terminated_t, truncated_t, infos = env.step(a_tm1)
            agent.observe(
                obs_tm1=obs,
                mask_tm1=mask,
                a_tm1=a_tm1,
                r_t=r_t,
                terminated_t=terminated_t,
                truncated_t=truncated_t,
                reset_rows=infos["reset"],
            )
            env_step += env.num_envs
            agent.learn(env_step)
            obs = obs_t
        return steps / (time.perf_counter() - begin)

    return run


def sb3_training(device: torch.device) -> Callable[[], float]:
    """Training steps a second of Stable-Baselines3's DQN on the same environment, network, batch and updates a step."""
    env = DummyVecEnv([lambda: WaybillEnv(maps=MAPS) for _ in range(SIDE_GAMES)])
    agent = SB3DQNSettings(
        net_arch=[WIDTH] * LAYERS,
        batch_size=BATCH_SIZE,
        train_freq=1,
        gradient_steps=SIDE_GAMES // STEPS_PER_UPDATE,
        buffer_size=50_000,
        learning_starts=WARM_UP // 2,
    ).build(env=env, device=device, seed=0, total_steps=10**6)
    done = 0

    def run(steps: int) -> float:
        nonlocal done
        begin = time.perf_counter()
        done += steps
        agent.learn(done, lambda _: True)
        return steps / (time.perf_counter() - begin)

    run(WARM_UP)
    return lambda: run(TRAINED)


def options(arguments: list[str]) -> tuple[torch.device, int]:
    """Device and rounds from ``device=`` and ``rounds=``.

    Raises:
        ValueError: for anything else.
    """
    given = {"device": "auto", "rounds": "5"}
    for argument in arguments:
        name, _, value = argument.partition("=")
        if name not in given or not value:
            raise ValueError(f"{argument!r} is unknown, allowed are device=auto|cpu|cuda and rounds=N")
        given[name] = value
    if not given["rounds"].isdigit() or int(given["rounds"]) < 1:
        raise ValueError(f"rounds={given['rounds']}, allowed are 1 and more")
    if given["device"] not in ("auto", "cpu", "cuda"):
        raise ValueError(f"device={given['device']}, allowed are auto, cpu and cuda")
    there = torch.cuda.is_available()
    if given["device"] == "cuda" and not there:
        raise ValueError("device=cuda is not there: this machine has no GPU that torch can use")
    return torch.device("cuda" if there and given["device"] != "cpu" else "cpu"), int(given["rounds"])


@door("bench")
def main() -> None:
    """Measure and print the table."""
    device, rounds = options(sys.argv[1:])
    announce_compilation()
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or platform.machine()
    makers = {
        f"batch engine, {GAMES:,} games of refine": batch_engine,
        "one gymnasium.make environment": single_engine,
        "training dqn": lambda: dqn_training(device),
        "training sb3_dqn": lambda: sb3_training(device),
    }
    runs: dict[str, Callable[[], float]] = {}
    speeds: dict[str, list[float]] = {}
    with ProgressReport(title="bench", total=(rounds + 1) * len(makers)) as progress:
        done = 0
        for label, make in makers.items():
            runs[label] = make()
            runs[label]()  # the first call compiles and fills caches: not counted
            done += 1
            progress.update(done)
        for _ in range(rounds):
            for label, run in runs.items():
                speeds.setdefault(label, []).append(run())
                done += 1
                progress.update(done)
    table = Table(title=f"env steps a second, median of {rounds} rounds, {os.cpu_count()} cores, device {name}")
    for heading in ("what", "median", "lowest", "highest"):
        table.add_column(heading, justify="left" if heading == "what" else "right")
    for label, values in speeds.items():
        table.add_row(label, *(f"{x:,.0f}" for x in (median(values), min(values), max(values))))
    ratios = [a / b for a, b in zip(speeds["training dqn"], speeds["training sb3_dqn"], strict=True)]
    Console().print(table)
    print(
        f"training dqn / sb3_dqn, round by round: {median(ratios):.1f} times ({min(ratios):.1f} … {max(ratios):.1f}); "
        f"both {SIDE_GAMES} games, MLP {WIDTH}-{WIDTH}, batch {BATCH_SIZE}, one update for {STEPS_PER_UPDATE} steps"
    )


if __name__ == "__main__":
    main()
