"""What ``--help`` prints: the groups with their choices, and the keys of a run beside the comments of their files."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

import yaml

from experiments.config.choices import CONF, add_config_folder, config_folders, names_in
from groundwork.errors import WaybillError

WORDS = ("-h", "--help")
_HYDRA = "hydra:"
_SECTIONS = ("level", "reward", "actions", "encoding", "curriculum", "agent", "network", "launcher", "env")
_OPTIONS = """\
options:
  -m                 a sweep: several values to a key, separated by commas; a job for each combination
  --config-dir DIR   a folder like conf/ with choices of your own
  --cfg job          print the config that the command stands for
  --help GROUP       the choices of a group and its keys; --help GROUP=NAME: those of one choice
  --hydra-help       what else Hydra can do"""


def wants_help(words: Sequence[str]) -> bool:
    """True if a command line asks for help."""
    return any(word in WORDS for word in words)


def help_text(what: str, words: Sequence[str], *, groups: Sequence[str] = (), without: Sequence[str] = ()) -> str:
    """The answer to a command line with ``--help`` in it; ``what`` is the command's first line.

    ``groups`` come first; those ``without`` are another command's.

    Raises:
        WaybillError: in one line, for a group or choice that there is not.
    """
    folders = [words[i + 1] for i, word in enumerate(words[:-1]) if word == "--config-dir"]
    for folder in folders:
        add_config_folder(folder)
    asked = [word for word in words if not word.startswith("-") and word not in folders]
    asked = [word for word in asked if "=" not in word or names_in(word.partition("=")[0])]
    if asked:
        return "\n\n".join(_group_text(word) for word in asked)
    return _everything(what, groups, without)


def _everything(what: str, first: Sequence[str], without: Sequence[str]) -> str:
    defaults = _defaults()
    found = {path.name for folder in config_folders() for path in folder.iterdir() if path.is_dir()}
    known = [*first, *(group for group in defaults if group in found and group not in first)]
    known += sorted(found - set(known))
    shown = [group for group in known if names_in(group) and group not in without]
    width = max(map(len, shown))
    indent = " " * (width + 4)
    lines = [textwrap.fill(f"  {one:<{width}}  {_choices(one)}", 100, subsequent_indent=indent) for one in shown]
    groups = "groups, GROUP=NAME (the default in front):\n" + "\n".join(lines)
    keys = f"keys of every run, KEY=VALUE:\n{_indented(_keys_of(CONF / 'config.yaml'))}"
    return f"{what}\n\n{_OPTIONS}\n\n{groups}\n\n{keys}"


def _group_text(word: str) -> str:
    """A group's choices and the keys of the default one, or of the one that is asked for."""
    group, _, name = word.partition("=")
    names = names_in(group)
    if not names:
        known = ", ".join(sorted(path.name for path in CONF.iterdir() if path.is_dir() and names_in(path.name)))
        raise WaybillError(f"--help {word}: there is no group {group}, known are {known}")
    if name and name not in names:
        raise WaybillError(f"--help {word}: available: {', '.join(names)}")
    default = _defaults().get(group)
    told = name or (default if default in names else None)
    if told is None:
        return "\n".join([f"{group}=", *(f"  {one:<24}{_about(group, one)}" for one in names)])
    mark = " (default)" if told == default else ""
    others = [] if name else [f"  {one:<24}{_about(group, one)}" for one in names if one != told]
    tail = ["", f"others, --help {group}=NAME for their keys:", *others] if others else []
    keys = f"; its keys, {group}.KEY=VALUE:" if group in _SECTIONS else ""
    return "\n".join([f"{group}={told}{mark}{keys}", _indented(_keys_of(_file(group, told))), *tail])


def _choices(group: str) -> str:
    names, default = names_in(group), _defaults().get(group)
    return ", ".join([*(name for name in names if name == default), *(name for name in names if name != default)])


def _defaults() -> dict[str, Any]:
    """The choice that ``config.yaml`` makes in each group, in its order."""
    content = yaml.safe_load((CONF / "config.yaml").read_text())
    pairs = [pair for entry in content["defaults"] if isinstance(entry, dict) for pair in entry.items()]
    return {group: name for group, name in pairs if not group.startswith("override ")}


def _file(group: str, name: str) -> Path:
    return next(path for folder in config_folders() if (path := folder / group / f"{name}.yaml").is_file())


def _about(group: str, name: str) -> str:
    """The first sentence of the comment at the top of a choice's file."""
    lines = _file(group, name).read_text().splitlines()
    comments = [line.removeprefix("#").strip() for line in takewhile(lambda line: line.startswith("#"), lines)]
    text = " ".join(line for line in comments if not line.startswith(("@package", "python ")))
    return re.split(r"(?<=\w\w[.])\s", text)[0]


def _keys_of(path: Path) -> str:
    """A config file as it stands, without what is Hydra's."""
    kept, hidden = [], False
    for line in path.read_text().splitlines():
        if not line.startswith((" ", "#")):
            hidden = line.startswith(("defaults:", _HYDRA))
        if not hidden and not re.match(r"(_target_|name):|# @package", line):
            kept.append(line)
    return "\n".join(kept).strip("\n")


def _indented(text: str) -> str:
    return "\n".join(f"  {line}".rstrip() for line in text.splitlines())
