"""What a run is made of: the schema of ``conf/``, its checks, and the objects it names.

A config is checked whole before anything is made: names and types by the dataclasses below, ranges in their
``__post_init__``, agent and network by the settings dataclass that their choice stands for (see ``choices``).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, OmegaConf

from envs.waybill.core.levels import LevelConfig
from experiments.config.choices import PARTS
from experiments.config.curriculum import CurriculumConfig
from experiments.config.errors import check_device, need
from experiments.config.groups import ActionsConfig, DiagnosticsConfig, EncodingConfig, EvaluationConfig, RewardConfig
from experiments.config.keys import file_name, sweep_name
from experiments.config.rivals import SelfplaySettings, check_rivals, placeholders
from experiments.config.whole_numbers import with_open_numbers
from groundwork.errors import WaybillError

GAME_GROUPS = ("level", "reward", "actions", "encoding", "curriculum")  # of Waybill's own games
GAME_KEYS = (*GAME_GROUPS, "dated", "rivals", "selfplay")  # all keys that only they have
GROUPS = ("env", *GAME_GROUPS, "agent", "network")
RESUMABLE = ("resume", "steps", "schedule_steps", "device", "threads", "progress", "stop_at_score")
UNUSED = "-"  # the choice in a group that the run's games don't use
DEFAULT_ENV = {"name": "waybill"}  # the games of a config that names none, as those of before did


@dataclass
class Config:
    """The top level of ``conf/config.yaml`` that all games share. What is in ``env``, ``agent`` and ``network`` is
    checked against the settings dataclasses of the choices made there.
    """

    agent: Any
    network: Any
    env: Any = field(default_factory=lambda: dict(DEFAULT_ENV))
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    transfer: dict[str, Any] = field(default_factory=dict)  # see ``TransferSettings``
    callbacks: dict[str, Any] = field(default_factory=dict)  # name → its keys, see ``experiments.callbacks``
    arm: str | None = None  # of a study, see ``arms.py``
    seed: int = 0
    seeds: int = 1
    steps: int = MISSING
    schedule_steps: int | None = None
    num_envs: int = 64
    device: str = "auto"
    threads: int | None = None
    network_threads: int = 1
    out: str = "runs"
    resume: str | None = None
    train_maps: int = 2048
    log_every: int = 2000
    checkpoint_every: int = 100_000
    stop_at_score: float | None = None
    progress: bool = True
    diagnostics: DiagnosticsConfig = field(default_factory=DiagnosticsConfig)

    def __post_init__(self) -> None:
        need(0 <= self.seed < 2**16, "seed", self.seed, "0..65535")
        need(1 <= self.seeds <= min(1024, 2**16 - self.seed), "seeds", self.seeds, "1..1024, seed + seeds up to 65536")
        need(1 <= self.steps <= 10**12, "steps", self.steps, "1 or more environment steps")
        if self.schedule_steps is not None:
            need(1 <= self.schedule_steps <= 10**12, "schedule_steps", self.schedule_steps, "1 or more or null")
        need(1 <= self.num_envs <= 65536, "num_envs", self.num_envs, "1..65536 games")
        need(1 <= self.train_maps < 2**24, "train_maps", self.train_maps, "1..16777215 maps")
        need(self.log_every >= 1, "log_every", self.log_every, "1 or more environment steps")
        need(self.checkpoint_every >= 1, "checkpoint_every", self.checkpoint_every, "1 or more environment steps")
        check_device(self.device)
        if self.threads is not None:
            need(1 <= self.threads <= 1024, "threads", self.threads, "1..1024 or null for all cores")
        need(1 <= self.network_threads <= 1024, "network_threads", self.network_threads, "1..1024")

    @property
    def scheduled(self) -> int:
        """Environment steps over which what changes with them goes from its first value to its last."""
        return self.steps if self.schedule_steps is None else self.schedule_steps

    def completed(self) -> Config:
        """The same with all that follows from other keys filled in."""
        return self


@dataclass
class WaybillConfig(Config):
    """The top level for games on Waybill's own levels: what all games share, and what only these have."""

    level: LevelConfig = MISSING
    reward: RewardConfig = MISSING
    actions: ActionsConfig = MISSING
    encoding: EncodingConfig = MISSING
    dated: bool = False
    curriculum: CurriculumConfig = field(default_factory=CurriculumConfig)
    rivals: list[str] | None = None
    selfplay: SelfplaySettings = field(default_factory=SelfplaySettings)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.rivals is not None:
            check_rivals(self.rivals, "rivals")
        self.ladder()
        if self.curriculum.moves_up and self.actions.candidates is None:
            line = f"actions={self.actions.name} numbers the orders of each level anew, take heuristic or random_k"
            raise WaybillError(f"curriculum={self.curriculum.name}: {line}")

    def completed(self) -> WaybillConfig:
        """The same with the rivals asked for on the level in place of its own, and the easier levels' numbers.

        Where a rival is a policy, which plays from outside, the level gets the rule that stands in for it.
        """
        level, curriculum = self.level, self.curriculum
        if self.rivals is not None:
            level = dataclasses.replace(level, rivals=placeholders(self.rivals))
        if curriculum.moves_up:
            numbers = {easier.name: easier.numbers() for easier in self.ladder()[:-1]}
            curriculum = dataclasses.replace(curriculum, numbers=numbers)
        return dataclasses.replace(self, level=level, curriculum=curriculum)

    def ladder(self) -> list[LevelConfig]:
        """The levels that training goes through: without a curriculum just the run's own."""
        return self.curriculum.ladder(self.level)


@dataclass
class PlayerSettings:
    """An agent that doesn't learn: a player of the game by name. ``gamma`` only completes the reward's config."""

    player: str
    gamma: float = 1.0


@dataclass
class CommandConfig(WaybillConfig):
    """The top level of what a command line may say: a run's config and, part of no run, who starts the jobs of a
    sweep and what the arms of a study are.
    """

    launcher: Any = None
    arms: dict[str, Any] = field(default_factory=dict)  # name → overrides, see ``arms.py``


def register() -> None:
    """Tell Hydra the schema, and how the folders of runs and sweeps are named."""
    ConfigStore.instance().store(name="schema", node=with_open_numbers(CommandConfig, with_target=PARTS))
    OmegaConf.register_new_resolver("file_name", file_name, replace=True)
    OmegaConf.register_new_resolver("sweep_name", sweep_name, replace=True)
