"""Inputs drawn at random, by kind: what is harmed, how, and what is read of it."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from harm import harm_bytes, harm_json, harm_lines, harm_values, harm_yaml
from made import Read, Subjects, harmed_checkpoint, harmed_tensors
from typed_actions import drawn_call


class Input(NamedTuple):
    """One input: what it is in a few words, what uses it, and whether using it may change files."""

    told: str
    read: Read
    may_write: bool = False


Draw = Callable[[random.Random, Subjects, Path], Input]


def an_action(rng: random.Random, subjects: Subjects, place: Path) -> Input:
    """Something that is no action, or is one, given to an environment."""
    return Input(*drawn_call(rng))


def a_record(rng: random.Random, subjects: Subjects, place: Path) -> Input:
    """A game's record."""
    own, other = (rng.choice(subjects.policies) / "replay.jsonl" for _ in range(2))
    path = place / "game.jsonl"
    path.write_bytes(harm_lines(own.read_bytes(), rng, other.read_bytes()))
    return Input(f"record of {own.parent.name}", subjects.record(path))


def a_config(rng: random.Random, subjects: Subjects, place: Path) -> Input:
    """A run's YAML or a policy's JSON."""
    if rng.random() < 0.5:
        data, other = ((folder / "config.yaml").read_bytes() for folder in (subjects.run, subjects.other))
        (place / "config.yaml").write_bytes(harm_yaml(data, rng, other))
        return Input("config.yaml", subjects.config(place))
    data, other = ((rng.choice(subjects.policies) / "config.json").read_bytes() for _ in range(2))
    (place / "config.json").write_bytes(harm_json(data, rng, other))
    return Input("config.json", subjects.config(place))


def a_checkpoint(rng: random.Random, subjects: Subjects, place: Path) -> Input:
    """policy.safetensors or last.pt."""
    source, other = rng.sample([subjects.run, subjects.other], 2)
    if rng.random() < 0.6:
        copy_of(source, place)
        path = place / "policy.safetensors"
        if rng.random() < 0.5:
            path.write_bytes(harm_bytes(path.read_bytes(), rng, (other / path.name).read_bytes()))
            return Input("policy.safetensors, its bytes", subjects.policy(place, source))
        harmed_tensors(path, lambda content: harm_values(content, rng))
        return Input("policy.safetensors, its values", subjects.policy(place, source))
    copy_of(source, place, memory=True)
    (place / "previous.pt").unlink(missing_ok=True)  # which would take its place, and be said to
    path = place / "last.pt"
    how = rng.random()
    if how < 0.4:
        path.write_bytes(harm_bytes(path.read_bytes(), rng, (other / path.name).read_bytes()))
    elif how < 0.7:
        harmed_checkpoint(path, lambda content: harm_values(content, rng))
    else:
        segment = rng.choice(sorted([path, *place.glob("memory/*")]))
        segment.write_bytes(harm_bytes(segment.read_bytes(), rng))
    return Input("last.pt", subjects.last(place))


def a_run(rng: random.Random, subjects: Subjects, place: Path) -> Input:
    """A run's folder with a file gone, exchanged, harmed or of another run; a folder or a link in a file's place."""
    copy_of(subjects.run, place)
    names = ["config.yaml", "policy.safetensors", "result.json", "result.json", "last.pt", "progress.json"]
    path = place / rng.choice([name for name in names if (place / name).is_file()])
    how = rng.choice(["gone", "other", "swapped", "folder", "link", "loop", "values", "two"])
    if how in ("gone", "two"):
        path.unlink()
    if how in ("other", "two"):
        shutil.copy(subjects.other / (path.name if how == "other" else "policy.safetensors"), place)
    if how == "swapped":
        second = place / rng.choice([name for name in names if (place / name).is_file()])
        one, two = path.read_bytes(), second.read_bytes()
        path.write_bytes(two)
        second.write_bytes(one)
    if how in ("folder", "link", "loop"):
        path.unlink()
        path.mkdir() if how == "folder" else path.symlink_to("nowhere" if how == "link" else path.name)
    if how == "values":
        path = place / "result.json"
        path.write_bytes(harm_json(path.read_bytes(), rng))
    return Input(f"run folder, {path.name} {how}", subjects.all_of(place))


def a_sweep(rng: random.Random, subjects: Subjects, place: Path) -> Input:
    """A sweep's files."""
    shutil.copytree(subjects.sweep, place, dirs_exist_ok=True, symlinks=True)
    others = [*place.glob("*/*.json"), *place.glob("*/frozen.yaml")]
    path = place / "sweep.json" if rng.random() < 0.6 else rng.choice(sorted(others))
    harm = harm_yaml if path.suffix == ".yaml" else harm_json
    path.write_bytes(harm(path.read_bytes(), rng))
    return Input(f"sweep, {path.name}", subjects.states(place))


def a_search(rng: random.Random, subjects: Subjects, place: Path) -> Input:
    """A search's journal and config: going on with it mends the journal."""
    shutil.copytree(subjects.search, place, dirs_exist_ok=True)
    path = place / rng.choice(["journal.log", "journal.log", "search.yaml"])
    harm = harm_yaml if path.suffix == ".yaml" else harm_lines
    path.write_bytes(harm(path.read_bytes(), rng))
    return Input(f"search, {path.name}", subjects.trials(place), may_write=True)


def copy_of(run: Path, place: Path, *, memory: bool = False) -> None:
    """A run's files, those that are needed."""
    for path in run.iterdir():
        if path.is_file() and not path.name.startswith(("events", ".")):
            shutil.copy(path, place)
    if memory and (run / "memory").is_dir():
        shutil.copytree(run / "memory", place / "memory")


KINDS: dict[str, Draw] = {
    "actions": an_action, "records": a_record, "configs": a_config, "checkpoints": a_checkpoint,
    "run folders": a_run, "sweeps": a_sweep, "searches": a_search,
}  # fmt: skip
OFTEN = {
    "actions": 40,
    "records": 20,
    "configs": 3,
    "checkpoints": 5,
    "run folders": 3,
    "sweeps": 3,
}  # in a round; others once
