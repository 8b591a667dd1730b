"""Reads a composed or saved config into a ``Setup``: checked whole, with the settings objects that its choices name."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from experiments.config import choices
from experiments.config.agents import brings_own_loop, check_agent
from experiments.config.choices import CLASSED
from experiments.config.errors import explain, first_line
from experiments.config.groups import TransferSettings
from experiments.config.keys import group_of
from experiments.config.saved import refuse_references, saved_config, saved_text
from experiments.config.schema import DEFAULT_ENV, GAME_KEYS, GROUPS, UNUSED, Config, PlayerSettings, WaybillConfig
from experiments.config.whole_numbers import with_whole_numbers
from groundwork import trust
from groundwork.errors import WaybillError
from groundwork.limits import refuse_control
from groundwork.nearest import meant_path

CONFIG = "config.yaml"  # of a run, in its folder
SHARED_CONFIG = "config.json"  # of a policy that was shared, in its place
NEEDS = "needs "  # comments there that begin so say which packages of a user's own the run is made of
_structured = cast(Callable[[type[Any]], DictConfig], cache(OmegaConf.structured))  # merges change a copy of it


@dataclass(frozen=True)
class Setup:
    """A checked config: what a run is made of.

    ``plain`` is what ``config.yaml`` holds, ``names`` the choice made in each group; ``domain``, ``agent`` and
    ``network`` are the settings objects of these choices.
    """

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
        """The player's name for an agent that doesn't learn, else None."""
        return self.agent.player if isinstance(self.agent, PlayerSettings) else None

    def with_config(self, **changes: Any) -> Setup:
        """The same with other values for some fields of ``config``; ``plain`` stays as it was saved."""
        return dataclasses.replace(self, config=dataclasses.replace(self.config, **changes))


def read_setup(given: DictConfig | Mapping[str, Any]) -> Setup:
    """Check a config whole, be it composed or saved; its classes are found by the names of its choices.

    Raises:
        WaybillError: in one line that names the key, the value and what is allowed.
    """
    try:
        # plain, so that what "+key" has added is checked against the schema like all else
        content = OmegaConf.to_container(given) if isinstance(given, DictConfig) else dict(given)
        assert isinstance(content, dict)
        chosen = {"env": DEFAULT_ENV, **{str(key): value for key, value in content.items()}}
        classes = {group: choices.class_of(group, chosen[group]) for group in CLASSED if group in chosen}
        schema = classes["env"].config_class
        unused = {"launcher", "arms", *GAME_KEYS} - {f.name for f in dataclasses.fields(schema)}
        used = {key: value for key, value in choices.without_targets(chosen).items() if key not in unused}
        resolved: Any = OmegaConf.to_container(OmegaConf.create(used), resolve=True)
        merged = OmegaConf.merge(_structured(schema), with_whole_numbers(schema, resolved))
        plain = OmegaConf.to_container(merged, resolve=True, throw_on_missing=True)
        config = OmegaConf.to_object(merged)
    except OmegaConfBaseException as error:
        raise WaybillError(explain(error)) from None
    assert isinstance(plain, dict)
    assert isinstance(config, Config)
    config = config.completed()
    saved = {str(key): value for key, value in plain.items()}
    if isinstance(config, WaybillConfig):
        saved["curriculum"] = {**saved["curriculum"], "numbers": config.curriculum.numbers}
    domain, agent, network = (_settings(classes[group], group, getattr(config, group)) for group in CLASSED)
    transfer = _transfer(config.transfer)
    names = {group: saved[group].get("name", "?") if group in saved else UNUSED for group in GROUPS}
    if isinstance(agent, PlayerSettings) or brings_own_loop(agent):
        names["network"] = "own"
    check_agent(config, domain, agent, transfer, names)
    gamma = config.reward.gamma if isinstance(config, WaybillConfig) else saved["agent"]["gamma"]
    return Setup(config, domain, agent, network, gamma, transfer, names, saved)


def read_composed(node: DictConfig) -> Setup:
    """Check a config that Hydra composed, and whether it will be found again by the names in it.

    Raises:
        WaybillError: in one line, if not.
    """
    choices.check_composed(node)
    return read_setup(node)


def refuse_unused(setup: Setup, overrides: Sequence[str]) -> None:
    """Refuse a command line that changes what the run doesn't use.

    Raises:
        WaybillError: naming the first such override.
    """
    for override in overrides:
        group = group_of(override)
        if group == "launcher":
            raise WaybillError(f"{override}: only sweeps have a launcher, add -m")
        if group in (*GAME_KEYS, "terrain") and "level" not in setup.plain:
            raise WaybillError(f"{override}: env={setup.names['env']} has no {group}=, it belongs to env=waybill")


def settings_of(group: str, values: Any) -> Any:
    """A group's settings object, its fields checked; its class is found by the name among its ``values``.

    Raises:
        WaybillError: in one line, if the name or a key is unknown or a value not allowed.
    """
    return _settings(choices.class_of(group, values), group, choices.without_target(values))


def _settings(cls: type[Any], group: str, values: Mapping[str, Any]) -> Any:
    known = {f.name for f in dataclasses.fields(cls)}
    given = {key: value for key, value in values.items() if key != "name" or key in known}
    if group == "agent" and "gamma" not in known:
        given.pop("gamma", None)
    try:
        return read_section(cls, group, given)
    except WaybillError as error:
        raise WaybillError(f"{group}={values['name']}: {error}") from None


def read_section(cls: type[Any], name: str, values: Mapping[str, Any], keys: Mapping[str, str] | None = None) -> Any:
    """A section of a config as its dataclass, checked; ``keys`` are fields that users write in another way.

    Raises:
        WaybillError: in one line that names key and value.
    """
    try:
        given = with_whole_numbers(cls, values, f"{name}.")
        return OmegaConf.to_object(OmegaConf.merge(_structured(cls), given))
    except OmegaConfBaseException as error:
        raise WaybillError(explain(error, prefix=f"{name}.", names=keys)) from None


def _transfer(values: Mapping[str, Any]) -> TransferSettings:
    """The section ``transfer``, checked; its key ``from``, a word of Python's own, is the field ``source``."""
    known = {"from" if f.name == "source" else f.name for f in dataclasses.fields(TransferSettings)}
    for key in values:
        if key not in known:
            raise WaybillError(f"transfer.{key}: there is no such key, known are {', '.join(sorted(known))}")
    given = {"source" if key == "from" else key: value for key, value in values.items()}
    return cast(TransferSettings, read_section(TransferSettings, "transfer", given, {"source": "from"}))


def is_run_folder(folder: Path) -> bool:
    """True if a config lies in there, of a run or of a shared policy."""
    return (folder / CONFIG).is_file() or (folder / SHARED_CONFIG).is_file()


def read_run(folder: Path, *, to_train: bool = False) -> Setup:
    """The checked config of a run folder, or of a policy's that ``share.py`` wrote.

    Raises:
        WaybillError: if it isn't a run folder, its config doesn't fit this version, or it names code and is neither
            the user's own nor trusted (``groundwork.trust``). To go on with (``to_train``) no other will do.
    """
    if not folder.is_dir():
        raise WaybillError(
            f"{str(folder)!r} is no folder{meant_path(folder)}; a run folder (made by train.py) is needed"
        )
    if not is_run_folder(folder):
        raise WaybillError(
            f"{str(folder)!r} is no run folder: it has no {CONFIG}, nor a {SHARED_CONFIG} of a shared policy"
        )
    path, notes = _config_file(folder), []
    try:
        notes = notes_of(folder)
        given = _given(folder)
        as_saved = _plain(given)
        _leave_out_what_is_gone(given)
        setup = read_setup(given)
    except (WaybillError, OmegaConfBaseException, OSError, UnicodeDecodeError, YAMLError) as error:
        line = first_line(error)
        needed = [one.partition(", sources")[0] for one in notes if one.startswith(NEEDS)]
        about = [one for one in needed if one.partition(": ")[2].partition(" is ")[0] in line]
        raise WaybillError("; it ".join([f"{path}: {line}", *about])) from None
    trust.need_trust(path, as_saved, [*named_code(setup), *(_in_training(setup) if to_train else [])])
    return setup


def named_code(setup: Setup, *, reports: bool = False) -> list[str]:
    """What of a config is asked about before a stranger's is taken, in words: code that is not this installation's
    and, with ``reports``, to whom training reports.
    """
    asked = getattr(setup.domain, "named_code", None)  # other domains' configs name nothing that is imported
    lines = [] if asked is None else list(asked())
    return lines + [f"callbacks.{name} tells others what is trained" for name in setup.config.callbacks if reports]


def _in_training(setup: Setup) -> list[str]:
    """What of a run is asked about before a stranger's is gone on with, beside what it names."""
    told = named_code(setup, reports=True)[len(named_code(setup)) :]
    return [*told, "last.pt and memory are taken as they are, by compiled code that trusts them"]


def mark_own(folder: Path) -> bool:
    """Write into a run folder that its config is the user's own; False if there is no place for the user's key.

    Raises:
        OSError: if the folder cannot be written.
    """
    return trust.mark_config(_config_file(folder), _plain(_given(folder)))


def is_own(folder: Path) -> bool:
    """True if a run folder's config is as the user wrote it on this machine."""
    return trust.is_marked(_config_file(folder), _plain(_given(folder)))


def _config_file(folder: Path) -> Path:
    return folder / (CONFIG if (folder / CONFIG).is_file() else SHARED_CONFIG)


def _given(folder: Path) -> DictConfig:
    """The config in a run folder, as it is saved."""
    path = _config_file(folder)
    return saved_config(path) if path.name == CONFIG else _plain_config(_shared(folder))


def _plain(given: DictConfig) -> dict[str, Any]:
    return dict(cast(dict[str, Any], OmegaConf.to_container(given)))


def notes_of(folder: Path) -> list[str]:
    """What a run folder's config says beside the config: the commands that made the run, then what it ``NEEDS``.

    Raises:
        WaybillError: in one line, if it is damaged.
    """
    if (folder / CONFIG).is_file():
        lines = saved_text(folder / CONFIG).splitlines()
        return [line.removeprefix("# ") for line in lines[: next(_first_key(lines), 0)]]
    content = _shared(folder)
    notes = [content.get("commands"), content.get("needs")]
    lines = [line for part in notes if isinstance(part, list) for line in part if isinstance(line, str)]
    if len(lines) < sum(len(part) if isinstance(part, list) else 1 for part in notes):
        raise WaybillError("commands and needs must be lists of texts")
    return lines


def _shared(folder: Path) -> dict[str, Any]:
    """What a shared policy's config file holds: ``commands``, ``needs`` and ``config``."""
    try:
        content = json.loads(saved_text(folder / SHARED_CONFIG))
        refuse_control(content)
    except (ValueError, RecursionError) as error:
        raise WaybillError(f"it is damaged or not one of ours ({first_line(error)})") from None
    if not isinstance(content, dict):
        raise WaybillError("it is damaged or not one of ours (no section of keys)")
    return content


def _first_key(lines: Sequence[str]) -> Iterator[int]:
    """Where the comments at the top end."""
    return (number for number, line in enumerate(lines) if not line.startswith("#"))


def _plain_config(content: Mapping[str, Any]) -> DictConfig:
    """The config in a shared policy's file, which may be anybody's: a key's value is what stands there."""
    config = content.get("config")
    if not isinstance(config, dict):
        raise WaybillError("it has no section config")
    refuse_references(config)
    return OmegaConf.create(config)


def _leave_out_what_is_gone(given: DictConfig) -> None:
    """Forget how long the planner thought in runs of before ``planner_effort``: it is no part of a game."""
    numbers = OmegaConf.select(given, "curriculum.numbers")
    for level in (given.get("level"), *(numbers.values() if isinstance(numbers, DictConfig) else ())):
        if isinstance(level, DictConfig):
            for key in ("planner_beam", "planner_width"):
                level.pop(key, None)
