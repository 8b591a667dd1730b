"""``--help``: every door answers at once, with the comments of the config files."""

from __future__ import annotations

import subprocess
import sys

import pytest
from typed import ROOT, command, refused

from experiments.config.choices import names_in
from experiments.config.help import help_text

DOORS = [
    *([f"{name}.py"] for name in ("train", "evaluate", "replay", "report", "tune", "diagnose", "play", "share")),
    *(["-m", f"experiments.{name}"] for name in ("sweeps", "bench")),
    *(["-m", f"experiments.studies.{name}"] for name in ("contrast", "coverage", "tournament", "transfer")),
]


@pytest.mark.parametrize("door", DOORS, ids=" ".join)
def test_help_loads_nothing_heavy(door: list[str]) -> None:
    words = [sys.executable, "-X", "importtime", *door, "--help"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "argparse" in loaded  # the list is one of modules
    assert not loaded & {"torch", "scipy.stats", "stable_baselines3", "tensorboard", "matplotlib", "ray"}
    assert len(done.stdout.splitlines()) >= 4


def test_all_groups_have_their_default_in_front_and_keys_their_comments() -> None:
    text = help_text("Train an agent", ["--help"], groups=("level",), without=("search",))
    lines = text.splitlines()
    assert lines[0] == "Train an agent"
    assert "  level       refine, chain, fog, haul, rivals" in lines
    assert "  agent       dqn, expert_iteration, greedy, planner, planner_seen, pqn, random, sb3_dqn," in lines
    assert "  num_envs: 64 # games played side by side" in lines
    assert "    maps: 32 # validation maps: they choose the best policy" in lines
    assert not any("search" in line.split()[:1] or "defaults:" in line or "hydra:" in line for line in lines)
    assert all(any(group in line.split() for line in lines) for group in ("experiment", "launcher", "terrain"))


def test_a_group_shows_the_default_choice_and_what_the_others_are() -> None:
    text = help_text("", ["--help", "actions"])
    assert text.startswith("actions=heuristic (default); its keys, actions.KEY=VALUE:\n")
    assert "  candidates: 32 # slots: the most there can be" in text
    assert "_target_" not in text
    for name in names_in("actions"):
        assert name in text
    assert "random_k                Legal orders drawn at random" in text


def test_one_choice_of_a_group() -> None:
    text = help_text("", ["agent=pqn", "steps=3", "--help"])
    assert text.startswith("agent=pqn; its keys, agent.KEY=VALUE:")
    assert "others" not in text


def test_what_there_is_not_is_one_line() -> None:
    assert "there is no group agnt, known are actions, agent," in refused(
        command("train.py", "--help", "agnt", cwd=ROOT), "train.py"
    )
    assert "available: cash, milestone" in refused(command("train.py", "reward=x", "--help", cwd=ROOT), "train.py")


def test_choices_of_ones_own_are_among_them() -> None:
    done = command("train.py", "--config-dir", "examples/own_parts/conf", "--help", "encoding=polar", cwd=ROOT)
    assert "turns: 1 # of the angle" in done.stdout
