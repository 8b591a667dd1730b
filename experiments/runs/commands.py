"""The commands that made a run, kept as comments at the top of its ``config.yaml``: the start and each resumption."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from experiments.config.choices import config_folders
from experiments.config.keys import as_override, door_words, shell_command

_COMMAND = "python train.py"


def command_line(overrides: Sequence[str]) -> str:
    """What is typed to start a run with these overrides."""
    return " ".join([_COMMAND, *map(shlex.quote, [*config_words(), *overrides])])


def config_words() -> list[str]:
    """What a command has to say for choices of a user's own to be found; several folders are a variable's business."""
    own = config_folders()[1:]
    return ["--config-dir", str(own[0])] if len(own) == 1 else []


def resume_command(folder: object) -> str:
    """What is typed to go on with the run in a folder."""
    return shell_command(*door_words("train"), *config_words(), as_override("resume", folder))


def as_comments(lines: Sequence[str]) -> str:
    """Commands as comments."""
    return "".join(f"# {text}\n" for text in lines)


def commands_in(notes: Sequence[str]) -> list[str]:
    """The commands among a config's notes; none if it was started from Python, or before they were kept."""
    return [note for note in notes if note.startswith(_COMMAND)]


def together(lines: Sequence[str]) -> str | None:
    """One command for runs that differ only in ``seed=``, a sweep over their seeds; None if they differ otherwise."""
    words = [shlex.split(text.removeprefix(_COMMAND)) for text in lines]
    rests = {tuple(word for word in one if not word.startswith("seed=")) for one in words}
    seeds = [word.removeprefix("seed=") for one in words for word in one if word.startswith("seed=")]
    if len(set(lines)) == 1:
        return lines[0]
    if len(rests) > 1 or len(seeds) != len(lines) or len(set(seeds)) < len(seeds):
        return None
    return command_line(["-m", *rests.pop(), f"seed={','.join(seeds)}"])
