"""What the benchmark runs: the engine alone, and trainings of our DQN and Stable-Baselines3's on the same games."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import gymnasium
import numpy as np
import torch
from omegaconf import OmegaConf
from stable_baselines3.common.vec_env import DummyVecEnv

from agents.dqn import DQN
from agents.dqn_settings import DQNSettings
from agents.networks.base import Layout
from agents.networks.candidates import CandidateSettings
from agents.networks.mlp import MLPSettings
from agents.sb3.settings import SB3DQNSettings
from agents.settings import Task
from envs.waybill.core import levels
from envs.waybill.env import WaybillEnv
from envs.waybill.maps.pool import TRAIN_SEEDS
from envs.waybill.vector_env import WaybillVectorEnv
from experiments.common.machine import cores
from experiments.config.choices import CONF
from experiments.games.gym.batch import GymBatch
from experiments.games.gym.make import GameChoice
from experiments.runs.seeds import SeedGames

ENGINE_GAMES, SINGLE_STEPS = 1024, 4000
GAMES, BATCH_SIZE, STEPS_PER_UPDATE = 64, 128, 4
REPLAYED = BATCH_SIZE // STEPS_PER_UPDATE  # transitions that updates see for each environment step
MAPS_PER_GAME = 8
TimedRound = Callable[[], float]  # one timed round: environment steps a second


def legal(mask: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """A uniform legal action for each row of a reducer's mask [N, K]; its filled slots come first."""
    return (generator.random(len(mask)) * mask.sum(1)).astype(np.int64)


def batch_engine(level: str) -> TimedRound:
    """Steps a second of 1,024 games of a level: rules, rivals, reward, candidates and observation included."""
    maps, threads = (TRAIN_SEEDS, 512), len(os.sched_getaffinity(0))
    env = WaybillVectorEnv(level=level, num_envs=ENGINE_GAMES, maps=maps, threads=threads, copy=False)
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
        return turns * ENGINE_GAMES / spent

    return once


def single_engine() -> TimedRound:
    """Steps a second of one ``gymnasium.make`` environment with random legal actions."""
    env = gymnasium.make("envs:waybill/Refine-v0", maps=(TRAIN_SEEDS, 512))
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


@dataclass(frozen=True)
class Case:
    """A training to time: a game (a level or a Gymnasium id), a network, steps of a round.

    ``settings`` of our agent are plain ones, as Stable-Baselines3's, or those given. Whatever the batch is, updates see
    as many transitions for each step.
    """

    name: str
    game: str
    network: Any
    steps: int
    settings: DQNSettings | None = None
    count: int = GAMES
    batch_size: int = BATCH_SIZE

    def games(self) -> Any:
        """Its games side by side, as our agents play them."""
        if self.game in levels.names():
            maps = (TRAIN_SEEDS, min(self.count * MAPS_PER_GAME, 1024))
            threads = 1 if self.count == GAMES else cores()
            return WaybillVectorEnv(level=self.game, num_envs=self.count, maps=maps, copy=False, threads=threads)
        return GymBatch(game=GameChoice(self.game), num_envs=self.count)

    def sb3_games(self, count: int) -> DummyVecEnv:
        """Its games as Stable-Baselines3 plays them: a list of single environments."""

        def make(i: int) -> Any:
            if self.game == "refine":
                return WaybillEnv(maps=(TRAIN_SEEDS + i * MAPS_PER_GAME, MAPS_PER_GAME))
            return gymnasium.make(self.game)

        return DummyVecEnv([partial(make, i) for i in range(count)])


CASES = (
    Case("CartPole-v1, MLP 256-256", "CartPole-v1", MLPSettings(width=[256, 256], layer_norm=False), 8192),
    Case("CartPole-v1, MLP 120-84", "CartPole-v1", MLPSettings(width=[120, 84], layer_norm=False), 16384),
    Case("refine, MLP 256-256", "refine", MLPSettings(width=[256, 256], layer_norm=False), 2048),
    Case("refine, candidates 128", "refine", CandidateSettings(), 2048),
)


def as_trained() -> Case:
    """What ``make train`` does, with the settings of conf/agent/dqn.yaml."""
    given: Any = OmegaConf.to_container(OmegaConf.load(CONF / "agent" / "dqn.yaml"))
    others = ("_target_", "name", "v_min", "v_max")  # the latter are the level's, and not asked for
    settings = DQNSettings(**{key: value for key, value in given.items() if key not in others})
    return Case("refine, candidates 128, as make train", "refine", CandidateSettings(), 8192, settings)


class Training:
    """Our DQN on a case; its plain settings have no double, one step, copies to the target network."""

    def __init__(self, case: Case, device: torch.device, *, seeds: int = 1, threads: int | None = None) -> None:
        games = [case.games() for _ in range(seeds)]
        self.env = SeedGames(games)
        self.seeds, self.steps, self.env_step, self.count = seeds, case.steps, 0, case.count
        layout, actions = Layout(*self.env.layout), int(self.env.single_action_space.n)
        settings = case.settings or DQNSettings(
            batch_size=case.batch_size,
            updates_per_step=REPLAYED / case.batch_size,
            learning_starts=1024,
            n_step=1,
            double=False,
            memory_capacity=max(50_000, 64 * case.count),
        )
        task = Task(
            make_network=partial(case.network.build, layout=layout, n_actions=actions),
            num_envs=case.count,
            obs_size=layout.size,
            n_actions=actions,
            total_steps=10**6,
            device=device,
            seeds=list(range(seeds)),
            store_masks=not self.env.mask_is_constant,
            obs_dtype="float32" if layout.size < 100 else "float16",
            threads=cores() if threads is None else threads,
        )
        self.agent: DQN = settings.build(task)
        self.obs: Any
        self.infos: Any
        self.obs, self.infos = self.env.reset(seed=0)
        self.train(settings.learning_starts + max(1024, 4 * case.count, 4 * case.batch_size // REPLAYED))

    def __call__(self) -> float:
        """Environment steps a second (of each seed) over a round."""
        begin = time.perf_counter()
        self.train(self.steps)
        return self.steps / (time.perf_counter() - begin)

    def train(self, steps: int) -> None:
        """Train for that many environment steps: act, step, remember, update."""
        agent, env = self.agent, self.env
        for _ in range(steps // self.count):
            mask, obs_tm1 = self.infos["action_mask"], self.obs
            groups = self.infos.get("action_group", env.action_groups)
            a_tm1 = agent.act(obs_tm1, mask, groups, env_step=self.env_step)
            self.obs, r_t, terminated_t, truncated_t, self.infos = env.step(a_tm1)
            agent.observe(
                obs_tm1=obs_tm1,
                mask_tm1=mask,
                a_tm1=a_tm1,
                r_t=r_t,
                terminated_t=terminated_t,
                truncated_t=truncated_t,
                reset_rows=self.infos["reset"],
            )
            self.env_step += self.count
            agent.learn(self.env_step)


def sb3_training(case: Case, device: torch.device, *, games: int) -> TimedRound:
    """Environment steps a second of Stable-Baselines3's DQN: same games, network, batch and updates a step."""
    agent = SB3DQNSettings(
        net_arch=list(case.network.width),
        batch_size=BATCH_SIZE,
        n_steps=1,
        train_freq=1 if games >= STEPS_PER_UPDATE else STEPS_PER_UPDATE,
        gradient_steps=max(games // STEPS_PER_UPDATE, 1),
        buffer_size=50_000,
        learning_starts=1024,
    ).build(env=case.sb3_games(games), device=device, seed=0, total_steps=10**6)
    done, steps = 0, max(case.steps // 8, 512)

    def run(count: int) -> float:
        nonlocal done
        begin = time.perf_counter()
        done += count
        agent.learn(done, lambda _: True)
        return count / (time.perf_counter() - begin)

    run(2048)
    return lambda: run(steps)
