"""Configs that were saved, read as if they came from anybody: sections, lists, numbers and texts, and nothing else.

YAML can stand for far more than it says (ten lines of aliases for a billion entries), and a value can ask for another
or for a variable of the environment. No config that Waybill saves does, so whatever does is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from experiments.config.errors import first_line
from groundwork.errors import WaybillError
from groundwork.limits import read_bytes, refuse_control

MOST_CONFIG_BYTES = 2**20
MOST_DEPTH = 32  # sections and lists within one another


def saved_config(path: Path) -> DictConfig:
    """The config in a saved YAML file.

    Raises:
        WaybillError: in one line, without the file's name, if it is damaged or holds more than plain data.
        OSError: if it can't be read.
    """
    text = saved_text(path)
    try:
        _check_events(text)
        given = OmegaConf.create(text)
    except AssertionError:  # OmegaConf's, for what is no section at all
        raise WaybillError("a config is a section of keys") from None
    except yaml.MarkedYAMLError as error:
        where = "" if error.problem_mark is None else f"line {error.problem_mark.line + 1}: "
        raise WaybillError(f"{where}{error.problem or error.context}") from None
    except (OmegaConfBaseException, yaml.YAMLError, RecursionError, ValueError) as error:
        raise WaybillError(first_line(error)) from None
    if not isinstance(given, DictConfig):
        raise WaybillError("a config is a section of keys")
    plain = OmegaConf.to_container(given, resolve=False)
    refuse_references(plain)
    refuse_control(plain)
    return given


def saved_text(path: Path) -> str:
    """What a saved config's file says, if it isn't larger than any config.

    Raises:
        WaybillError: in one line, without the file's name, if it is, or is no text.
        OSError: if it can't be read.
    """
    data = read_bytes(path, MOST_CONFIG_BYTES)
    try:
        text = data.decode()
        refuse_control(text, "its text")
        return text
    except UnicodeDecodeError as error:
        raise WaybillError(first_line(error)) from None


def refuse_references(value: Any, key: str = "", depth: int = 0) -> None:
    """Refuse nested data in which a text stands for something else, ``${other.key}``, and those nested too deep.

    Raises:
        WaybillError: in one line that names the key.
    """
    if depth > MOST_DEPTH:
        raise WaybillError(f"{key}: no saved config has {depth} sections within one another")
    if isinstance(value, Mapping):
        for name, entry in value.items():
            refuse_references(entry, f"{key}.{name}" if key else str(name), depth + 1)
    elif isinstance(value, list):
        for number, entry in enumerate(value):
            refuse_references(entry, f"{key}[{number}]", depth + 1)
    elif isinstance(value, str) and "${" in value:
        raise WaybillError(f"{key}={value}: a saved config's values stand for themselves, ${{…}} is not allowed")


def _check_events(text: str) -> None:
    """Refuse what YAML has beside plain data, before anything is made of it."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        where = f"line {event.start_mark.line + 1}"
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise WaybillError(f"{where}: no saved config has an alias or an anchor (&, *)")
        tag = getattr(event, "tag", None)
        if tag is not None:
            raise WaybillError(f"{where}: no saved config has a tag ({tag})")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MOST_DEPTH:
            raise WaybillError(f"{where}: no saved config has {depth} sections within one another")
