"""Keys of a command line and of a config, and names of folders made from them: of a sweep and of its jobs."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from groundwork.blame import ROOT

PER_COMMAND = ("launcher", "out", "progress")  # how and where a sweep runs, not what
CONFIG_DIR = "WAYBILL_CONFIG_DIR"  # environment variable: the user's own config folders, see ``choices``


_PLAIN = re.compile(r"[\w./:+@%-]+")  # a value that Hydra reads as it stands


def as_override(key: str, value: object) -> str:
    """``key=value`` as Hydra reads it: quoted where the value has letters that mean something to Hydra."""
    text = str(value)
    return f"{key}={text}" if _PLAIN.fullmatch(text) else f"{key}={quoted(text)}"


def quoted(text: str) -> str:
    """Text in quotes, as Hydra reads it."""
    return "'" + re.sub(r"(\\*)(?='|$)", r"\1\1", text).replace("'", "\\'") + "'"


def shell_command(*words: object) -> str:
    """A command to type: words quoted for the shell where they have to be."""
    return shlex.join(str(word) for word in words)


def door_words(name: str) -> list[str]:
    """How a door is called: as a script of the checkout, or by the command of an installation elsewhere."""
    if not (ROOT / "pyproject.toml").is_file():
        return [f"waybill-{name}"]
    return ["python", "-m", "experiments.sweeps"] if name == "sweeps" else ["python", f"{name}.py"]


def key_of(override: str) -> str:
    """The key that an override changes: ``+agent.tau=1`` → ``agent.tau``."""
    return re.split(r"=", override.lstrip("+~"), maxsplit=1)[0]


def group_of(override: str) -> str:
    """The top-level key that an override changes: ``+agent.tau=1`` → ``agent``."""
    return re.split(r"[.=@]", override.lstrip("+~"), maxsplit=1)[0]


def of_the_runs(overrides: Sequence[str]) -> list[str]:
    """Those of a command's overrides that its runs are made of."""
    return [override for override in overrides if group_of(override) not in PER_COMMAND]


def file_name(text: str) -> str:
    """Text as a name of a file, at most 100 letters."""
    return re.sub(r"[^A-Za-z0-9=.+-]+", "_", text)[:100].strip("_.") or "default"


def sweep_name(overrides: Sequence[str], params: Mapping[str, Any] | None) -> str:
    """A sweep's name, such as ``ladder_1c0ffee2``: the same for the same command and ``hydra.sweeper.params``."""
    own = of_the_runs(overrides)
    text = json.dumps([own, sorted((params or {}).items())])
    chosen = [override.partition("=")[2] for override in own if key_of(override) == "experiment"]
    return f"{file_name(chosen[-1]) if chosen else 'sweep'}_{hashlib.sha256(text.encode()).hexdigest()[:8]}"


Flat = dict[str, Any]  # a config by dotted keys


def flat(config: Mapping[str, Any], prefix: str = "") -> Flat:
    """A nested config by dotted keys; lists are values."""
    found: Flat = {}
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found
