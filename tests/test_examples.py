"""The worked examples of CONTRIBUTING.md, put where they say into a copy of the project, work as they stand there."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from pages import ROOT, blocks
from shrunk import shrunk

PAGE = (ROOT / "CONTRIBUTING.md").read_text()
PACKAGES = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]["find"]["include"]
COPIED = ("train.py", *(pattern.removesuffix("*") for pattern in PACKAGES))
GYM = ("env=gym", "env.id=CartPole-v1")
PLAYED = """
import gymnasium, numpy as np
from envs.waybill.core.state import SALES

env = gymnasium.make("envs:waybill/Islands-v0", reward="sales", actions="first_k", encoding="corners", maps=(0, 2))
obs, info = env.reset(seed=1)
total, over, turns = 0.0, False, 0
while not over:
    assert obs in env.observation_space and info["action_mask"].any()
    action = env.action_space.sample(mask=info["action_mask"])
    obs, reward, over, _, info = env.step(action)
    total, turns = total + reward, turns + 1
company = env.unwrapped.state["companies"][0]
assert total == company["cash_ledger"][SALES] / 150
print("turns", turns)
"""


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with all examples in it."""
    copy = tmp_path_factory.mktemp("scratch")
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy / name)
    for code in [*blocks(PAGE, "python"), *blocks(PAGE, "yaml")]:
        told = re.match(r"# (\S+)(, at the end)?\n", code)
        assert told is not None, f"the first line of an example says where it goes: {code[:60]!r}"
        path = copy / told[1]
        assert path.is_file() == bool(told[2]), f"{told[1]}: only what exists has an end to add to"
        with path.open("a") as stream:
            stream.write(("\n\n" if told[2] else "") + code[told.end() :])
    return copy


def done(scratch: Path, *words: str, **variables: str) -> str:
    """The output of Python with those words in the copy."""
    environment = {**os.environ, "PYTHONPATH": str(scratch), "NUMBA_CACHE_DIR": str(scratch / "cache"), **variables}
    found = subprocess.run(
        [sys.executable, *words], cwd=scratch, env=environment, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stdout + found.stderr
    return found.stdout


def test_reward_encoding_reducer_and_level_play(scratch: Path) -> None:
    """The engine's source stepped without being compiled: the same code, slower, but compiling takes minutes."""
    assert "turns" in done(scratch, "-c", PLAYED, NUMBA_DISABLE_JIT="1")


@pytest.mark.parametrize("words", [("agent.head=squared",), ("network=single",), ("agent=online",)])
def test_head_network_and_agent_learn(scratch: Path, words: tuple[str, ...]) -> None:
    assert f"    python train.py {words[0]}\n" in PAGE
    small = shrunk(["python", "train.py", *GYM], scratch, without=("hydra.", "agent.", "network."))
    folder = scratch / words[0].replace("=", "_")
    network = () if words[0].startswith("network") else ("network.width=[16]",)
    agent = () if words[0] == "agent=online" else ("agent.learning_starts=64", "agent.batch_size=16")
    done(scratch, *small[1:], *words, *network, *agent, f"hydra.run.dir={folder}")
    result = json.loads((folder / "result.json").read_text())
    assert result["env_steps"] == 240
    assert result["updates"] > 0
    assert words[0].rpartition("=")[2] in (*result["choices"].values(), "squared")


def test_launcher_does_its_jobs(scratch: Path) -> None:
    assert "    python train.py -m launcher=plain seed=0,1\n" in PAGE
    small = shrunk(["python", "train.py", *GYM], scratch, without=("hydra.", "seeds="))
    words = ["train.py", "-m", *small[2:], "launcher=plain", "seed=0,1", f"hydra.sweep.dir={scratch}/sweep"]
    done(scratch, *words)
    assert len(list((scratch / "sweep").glob("*/result.json"))) == 2


def test_study_is_planned(scratch: Path) -> None:
    assert "    python train.py -m +experiment=shaping\n" in PAGE
    words = ["--config-dir", str(ROOT / "tests" / "conf"), "launcher=nobody", f"hydra.sweep.dir={scratch}/study"]
    path = os.pathsep.join([str(scratch), str(ROOT / "tests" / "helpers" / "runs")])
    done(scratch, "train.py", "-m", *words, "+experiment=shaping", "progress=false", PYTHONPATH=path)
    jobs = json.loads((scratch / "study" / "sweep.json").read_text())["jobs"]
    assert [job["error"] for job in jobs] == [None] * 6
