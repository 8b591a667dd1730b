"""Folders in which something would run as code if it were read carelessly: no door runs it."""

from __future__ import annotations

import importlib
import pickle
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import gymnasium
import pytest
import torch
from gym_nodes import LEARNS, node
from strangers import (
    LEVEL_DOORS,
    MARKER,
    RUN_DOORS,
    SMALL,
    a_run,
    change_config,
    one_line,
    put_archives,
    put_modules,
    type_door,
)

from experiments.config import reading
from experiments.runs.train import start_run

TARGETS = ("env", "level", "reward", "actions", "encoding", "agent", "network", "launcher", "curriculum")


@pytest.fixture(scope="module")
def level_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on a level, whole."""
    return a_run(tmp_path_factory.mktemp("level"))


@pytest.fixture(scope="module")
def gym_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on a Gymnasium game, whole."""
    out = tmp_path_factory.mktemp("gym")
    words = ("env.id=CartPole-v1", "steps=240", "evaluation.every=120", "diagnostics.parts=[]", "network.width=[16]")
    start_run(node(out, *LEARNS, *words, "evaluation.max_steps=30"), folder=out / "run")
    return out / "run"


@pytest.fixture(autouse=True)
def no_evil_modules() -> None:
    """Modules of before are forgotten: who imports one again runs it."""
    sys.modules.pop("evil_game", None)
    gymnasium.registry.pop("Evil-v0", None)


def given(run: Path, place: Path) -> Path:
    """A copy of a run as it comes from a stranger: on this machine nothing says that it is the user's."""
    copy = place / "given"
    shutil.copytree(run, copy)
    (copy / reading.trust.MARK).unlink()
    put_modules(place, copy)
    return copy


def test_what_is_laid_there_runs_if_it_is_read_carelessly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    put_modules(tmp_path)
    put_archives(tmp_path)
    careless: dict[str, Callable[[], object]] = {
        "module": lambda: importlib.import_module("evil_game"),
        "game": lambda: gymnasium.make("evil_game:Evil-v0"),
        "policy": lambda: pickle.loads((tmp_path / "policy.safetensors").read_bytes()),
        "best": lambda: pickle.loads((tmp_path / "best.pt").read_bytes()),
        "last": lambda: torch.load(tmp_path / "last.pt", weights_only=False),
        "memory": lambda: torch.load(tmp_path / "memory" / "1.pt", weights_only=False),
    }
    for name, read in careless.items():
        sys.modules.pop("evil_game", None)
        (tmp_path / MARKER).unlink(missing_ok=True)
        read()
        assert (tmp_path / MARKER).is_file(), name


def with_targets(run: Path) -> None:
    """Let each section of a config name a class of the module that lies beside it."""

    def change(text: str) -> str:
        for section in TARGETS:
            text = text.replace(f"\n{section}:\n", f"\n{section}:\n  _target_: evil_game.Part\n")
        return text.replace("agent:\n  _target_: evil_game.Part\n", "agent:\n  _target_: evil_game.Part\n", 1)

    change_config(run, change)


@pytest.mark.parametrize("door", [*RUN_DOORS, *LEVEL_DOORS])
def test_archives_run_nothing(level_run: Path, tmp_path: Path, door: str) -> None:
    run = given(level_run, tmp_path)
    put_archives(run)
    done = type_door({**RUN_DOORS, **LEVEL_DOORS}[door], run, tmp_path)
    assert not (tmp_path / MARKER).exists()
    if door == "report":  # it reads neither weights nor checkpoints
        assert done[0] == 0, done
    else:
        assert one_line(done) is None


@pytest.mark.parametrize("door", [*RUN_DOORS, *LEVEL_DOORS])
def test_classes_that_a_config_names_are_not_imported(level_run: Path, tmp_path: Path, door: str) -> None:
    run = given(level_run, tmp_path)
    with_targets(run)
    done = type_door({**RUN_DOORS, **LEVEL_DOORS}[door], run, tmp_path)
    assert not (tmp_path / MARKER).exists()
    assert done[3] is None, done[3]


ID, WRAPPERS, KWARGS = "  id: CartPole-v1\n", "  wrappers: []\n", "  kwargs: {}\n"
NAMED = {
    "id": (ID, "  id: evil_game:Evil-v0\n", "env.id=evil_game:Evil-v0 imports the module 'evil_game'"),
    "wrappers": (WRAPPERS, "  wrappers: [evil_game.Wrap]\n", "env.wrappers=evil_game.Wrap imports"),
    "training": (
        "  training_wrappers: []\n",
        "  training_wrappers: [{'evil_game:Wrap': {}}]\n",
        "env.training_wrappers=evil_game:Wrap imports the module 'evil_game'",
    ),
    "writes": (WRAPPERS, "  wrappers: [{RecordVideo: {video_folder: x}}]\n", "env.wrappers=RecordVideo writes files"),
    "file": (KWARGS, "  kwargs: {xml_file: /tmp/x.xml}\n", "env.kwargs.xml_file='/tmp/x.xml' may name a file"),
    "old": (ID, "  id: GymV26Environment-v0\n", "env.id=GymV26Environment-v0 is no game that Gymnasium itself brings"),
}


@pytest.mark.parametrize("what", NAMED)
@pytest.mark.parametrize("door", [door for door in RUN_DOORS if door != "report"])
def test_modules_that_a_config_names_are_asked_about(gym_run: Path, tmp_path: Path, door: str, what: str) -> None:
    run, (before, after, line) = given(gym_run, tmp_path), NAMED[what]
    change_config(run, lambda text: text.replace(before, after))
    done = type_door(RUN_DOORS[door], run, tmp_path)
    assert not (tmp_path / MARKER).exists()
    assert one_line(done) is None
    assert line in done[2]
    assert "add --trust (train.py and tune.py: env.trust=true)" in done[2]


def test_who_trusts_it_runs_it(gym_run: Path, tmp_path: Path) -> None:
    run, (before, after, _) = given(gym_run, tmp_path), NAMED["id"]
    change_config(run, lambda text: text.replace(before, after))
    done = type_door((*RUN_DOORS["evaluate"], "--episodes", "2", "--trust"), run, tmp_path)
    assert done[0] == 0, done
    assert (tmp_path / MARKER).is_file()


def test_own_runs_are_not_asked_about(tmp_path: Path) -> None:
    put_modules(tmp_path)
    words = ("env=gym", "env.id=evil_game:Evil-v0", "network.width=[16]", *(w for w in SMALL if "level" not in w))
    small = tuple(word for word in words if "maps" not in word)
    made = type_door(("train.py", *small, "evaluation.episodes=2", "evaluation.final_episodes=2", "hydra.run.dir=own"),
                     tmp_path, tmp_path)  # fmt: skip
    assert made[0] == 0, made
    shutil.copytree(tmp_path / "own", tmp_path / "copy")
    (tmp_path / MARKER).unlink()
    sys.modules.pop("evil_game")
    assert type_door(("evaluate.py", "RUN", "--episodes", "2"), tmp_path / "copy", tmp_path)[0] == 0
    assert (tmp_path / MARKER).is_file()
    change_config(tmp_path / "copy", lambda text: text.replace("steps: 120\n", "steps: 121\n"))
    assert one_line(type_door(("evaluate.py", "RUN", "--episodes", "2"), tmp_path / "copy", tmp_path)) is None
    resumed = type_door(("train.py", "resume=RUN", "steps=240"), tmp_path / "own", tmp_path)
    assert resumed[0] == 0, resumed
    assert reading.is_own(tmp_path / "own")


def test_a_checkpoint_of_a_stranger_is_gone_on_with_only_if_trusted(level_run: Path, tmp_path: Path) -> None:
    run = given(level_run, tmp_path)
    refused = type_door(RUN_DOORS["resume"], run, tmp_path)
    assert one_line(refused) is None
    assert "last.pt and memory are taken as they are" in refused[2]
    taken = type_door((*RUN_DOORS["resume"], "env.trust=true"), run, tmp_path)
    assert taken[0] == 0, taken
    assert not reading.is_own(run), "a stranger's run that went on is still a stranger's"
