"""Mistakes drawn at random: a command line, what is wrong with it, and whether it may be accepted after all."""

from __future__ import annotations

import dataclasses
import random
import shutil
import types
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from composing import composed
from omegaconf import OmegaConf
from shrunk import LEVEL, RUN, sizes

from experiments.config import choices
from experiments.config.keys import flat
from experiments.config.schema import WaybillConfig

SMALL = {*RUN, *LEVEL, "seeds=1"}
LETTERS = "abcdefghijklmnopqrstuvwxyz"
STARTS = (  # what a command line says before something is wrong with it
    ("level=haul",), ("level=haul", "agent=pqn"), ("level=haul", "network=mlp", "actions=masked"),
    ("level=haul", "reward=milestone", "encoding=one_hot"), ("env=gym", "env.id=CartPole-v1"),
    ("level=refine", "curriculum=ladder"), ("level=haul", "agent=greedy"), ("level=rivals", "encoding=pairwise"),
)  # fmt: skip
GROUPS = ("level", "reward", "actions", "encoding", "agent", "network", "curriculum", "env", "terrain", "experiment")
MISSING = (
    ("env=gym",), ("resume=",), ("resume=nowhere",), ("transfer.from=nowhere",), ("rivals=[nobody]",),
    ("env=gym", "env.id=Nothing-v0"), ("env=gym", "env.id=nothing:Nothing-v0"), ("-m", "seed=1", "launcher=nobody"),
    ("+experiment=nothing",), ("--config-dir", "nowhere"), ("arm=nothing",), ("callbacks=[nothing]",),
)  # fmt: skip
OPTIONS = {  # of the other doors: values that none of them allows
    "evaluate.py": {
        "--maps": ("0", "-3", "abc", "1.5"), "--map-seed": ("-1", "abc", "99999999999"), "--level": ("hal", "runs"),
        "--rivals": ("greedi", "greedy,greedy,greedy,greedy"), "--candidates": ("1", "257", "x"),
        "--device": ("gpu", "cuda:99"), "--episodes": ("3",), "--config-dir": ("nowhere",), "--maap": ("3",),
    },
    "replay.py": {
        "--level": ("hal",), "--map-seed": ("-1", "abc"), "--format": ("gfi", "GIF"), "--fps": ("0", "-1", "nan", "x"),
        "--device": ("gpu",), "--seed": ("3",), "--ot": ("a.gif",), "--planner": ("7",), "--against": ("nobody",),
    },
    "report.py": {"--threshold": ("2", "-1", "nan", "x"), "--reference": ("nobody",), "--seed": ("-1", "x"),
                  "--aut": ("x",)},
    "diagnose.py": {"--device": ("gpu", "cuda:99"), "--out": ("nowhere/x.html",), "--ot": ("x",)},
    "play.py": {
        "--level": ("hal", "runs", ""), "--against": ("nobody", "self", "greedi", "greedy@20ms"),
        "--seat": ("-1", "1", "abc"), "--map-seed": ("-1", "abc", "1.5", "99999999999"),
        "--policy": ("nowhere", ".", "greedy"), "--lvl": ("haul",),
        "--port": ("-1", "70000", "x"), "--out": ("nowhere/x.jsonl", "."), "--device": ("gpu", "cuda:99"),
        "--config-dir": ("nowhere",), "--undo": ("yes",), "--terminal": ("haul",),
    },
}  # fmt: skip
PLAYED = ("play.py", "--terminal", "--level", "haul")  # without a run: who plays is the person, who types nothing


class Mistake(NamedTuple):
    """A command with a mistake in it: ``kind`` says which; ``may_pass`` if it could be meant after all."""

    kind: str
    words: tuple[str, ...]  # the door first
    may_pass: bool


def misspelt(word: str, rng: random.Random) -> str:
    """A word with a letter left out, doubled, exchanged or put in."""
    k = rng.randrange(len(word))
    how = rng.randrange(4)
    if how == 0 and len(word) > 1:
        return word[:k] + word[k + 1 :]
    if how == 1 and k + 1 < len(word) and word[k] != word[k + 1]:
        return word[:k] + word[k + 1] + word[k] + word[k + 2 :]
    if how == 2:
        return word[:k] + word[k] + word[k:]
    return word[:k] + rng.choice(LETTERS) + word[k:]


def kinds_of(node: Any) -> dict[str, Any]:
    """Dotted key → type, of all numbers, switches and texts in a composed config."""
    found = _fields(WaybillConfig, "")
    for group in choices.CLASSED:
        found |= _fields(choices.class_of(group, OmegaConf.to_container(node[group])), f"{group}.")
    there = flat(typing.cast(Mapping[str, Any], OmegaConf.to_container(node, resolve=False)))
    return {key: kind for key, kind in found.items() if key in there and not key.endswith((".name", "_target_"))}


def _fields(cls: Any, prefix: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    hints = typing.get_type_hints(cls)
    for own in dataclasses.fields(cls):
        kind = hints[own.name]
        if dataclasses.is_dataclass(kind):
            found |= _fields(kind, f"{prefix}{own.name}.")
        else:
            found[prefix + own.name] = kind
    return found


def _alternatives(kind: Any) -> set[Any]:
    return set(typing.get_args(kind)) if typing.get_origin(kind) in (types.UnionType, typing.Union) else {kind}


def _wrong_values(kind: Any, rng: random.Random) -> tuple[str, bool] | None:
    """A value that is wrong for a key of that type (or may be), and whether it may be accepted."""
    own = _alternatives(kind)
    if own & {str, Any} or any(typing.get_origin(one) in (list, dict) for one in own):
        return ("{a: 1}", False) if own <= {str} else None
    wrong = ["abc", "[1,2]", "{a: 1}", "''", "1;2"]
    wrong += ["2", "0.5"] if own & {bool} else ["true", "nan"]
    wrong += ["1.5"] if own <= {int, type(None)} else []
    wrong += [] if type(None) in own else ["null"]
    unsure = [] if own & {bool} else ["-1", "0", "1e30", "inf", "-inf"]
    value = rng.choice([*wrong, *unsure])
    return value, value in unsure


def of_train(rng: random.Random) -> Mistake:
    """One of ``train.py``."""
    start = rng.choice(STARTS)
    node = composed(*start)
    small = tuple(sizes(node))
    kinds = kinds_of(node)
    known = set(flat(typing.cast(Mapping[str, Any], OmegaConf.to_container(node, resolve=False))))
    key = rng.choice(sorted(kinds))
    group = rng.choice(GROUPS)
    how = rng.choice(["key", "key", "type", "type", "type", "type", "choice", "swapped", "place", "form", "missing"])
    if how == "key":
        front, dot, last = key.rpartition(".")
        wrong = front + dot + misspelt(last, rng)
        if wrong in known or any(one.startswith(f"{wrong}.") for one in known):
            wrong += "x"
        return Mistake("mistyped key", ("train.py", *start, *small, f"{rng.choice(['', '', '+'])}{wrong}=1"), False)
    if how == "type":
        drawn = _wrong_values(kinds[key], rng)
        if drawn is not None:
            kind = "out of range" if drawn[1] else "wrong type"
            return Mistake(kind, ("train.py", *start, *small, f"{key}={drawn[0]}"), drawn[1])
    if how == "swapped":
        name = rng.choice(choices.names_in(group))
        return Mistake("swapped", ("train.py", *start, *small, f"{name}={group}"), False)
    if how == "place":
        other, name = rng.choice([one for one in GROUPS if one != group]), rng.choice(choices.names_in(group))
        return Mistake("wrong place", ("train.py", *start, *small, f"{other}.{group}={name}"), False)
    if how == "form":
        word = rng.choice(
            [key, f"={key}", f"{key}:1", f"--{key}=1", f"{key}=[1", f"{key}={{", f"{key}==1", f"{key} = 1"]
        )
        return Mistake("no override", ("train.py", *start, *small, word), kinds[key] is str or "Any" in str(kinds[key]))
    if how == "missing":
        return Mistake("missing", ("train.py", *rng.choice(MISSING)), False)
    name = misspelt(rng.choice(choices.names_in(group)), rng)
    name = name + "x" if name in choices.names_in(group) else name
    return Mistake("mistyped choice", ("train.py", *start, *small, f"{group}={name}"), False)


def of_doors(rng: random.Random, run: Path) -> Mistake:
    """One of the other doors: of the run that they read, or of their options."""
    door = rng.choice(sorted(OPTIONS))
    if door == "play.py":
        option = rng.choice(sorted(OPTIONS[door]))
        return Mistake("option", (*PLAYED, option, rng.choice(OPTIONS[door][option])), False)
    subject = rng.choice([str(run), str(run), misspelt("greedy", rng), "nowhere"])
    if subject == str(run):
        option = rng.choice(sorted(OPTIONS[door]))
        return Mistake("option", (door, subject, option, rng.choice(OPTIONS[door][option])), False)
    return Mistake("missing", (door, subject), False)


def of_files(rng: random.Random, run: Path, place: Path) -> Mistake:
    """A run folder with something wrong in it, opened by some door."""
    broken = place / "broken"
    shutil.rmtree(broken, ignore_errors=True)
    shutil.copytree(run, broken)
    file = broken / rng.choice(["config.yaml", "config.yaml", "policy.safetensors", "last.pt", "result.json"])
    harm: dict[str, Callable[[], object]] = {
        "gone": file.unlink,
        "empty": lambda: file.write_bytes(b""),
        "short": lambda: file.write_bytes(file.read_bytes()[: rng.randrange(1, file.stat().st_size)]),
        "noise": lambda: file.write_bytes(rng.randbytes(200)),
        "folder": lambda: (file.unlink(), file.mkdir()),
        "line": lambda: _harm_line(file, rng),
    }
    how = rng.choice(sorted(harm))
    harm[how]()
    words = rng.choice([
        ("evaluate.py", str(broken), "--maps", "2"), ("replay.py", str(broken)), ("report.py", str(broken)),
        ("diagnose.py", str(broken)), (*PLAYED, "--policy", str(broken)), (*PLAYED, "--against", str(broken)),
        ("train.py", f"resume={broken}", "steps=480"),
        ("train.py", "level=haul", *sizes(composed("level=haul")), f"transfer.from={broken}"),
        ("train.py", "level=haul", *sizes(composed("level=haul")), f"rivals=[{broken}]"),
    ])  # fmt: skip
    return Mistake(f"{file.name} {how}", words, True)  # not every door needs every file


def _harm_line(file: Path, rng: random.Random) -> None:
    """A line of a text left out, mistyped or given another value; of other files a byte changed."""
    if file.suffix == ".pt":
        data = bytearray(file.read_bytes())
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        file.write_bytes(bytes(data))
        return
    lines = file.read_text().splitlines()
    k = rng.choice([i for i, line in enumerate(lines) if ":" in line])
    key, _, value = lines[k].partition(":")
    lines[k : k + 1] = rng.choice(
        [[], [f"{misspelt(key.strip() or 'x', rng)}:{value}"], [f"{key}: nonsense"], [f"{key}: [1"]]
    )
    file.write_text("\n".join(lines) + "\n")


def draw(rng: random.Random, run: Path, place: Path) -> Mistake:
    """Any of them."""
    how = rng.random()
    return of_train(rng) if how < 0.6 else of_doors(rng, run) if how < 0.75 else of_files(rng, run, place)
