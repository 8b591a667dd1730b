"""Folders as a stranger could give them away, and the doors that read them."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from harm import places
from judged import typed_here
from safetensors import safe_open
from safetensors.torch import save_file

from experiments.runs.train import start_run
from tiny import DQN, tiny_node

LATER = 99  # the number of a format to come
MARKER = "RAN"  # what a payload writes into the working directory
MODULE = """
import os, pathlib
pathlib.Path("RAN").write_text("x")
import gymnasium
from gymnasium.envs.classic_control.cartpole import CartPoleEnv
gymnasium.register("Evil-v0", entry_point=CartPoleEnv, max_episode_steps=20)
Wrap = gymnasium.wrappers.OrderEnforcing
class Part: pass
"""
RUN_DOORS = {
    "evaluate": ("evaluate.py", "RUN"),
    "replay": ("replay.py", "RUN", "--out", "game.txt"),
    "diagnose": ("diagnose.py", "RUN", "--out", "page.html"),
    "share": ("share.py", "RUN", "--out", "shared"),
    "resume": ("train.py", "resume=RUN", "steps=260"),
    "report": ("report.py", "RUN", "--out", "report"),
}
LEVEL_DOORS = {
    "play": ("play.py", "--level", "haul", "--policy", "RUN", "--terminal"),
    "transfer": ("train.py", "level=haul", "transfer.from=RUN", "SMALL", "network.width=16"),
    "rivals": ("train.py", "level=rivals", "rivals=[RUN]", "SMALL"),
    "tournament": ("-m", "experiments.studies.tournament", "RUN", "greedy", "--maps", "2", "--level", "haul"),
}
SWEEP_DOORS = {
    "status": ("-m", "experiments.sweeps", "status", "RUN"),
    "collect": ("-m", "experiments.sweeps", "collect", "RUN"),
    "report": ("report.py", "RUN", "--out", "report"),
}
SMALL = (
    "level.horizon=20", "steps=120", "num_envs=8", "train_maps=8", "evaluation.every=120", "evaluation.maps=2",
    "evaluation.final_maps=2", "threads=1", "device=cpu", "progress=false", "diagnostics.parts=[]",
    "agent.learning_starts=64", "agent.batch_size=16", "agent.memory_capacity=600", "agent.updates_per_step=0.1",
)  # fmt: skip


class Payload:
    """Writes the marker as it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"echo x > {MARKER}",)


def a_run(out: Path) -> Path:
    """A run on a level, whole, made here and now."""
    start_run(tiny_node(out, *DQN, "steps=240", "diagnostics.parts=[]"), folder=out / "run")
    return out / "run"


def type_door(words: tuple[str, ...], given: Path, place: Path) -> tuple[int, str, str, str | None]:
    """What a door does with a folder or file in place of RUN: exit code, stdout, stderr and a traceback."""
    typed: list[str] = []
    for word in words:
        typed += SMALL if word == "SMALL" else [word.replace("RUN", str(given))]
    return typed_here(typed, place)


def one_line(done: tuple[int, str, str, str | None]) -> str | None:
    """What is wrong with a refusal; None if it is one line and exit code 2."""
    code, _, stderr, trace = done
    lines = [line for line in stderr.splitlines() if not line.startswith(("usage:", " ", "note:"))]
    if trace is not None:
        return trace
    if code != 2 or len(lines) != 1 or "error: " not in lines[0] or len(lines[0]) > 900:
        return f"exit code {code}: {stderr[-500:]!r}"
    return None


def put_modules(*folders: Path) -> None:
    """Lay a module that writes the marker into folders, under names that configs below give."""
    for folder in folders:
        (folder / "evil_game.py").write_text(MODULE)


def put_archives(run: Path) -> None:
    """Put what runs as it is unpickled in place of all that holds tensors."""
    for name in ("last.pt", "previous.pt"):
        torch.save({"format": 1, "x": Payload()}, run / name)
    (run / "policy.safetensors").write_bytes(pickle.dumps(Payload()))
    (run / "best.pt").write_bytes(pickle.dumps(Payload()))
    (run / "memory").mkdir(exist_ok=True)
    torch.save({"format": 1, "segments": Payload()}, run / "memory" / "1.pt")


def change_config(run: Path, change: Callable[[str], str]) -> None:
    """Change the text of a run's config, which must differ then."""
    before = (run / "config.yaml").read_text()
    assert change(before) != before
    (run / "config.yaml").write_text(change(before))


def damaged(path: Path, how: str) -> None:
    """Put what is no good in a file's place."""
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    number = 7919
    contents: dict[str, bytes] = {
        "empty": b"",
        "noise": bytes((number * k * k + 31 * k) % 251 for k in range(1000)),
        "list": b"[1, 2, 3]\n",
        "section": b'{"a": "1"}\n',
        "deep": b"[" * 500 + b"]" * 500,
        "deep sections": b'{"a":' * 500 + b"1" + b"}" * 500,
        "number": b"1e999\n",
    }
    if how == "folder":
        path.mkdir()
    elif how == "endless":
        path.symlink_to("/dev/zero")
    elif how == "pipe":
        os.mkfifo(path)
    else:
        path.write_bytes(contents[how])


HOWS = (
    "empty", "noise", "list", "section", "deep", "deep sections", "number", "folder", "endless", "pipe",
)  # fmt: skip


def of_a_later_version(path: Path) -> None:
    """The file as a version to come could write it: whole, but for the number of its format."""
    if path.suffix == ".pt":
        torch.save(torch.load(path, weights_only=True) | {"format": LATER}, path)
    elif path.suffix == ".safetensors":
        with safe_open(path, "pt") as file:
            (key, about), *_ = file.metadata().items()
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no dict
        save_file(tensors, path, {key: json.dumps(json.loads(about) | {"format": LATER})})
    elif path.suffix == ".jsonl":  # a game's first line says it
        first, _, rest = path.read_text().partition("\n")
        path.write_text(json.dumps(json.loads(first) | {"version": LATER}) + "\n" + rest)
    else:
        path.write_text(json.dumps(json.loads(path.read_text()) | {"format": LATER}))


WRONG: dict[str, Any] = {  # in place of what is right
    "text": "x<b>", "number": 7, "large": -1e300, "list": [1], "section": {"a": "b"}, "flag": True, "null": None,
}  # fmt: skip


def keys_in(whole: Any) -> list[tuple[str, ...]]:
    """Where nested sections hold something: the keys that lead there."""
    return [path for path in places(whole) if path and all(isinstance(key, str) for key in path)]


def changed_at(whole: Any, at: tuple[str, ...], wrong: Any) -> Any:
    """A copy of nested sections with something else in one place."""
    key, *rest = at
    return {**whole, key: changed_at(whole[key], tuple(rest), wrong) if rest else wrong}


def texts_for_numbers(path: Path) -> None:
    """Every number of a JSON file as a text."""

    def told(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: told(entry) for key, entry in value.items()}
        if isinstance(value, list):
            return [told(entry) for entry in value]
        return f"<b>{value}" if isinstance(value, int | float) and not isinstance(value, bool) else value

    path.write_text(json.dumps(told(json.loads(path.read_text()))))
