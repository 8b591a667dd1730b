"""What a choice stands for: ``agent=dqn`` is ``conf/agent/dqn.yaml``, whose ``_target_`` names a settings dataclass.

A reward, an action space or an encoding of one's own is named in its file in the same way; ours are found by their
names. Only files of this installation's ``conf/``, and of folders that the user names by ``--config-dir``, may name a
class. A saved run or sweep keeps groups, names and numbers. A ``_target_`` in there is never imported: the file may be
anybody's, and classes move.
"""

from __future__ import annotations

import dataclasses
import os
import re
import sys
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from experiments.config.keys import CONFIG_DIR
from groundwork import trust
from groundwork.blame import is_our_module
from groundwork.errors import WaybillError
from groundwork.modules import import_object

CONF = Path(__file__).resolve().parents[2] / "conf"
TARGET = "_target_"
CLASSED = ("env", "agent", "network")  # groups of a run whose choices name classes
PARTS = ("reward", "actions", "encoding")  # groups whose choices are parts of a game
CALLBACKS = "callbacks"  # a group of which any number may be chosen, each its own section: callbacks.NAME
_NAME = re.compile(r"\w[\w.+-]*")  # a file's stem, never a path

# Runs of before hold targets beside names. Where a name has no file (a user's own that isn't at hand), the file that
# stands for the same class now is taken.
TARGETS_OF_BEFORE = {
    ("agent", "agents.dqn.DQNSettings"): "dqn",
    ("agent", "agents.dqn_settings.DQNSettings"): "dqn",
    ("agent", "agents.pqn.PQNSettings"): "pqn",
    ("agent", "agents.sb3.SB3DQNSettings"): "sb3_dqn",
    ("agent", "agents.sb3.SB3MaskablePPOSettings"): "sb3_maskable_ppo",
    ("agent", "experiments.config.PlayerSettings"): "random",
    ("network", "agents.networks.MLPSettings"): "mlp",
    ("network", "agents.networks.ImageSettings"): "image",
    ("network", "agents.networks.CandidateSettings"): "candidates",
    ("network", "agents.candidates.CandidateSettings"): "candidates",
    ("env", "experiments.domain_waybill.WaybillDomain"): "waybill",
    ("env", "experiments.domain_gym.GymDomain"): "gym",
}


def config_folders() -> list[Path]:
    """Where files of choices are looked for: this installation's first, as Hydra does."""
    return [CONF, *(Path(name) for name in os.environ.get(CONFIG_DIR, "").split(os.pathsep) if name)]


def add_config_folder(folder: str | Path | None) -> None:
    """Look for files in ``folder``, too, in this process and those that it starts; None is none.

    Raises:
        WaybillError: if there is no such folder.
    """
    if folder is None:
        return
    path = Path(folder).resolve()
    if not path.is_dir():
        raise WaybillError(f"--config-dir={folder}: there is no such folder")
    if path not in [known.resolve() for known in config_folders()]:
        os.environ[CONFIG_DIR] = os.pathsep.join([*map(str, config_folders()[1:]), str(path)])


def may_name_code(said: bool) -> None:
    """Take the user's word, if it is ``said``, that runs of strangers may name code: see ``groundwork.trust``."""
    if said:
        trust.allow_all()


def take_trust(words: Sequence[str]) -> list[str]:
    """A command line without ``env.trust=true``, which is that word and no setting of a run.

    Raises:
        WaybillError: in one line, for another value.
    """
    return trust.taken_from(words)


def add_config_folders_of(hydra: Any) -> None:
    """Look for files wherever Hydra composed from; ``hydra`` is the section of that name."""
    for source in hydra.runtime.config_sources:
        if source.schema == "file" and Path(source.path).is_dir():
            add_config_folder(source.path)


def names_in(group: str) -> list[str]:
    """All choices of a group."""
    return sorted({path.stem for folder in config_folders() for path in (folder / group).glob("*.yaml")})


def refuse_no_choice(words: Sequence[str]) -> None:
    """Refuse a command line's ``GROUP=null``, of which Hydra says neither the group nor what there is.

    Raises:
        WaybillError: in one line.
    """
    for word in words:
        group, _, value = word.lstrip("+").partition("=")
        if value == "null" and (names := names_in(group)):
            raise WaybillError(f"{word}: a group's choice needs a name, available: {', '.join(names)}; or leave it out")


def content_of(group: str, name: object) -> dict[str, Any] | None:
    """What the file of a choice holds, as it is written there; None if there is no such file.

    Once a file of a user's own is read, modules beside its config folder can be imported, after all others.

    Raises:
        WaybillError: in one line, if the name could not be a file's.
    """
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        raise WaybillError(f"{group}.name={name} is not allowed, it must be the name of a file in {group}/")
    for folder in config_folders():
        path = folder / group / f"{name}.yaml"
        if path.is_file():
            beside = str(folder.resolve().parent)
            if folder != CONF and beside not in sys.path:
                sys.path.append(beside)
            return dict(_parsed(path, path.stat().st_mtime_ns))
    return None


@lru_cache(maxsize=256)
def _parsed(path: Path, changed: int) -> dict[str, Any]:
    """A file's content; ``changed`` is when it was last written."""
    content = OmegaConf.to_container(OmegaConf.load(path))
    return {str(key): value for key, value in content.items()} if isinstance(content, dict) else {}


def need_declared(group: str, name: str, key: str, value: object) -> None:
    """Refuse a number that is given where it counts nothing, or missing where it counts: the choice's own file says so.

    Raises:
        WaybillError: in one line, unless the file of the choice, and no other, has the key; a choice without a file is
            let through.
    """
    content = content_of(group, name)
    if content is None:
        return
    if value is not None and key not in content:
        owners = [other for other in names_in(group) if key in (content_of(group, other) or {})]
        having = f"{group}={' and '.join(owners)} {'do' if len(owners) > 1 else 'does'}" if owners else "none has"
        raise WaybillError(f"{group}.{key}={value}: {group}={name} has no {key}, {having}")
    if value is None and key in content:
        raise WaybillError(f"{group}.{key} is missing, give {group}.{key}=...")


def class_of(group: str, values: Any) -> type[Any]:
    """The settings dataclass of a choice, found by the name in ``values``, the group's section of a config.

    Raises:
        WaybillError: in one line, if no file has that name, or it names no class.
    """
    if not isinstance(values, Mapping) or "name" not in values:
        raise WaybillError(f"{group}: needs a name, that of its file in {group}/, got {values!r}")
    name = values["name"]
    if content_of(group, name) is None:
        name = TARGETS_OF_BEFORE.get((group, str(values.get(TARGET))), name)
    if content_of(group, name) is None:
        raise WaybillError(_no_file(group, name))
    target = _target_of(group, name)
    if target is None:
        raise WaybillError(f"{group}={name}: {group}/{name}.yaml needs a _target_ that names its settings dataclass")
    found = import_object(target, f"{group}={name}: _target_ {target}")
    if not isinstance(found, type) or not dataclasses.is_dataclass(found):
        raise WaybillError(f"{group}={name}: _target_ {target} is no dataclass of settings")
    return found


def part_of(group: str, name: str) -> str:
    """What an environment finds a part by: its name if it is ours, ``module.name`` for one of a user's own.

    Raises:
        WaybillError: in one line, if no file has that name.
    """
    if content_of(group, name) is None:
        raise WaybillError(_no_file(group, name))
    return _target_of(group, name) or name


def _no_file(group: str, name: object) -> str:
    where = " and ".join(map(str, config_folders()))
    hint = f"if the file is your own, name its config folder by --config-dir (or {CONFIG_DIR})"
    return f"{group}={name}: there is no {group}/{name}.yaml in {where}; {hint}"


def own_targets(names: Mapping[str, str], callbacks: Collection[str] = ()) -> dict[str, str]:
    """Of a run's choices those that are a user's own: group, or ``callbacks.NAME``, → ``module.name`` of its file."""
    groups = [group for group in (*CLASSED, *PARTS) if names.get(group) in names_in(group)]
    targets = {group: _target_of(group, names[group]) for group in groups}
    targets |= {f"{CALLBACKS}.{name}": _target_of(CALLBACKS, name) for name in callbacks if name in names_in(CALLBACKS)}
    return {group: target for group, target in targets.items() if target and not is_our_module(target)}


def check_composed(node: DictConfig, groups: Sequence[str] = CLASSED) -> None:
    """Refuse a config that Hydra composed if its choices in some groups would not be found again by their names.

    Raises:
        WaybillError: in one line, if a group names no class, one that isn't there, or another than its name's file.
    """
    for group in PARTS:
        given: Any = node.get(group)
        if given is not None and given.get(TARGET) != (named := _target_of(group, str(given.get("name")))):
            line = f"_target_ is {given.get(TARGET)}, but {group}/{given.get('name')}.yaml names {named}"
            raise WaybillError(f"{group}={given.get('name')}: {line}; a part needs a file of its own name")
    for name, section in (node.get(CALLBACKS) or {}).items():
        _check_callback(str(name), section)
    for group in groups:
        values: Any = node.get(group)
        plain: Any = OmegaConf.to_container(values) if OmegaConf.is_config(values) else values
        target = plain.get(TARGET) if isinstance(plain, dict) else None
        if target is None:
            raise WaybillError(f"{group}: needs a _target_ that names its settings dataclass, got {plain!r}")
        name = plain.get("name")
        if import_object(target, f"{group}={name}: _target_ {target}") is not class_of(group, without_target(plain)):
            line = f"{group}/{name}.yaml names {_target_of(group, name)}"
            raise WaybillError(
                f"{group}={name}: _target_ is {target}, but {line}; a class needs a file of its own name"
            )


def _check_callback(name: str, values: Any) -> None:
    """Refuse a section of ``callbacks`` that is not the file of its name."""
    if not isinstance(values, Mapping) and not OmegaConf.is_config(values):
        line = f"each file in {CALLBACKS}/ begins with the line # @package {CALLBACKS}.NAME"
        raise WaybillError(f"{CALLBACKS}.{name}={values}: a section of keys is needed, {line}")
    if values.get(TARGET) is None:
        raise WaybillError(f"{CALLBACKS}.{name}: it is not chosen, add {CALLBACKS}=[{name}]")
    named = _target_of(CALLBACKS, name)
    if named != values[TARGET]:
        line = f"_target_ is {values[TARGET]}, but {CALLBACKS}/{name}.yaml names {named}"
        raise WaybillError(f"{CALLBACKS}.{name}: {line}; a callback needs a file of its own name")


def without_target(values: Any) -> Any:
    """A section of a config without the class that it names."""
    return {key: value for key, value in values.items() if key != TARGET} if isinstance(values, Mapping) else values


def without_targets(config: Mapping[str, Any]) -> dict[str, Any]:
    """A run's whole config without the classes that its choices name: as it is saved."""
    plain = {str(k): without_target(value) if k in (*CLASSED, *PARTS) else value for k, value in config.items()}
    if isinstance(chosen := plain.get(CALLBACKS), Mapping):
        plain[CALLBACKS] = {name: without_target(values) for name, values in chosen.items()}
    return plain


def _target_of(group: str, name: str, seen: tuple[str, ...] = ()) -> str | None:
    """What the file of a choice names as its class, itself or by another of its group in its ``defaults``."""
    content = content_of(group, name) or {}
    if TARGET in content:
        return str(content[TARGET])
    defaults = content.get("defaults") or []
    others = [one for one in defaults if isinstance(one, str) and one not in ("_self_", name, *seen)]
    found = [_target_of(group, one, (name, *seen)) for one in reversed(others)]
    return next((target for target in found if target is not None), None)
