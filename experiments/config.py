"""What a run is made of: the schema of ``conf/``, its checks, and the objects it names.

A config is checked whole before anything is made: names and types by the dataclasses below, ranges in their
``__post_init__``, agent and network by the settings dataclass that their ``_target_`` names.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.utils import get_class
from omegaconf import MISSING, DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from envs.waybill.levels import LevelConfig
from experiments.config_groups import (
    ActionsConfig,
    CurriculumConfig,
    EncodingConfig,
    EvaluationConfig,
    RewardConfig,
    need,
)
from experiments.rival_settings import SelfplaySettings, check_rivals, placeholders
from experiments.sweep_names import file_name, group_of, sweep_name
from experiments.transfer_settings import TransferSettings

GAME_GROUPS = ("level", "reward", "actions", "encoding", "curriculum")  # of Waybill's own games
GAME_KEYS = (*GAME_GROUPS, "rivals", "selfplay")  # all keys that only they have
GROUPS = ("env", *GAME_GROUPS, "agent", "network")
RESUMABLE = ("resume", "steps", "device", "threads", "progress", "stop_at_score")
UNUSED = "-"  # the choice in a group that the run's games don't use
_DEFAULT_ENV = {"_target_": "experiments.domain_waybill.WaybillDomain", "name": "waybill"}  # of configs without one


@dataclass
class Config:
    """The top level of ``conf/config.yaml`` that all games share. ``env``, ``agent`` and ``network`` have settings
    dataclasses of their own, named by their ``_target_``.
    """

    agent: Any
    network: Any
    env: Any = field(default_factory=lambda: dict(_DEFAULT_ENV))
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    transfer: dict[str, Any] = field(default_factory=dict)  # see ``TransferSettings``
    arm: str | None = None  # of a study, see ``study_arms``
    seed: int = 0
    seeds: int = 1
    steps: int = MISSING
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

    def __post_init__(self) -> None:
        need(0 <= self.seed < 2**16, "seed", self.seed, "0..65535")
        need(1 <= self.seeds <= min(1024, 2**16 - self.seed), "seeds", self.seeds, "1..1024, seed + seeds up to 65536")
        need(1 <= self.steps <= 10**12, "steps", self.steps, "1 or more environment steps")
        need(1 <= self.num_envs <= 65536, "num_envs", self.num_envs, "1..65536 games")
        need(1 <= self.train_maps < 2**24, "train_maps", self.train_maps, "1..16777215 maps")
        need(self.log_every >= 1, "log_every", self.log_every, "1 or more environment steps")
        need(self.checkpoint_every >= 1, "checkpoint_every", self.checkpoint_every, "1 or more environment steps")
        check_device(self.device)
        if self.threads is not None:
            need(1 <= self.threads <= 1024, "threads", self.threads, "1..1024 or null for all cores")
        need(1 <= self.network_threads <= 1024, "network_threads", self.network_threads, "1..1024")


@dataclass
class WaybillConfig(Config):
    """The same for games on Waybill's own levels. With ``rivals`` the level's own are replaced: ``level.rivals`` then
    holds the rules that play in place of policies, see ``rival_settings.placeholders``.
    """

    level: LevelConfig = MISSING
    reward: RewardConfig = MISSING
    actions: ActionsConfig = MISSING
    encoding: EncodingConfig = MISSING
    curriculum: CurriculumConfig = field(default_factory=CurriculumConfig)
    rivals: list[str] | None = None
    selfplay: SelfplaySettings = field(default_factory=SelfplaySettings)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.rivals is not None:
            check_rivals(self.rivals, "rivals")
            self.level = dataclasses.replace(self.level, rivals=placeholders(self.rivals))
        self.ladder()
        if self.curriculum.climbs and self.actions.candidates is None:
            line = f"actions={self.actions.name} numbers the orders of each level anew, take heuristic or random_k"
            raise ValueError(f"curriculum={self.curriculum.name}: {line}")

    def ladder(self) -> list[LevelConfig]:
        """The levels that training goes through: without a curriculum just the run's own."""
        return self.curriculum.ladder(self.level)


@dataclass
class PlayerSettings:
    """An agent that doesn't learn: a player of the game by name. ``gamma`` only completes the reward's config."""

    player: str
    gamma: float = 1.0


@dataclass(frozen=True)
class Setup:
    """A checked config: ``plain`` is what ``config.yaml`` holds, ``names`` the choice made in each group."""

    config: Config
    domain: Any
    agent: Any
    network: Any
    gamma: float
    transfer: TransferSettings
    names: dict[str, str]
    plain: dict[str, Any]

    @property
    def player(self) -> str | None:
        """The player's name for an agent that doesn't learn."""
        return self.agent.player if isinstance(self.agent, PlayerSettings) else None


def brings_own_loop(settings: Any) -> bool:
    """True for the settings of an agent that is built on an environment, trains itself and has a network of its own."""
    return "env" in inspect.signature(settings.build).parameters


@dataclass
class CommandConfig(WaybillConfig):
    """What a command line may say: a run's config, and, not part of any run, who starts the jobs of a sweep and what
    the arms of a study are.
    """

    launcher: Any = None
    arms: dict[str, Any] = field(default_factory=dict)  # name → overrides, see ``study_arms``


def register() -> None:
    """Tell Hydra the schema, and how folders are named."""
    ConfigStore.instance().store(name="schema", node=CommandConfig)
    OmegaConf.register_new_resolver("file_name", file_name, replace=True)
    OmegaConf.register_new_resolver("sweep_name", sweep_name, replace=True)


def read(node: DictConfig | Mapping[str, Any]) -> Setup:
    """Check a composed or saved config whole.

    Raises:
        ValueError: in one line that names the key, the value and what is allowed.
    """
    try:
        given = OmegaConf.to_container(node) if isinstance(node, DictConfig) else dict(node)  # "+key" leaves no trace
        assert isinstance(given, dict)
        schema = _target("env", given.get("env", _DEFAULT_ENV)).config_class
        unused = {"launcher", "arms", *GAME_KEYS} - {f.name for f in dataclasses.fields(schema)}
        used = OmegaConf.create({key: value for key, value in given.items() if key not in unused})
        merged = OmegaConf.merge(OmegaConf.structured(schema), used)
        plain = OmegaConf.to_container(merged, resolve=True, throw_on_missing=True)
        config = OmegaConf.to_object(merged)
    except OmegaConfBaseException as error:
        raise ValueError(explain(error)) from None
    assert isinstance(plain, dict)
    assert isinstance(config, Config)
    if isinstance(config, WaybillConfig) and config.curriculum.climbs:
        easier = {level.name: level.numbers() for level in config.ladder()[:-1]}
        config.curriculum.numbers = plain["curriculum"]["numbers"] = easier
    domain, agent, network = (settings_of(group, getattr(config, group)) for group in ("env", "agent", "network"))
    transfer = _transfer(config.transfer)
    names = {group: plain[group].get("name", "?") if group in plain else UNUSED for group in GROUPS}
    if isinstance(agent, PlayerSettings):
        known = ", ".join(domain.players)
        if agent.player not in domain.players:
            raise ValueError(f"agent={names['agent']}: env={names['env']} has no such player, known are {known}")
    if isinstance(agent, PlayerSettings) or brings_own_loop(agent):
        names["network"] = "own"
        only = f"1 with agent={names['agent']}: only dqn and pqn train several"
        need(config.seeds == 1, "seeds", config.seeds, only)
        if transfer.source is not None:
            line = f"agent={names['agent']} takes over no weights, only dqn and pqn do"
            raise ValueError(f"transfer.from={transfer.source}: {line}")
        _refuse_growth(config, names["agent"])
    gamma = config.reward.gamma if isinstance(config, WaybillConfig) else plain["agent"]["gamma"]
    return Setup(config, domain, agent, network, gamma, transfer, names, {str(key): plain[key] for key in plain})


def _refuse_growth(config: Config, agent: str) -> None:
    """Whether an agent that steps its games itself, or plays none, is asked for games that change in training."""
    if not isinstance(config, WaybillConfig):
        return
    start, line = config.actions.candidates_start, f"agent={agent} has games of its own, only dqn and pqn can"
    if config.curriculum.climbs:
        raise ValueError(f"curriculum={config.curriculum.name}: {line}")
    if start is not None:
        raise ValueError(f"actions.candidates_start={start}: {line}")


def refuse_unused(setup: Setup, overrides: Sequence[str]) -> None:
    """Whether the command line of a run changes only what it uses.

    Raises:
        ValueError: if not, naming the override.
    """
    for override in overrides:
        group = group_of(override)
        if group == "launcher":
            raise ValueError(f"{override}: only sweeps have a launcher, add -m")
        if group in (*GAME_KEYS, "terrain") and "level" not in setup.plain:
            raise ValueError(f"{override}: env={setup.names['env']} has no {group}=, it belongs to env=waybill")


def _target(group: str, values: Any) -> Any:
    """The settings dataclass that a group's ``_target_`` names."""
    if not isinstance(values, Mapping) or "_target_" not in values:
        raise ValueError(f"{group}: needs a _target_ that names its settings dataclass, got {values!r}")
    try:
        return get_class(values["_target_"])
    except Exception as error:  # Hydra wraps whatever the import raised
        name, target = values.get("name", "?"), values["_target_"]
        raise ValueError(f"{group}={name}: cannot find _target_ {target!r} ({first_line(error)})") from None


def settings_of(group: str, values: Any) -> Any:
    """A group's settings object, its fields checked.

    Raises:
        ValueError: in one line, if a key is unknown or a value not allowed.
    """
    cls, name = _target(group, values), values.get("name", "?")
    known = {f.name for f in dataclasses.fields(cls)}
    given = {key: value for key, value in values.items() if key not in {"_target_", "name"} - known}
    if group == "agent" and "gamma" not in known:
        given.pop("gamma", None)
    try:
        return OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(cls), given))
    except OmegaConfBaseException as error:
        raise ValueError(explain(error, prefix=f"{group}.")) from None
    except ValueError as error:
        raise ValueError(f"{group}={name}: {error}") from None


def _transfer(values: Mapping[str, Any]) -> TransferSettings:
    """The section ``transfer``, checked. What is ``from`` there, a word that Python keeps for itself, is ``source``."""
    known = {"from" if f.name == "source" else f.name for f in dataclasses.fields(TransferSettings)}
    for key in values:
        if key not in known:
            raise ValueError(f"transfer.{key}: there is no such key, known are {', '.join(sorted(known))}")
    given = {"source" if key == "from" else key: value for key, value in values.items()}
    try:
        return OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(TransferSettings), given))  # type: ignore[return-value]
    except OmegaConfBaseException as error:
        raise ValueError(explain(error, prefix="transfer.").replace("transfer.source", "transfer.from")) from None


def load(folder: Path) -> Setup:
    """The checked config of a run folder.

    Raises:
        ValueError: if it isn't a run folder, or its config doesn't fit this version.
    """
    path = folder / "config.yaml"
    if not folder.is_dir():
        raise ValueError(f"{str(folder)!r} is no folder; a run folder (made by train.py) is needed")
    if not path.is_file():
        raise ValueError(f"{str(folder)!r} is no run folder: it has no config.yaml")
    try:
        return read(OmegaConf.create(path.read_text()))  # type: ignore[arg-type]
    except Exception as error:
        raise ValueError(f"{path}: {first_line(error)}") from None


def explain(error: OmegaConfBaseException, prefix: str = "") -> str:
    """One line for an OmegaConf error: the key, what is wrong, and the keys that exist if it is unknown."""
    key = f"{prefix}{error.full_key or error.key or ''}"
    text = first_line(error)
    missing = re.search(r"Missing mandatory value: ([\w.]+)", text)
    if missing is not None:
        return f"{missing[1]} is missing, give {missing[1]}=..."
    if re.search(r"\bnot in\b", text) is None or not isinstance(error.parent_node, DictConfig):
        return f"{key}: {text}" if key else text
    known = sorted(str(name) for name in error.parent_node if str(name) not in ("_target_", "name"))
    if not known:
        return f"{key}: there is no such key, to add it write +{key}=..."
    hint = "; env=gym has others" if key.startswith("env.") and "id" not in known else ""
    return f"{key}: there is no such key, known are {', '.join(known)}{hint}"


def first_line(error: BaseException) -> str:
    """The first line of an error's message, or its type if it has none."""
    lines = str(error).strip().splitlines()
    return lines[0].strip() if lines else type(error).__name__


def check_device(device: str) -> None:
    """Whether it names a device at all.

    Raises:
        ValueError: if not.
    """
    need(re.fullmatch(r"auto|cpu|cuda(:\d+)?", device) is not None, "device", device, "auto, cpu, cuda or cuda:N")
