"""Installed elsewhere, without a checkout: configs, ids and doors work from a folder with modules of the same names."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from typed import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = [pattern.removesuffix("*") for pattern in PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]]
SOURCES = [*PACKAGES, *(f"{name}.py" for name in PROJECT["tool"]["setuptools"]["py-modules"])]
SMALL = [
    "steps=200", "num_envs=4", "agent.learning_starts=64", "agent.updates_per_step=0.1", "network.width=[16]",
    "evaluation.every=100", "evaluation.episodes=2", "evaluation.final_episodes=2", "progress=false",
]  # fmt: skip
SOURCES += ["pyproject.toml", "README.md", "LICENSE"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where ``pip install`` put the project."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("elsewhere")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, source / name)
    words = ["-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--target", str(target), str(source)]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return target


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with packages of our names, which nobody may import."""
    folder = tmp_path_factory.mktemp("hostile")
    for name in set(PACKAGES) - {"hydra_plugins"}:  # Hydra's, shared by all who have plugins: no package of anybody's
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text("raise RuntimeError('the wrong one')\n")
    (folder / "conf" / "config.yaml").write_text("wrong: 1\n")
    return folder


def typed(installed: Path, folder: Path, *words: str) -> str:
    """What a command prints."""
    # plain Python: what is compiled is kept for each place, and this one is new each time
    environment = {**os.environ, "PYTHONPATH": str(installed), "NUMBA_DISABLE_JIT": "1"}
    given = [str(installed / "bin" / words[0]) if words[0].startswith("waybill") else words[0], *words[1:]]
    done = subprocess.run(given, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def test_every_door_works_from_a_folder_with_modules_of_the_same_names(installed: Path, hostile: Path) -> None:
    small = ["env=gym", "env.id=CartPole-v1", *SMALL]
    said = typed(installed, hostile, "waybill-train", *small, "hydra.run.dir=made")
    assert f"measure:  waybill-evaluate {hostile / 'made'}" in said
    assert "dqn" in typed(installed, hostile, "waybill-evaluate", "made", "--episodes", "2")
    typed(installed, hostile, "waybill-replay", "made", "--format", "gif", "--out", "game.gif")
    assert (hostile / "game.gif").is_file()
    said = typed(installed, hostile, "waybill-train", "-m", *small, "seed=0,1", "hydra.sweep.dir=swept")
    assert "waybill-sweeps collect swept" in said
    assert "2 jobs: 2 done" in typed(installed, hostile, "waybill-sweeps", "status", "swept")
    assert "report.html" in typed(installed, hostile, "waybill-report", "swept")
    assert "search=" in typed(installed, hostile, "waybill-tune", "--help", "search")


def test_what_the_pages_are_made_of_is_installed_too(installed: Path) -> None:
    rooms = (Path("experiments/games/waybill/pages"), Path("experiments/games/waybill/playing/browser"))
    for room, part in zip(rooms, ("page.html", "play.css"), strict=True):
        made_of = {path.name for path in (ROOT / room).iterdir() if path.suffix in (".html", ".css", ".js")}
        assert made_of <= {path.name for path in (installed / room).iterdir()}
        assert part in made_of


def test_ids_and_modules_from_a_folder_of_ones_own(installed: Path, tmp_path: Path) -> None:
    code = (
        "import gymnasium, envs, experiments;"
        "print(gymnasium.make('envs:waybill/Haul-v0').reset(seed=0)[0].shape, envs.__file__)"
    )
    said = typed(installed, tmp_path, sys.executable, "-c", code)
    assert str(installed) in said
    assert "usage" in typed(installed, tmp_path, sys.executable, "-m", "experiments.sweeps", "--help")


def test_the_licence_and_the_name() -> None:
    project = PROJECT["project"]
    assert project["license"] == "MIT"
    assert (ROOT / "LICENSE").read_text().startswith("MIT License\n")
    assert project["name"] == "waybill-rl"  # "waybill" on the package index is somebody else's
    assert "waybill[" not in (ROOT / "pyproject.toml").read_text()
