"""Reads a composed or saved config: checked whole, with the settings objects that it names."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.utils import get_class
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from experiments.config.errors import explain, first_line, need
from experiments.config.keys import group_of
from experiments.config.schema import DEFAULT_ENV, GAME_KEYS, GROUPS, UNUSED, Config, PlayerSettings, WaybillConfig
from experiments.config.transfer import TransferSettings

CONFIG = "config.yaml"  # of a run, in its folder


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


def read(node: DictConfig | Mapping[str, Any]) -> Setup:
    """Check a composed or saved config whole.

    Raises:
        ValueError: in one line that names the key, the value and what is allowed.
    """
    try:
        given = OmegaConf.to_container(node) if isinstance(node, DictConfig) else dict(node)  # "+key" leaves no trace
        assert isinstance(given, dict)
        schema = _target("env", given.get("env", DEFAULT_ENV)).config_class
        unused = {"launcher", "arms", *GAME_KEYS} - {f.name for f in dataclasses.fields(schema)}
        used = OmegaConf.create({key: value for key, value in given.items() if key not in unused})
        merged = OmegaConf.merge(OmegaConf.structured(schema), used)
        plain = OmegaConf.to_container(merged, resolve=True, throw_on_missing=True)
        config = OmegaConf.to_object(merged)
    except OmegaConfBaseException as error:
        raise ValueError(explain(error)) from None
    assert isinstance(plain, dict)
    assert isinstance(config, Config)
    if isinstance(config, WaybillConfig) and config.curriculum.moves_up:
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
    if config.curriculum.moves_up:
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
    path = folder / CONFIG
    if not folder.is_dir():
        raise ValueError(f"{str(folder)!r} is no folder; a run folder (made by train.py) is needed")
    if not path.is_file():
        raise ValueError(f"{str(folder)!r} is no run folder: it has no config.yaml")
    try:
        return read(OmegaConf.create(path.read_text()))  # type: ignore[arg-type]
    except Exception as error:
        raise ValueError(f"{path}: {first_line(error)}") from None
