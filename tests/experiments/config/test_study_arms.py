"""Arms of studies: names for lists of overrides."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from composing import CONF, composed

from experiments.config.arms import all_of, expand_arms
from experiments.config.reading import read_setup
from tiny import COMMON, DQN

ROOT = CONF.parent
ARMS = {"plain": [], "straight": ["encoding.options.metric=straight", "agent.tau=0.1"]}


def test_an_arm_stands_for_its_overrides() -> None:
    assert expand_arms(["seed=1", "arm=straight", "agent.tau=0.2"], ARMS) == [
        "seed=1", "encoding.options.metric=straight", "agent.tau=0.1", "arm=straight", "agent.tau=0.2",
    ]  # fmt: skip
    assert expand_arms(["arm=plain"], ARMS) == ["arm=plain"]
    assert expand_arms(["arm=null", "seed=1"], {}) == ["arm=null", "seed=1"]


@pytest.mark.parametrize(
    ("overrides", "arms", "part"),
    [
        (["arm=curly"], ARMS, "arm=curly: there is no such arm, known are plain, straight"),
        (["arm=plain"], {}, "arms belong to an experiment"),
        (["arm=bad"], {"bad": "seed=1"}, r"arms\.bad=seed=1: it must be a list"),
        (["arm=bad"], {"bad": ["seed"]}, r"arms\.bad=\['seed'\]: it must be a list"),
    ],
)
def test_mistakes_are_one_line(overrides: list[str], arms: dict, part: str) -> None:
    with pytest.raises(ValueError, match=part):
        expand_arms(overrides, arms)


def test_a_sweep_goes_through_all_arms_unless_some_are_chosen() -> None:
    assert all_of(ARMS, ["seed=1,2"]) == ["arm=plain,straight"]
    assert all_of(ARMS, ["arm=plain"]) == []
    assert all_of({}, ["seed=1"]) == []


def test_a_sweep_and_a_single_run_of_an_arm_have_the_same_config(tmp_path: Path) -> None:
    """Of the shipped study of encodings, made tiny."""
    small = [*COMMON, *DQN, "seeds=1", "train_maps=8", f"out={tmp_path}", "level=haul"]
    word = [sys.executable, str(ROOT / "train.py")]
    sweep = [*word, "-m", "+experiment=encoding", "arm=one_hot,straight_random_4", "terrain=straight", *small]
    done = subprocess.run(sweep, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stdout + done.stderr
    configs = {}
    for path in tmp_path.glob("encoding_*/*/config.yaml"):
        config = yaml.safe_load(path.read_text())
        configs[config["arm"]] = config
        said = path.read_text().splitlines()[0].split()
        assert said[:3] == ["#", "python", "train.py"]
        assert {"experiment=encoding", f"arm={config['arm']}", "terrain=straight", "steps=1200"} <= set(said)
    assert sorted(configs) == ["one_hot", "straight_random_4"]
    assert configs["one_hot"]["encoding"]["name"] == "one_hot"
    options = {"metric": "straight", "points": "random", "count": 4}
    assert configs["straight_random_4"]["encoding"] == {"name": "reference_points", "options": options}
    assert configs["straight_random_4"]["level"]["terrain"]["water_percent"] == 0
    assert "arms" not in configs["one_hot"]

    single = [*word, "experiment=encoding", "arm=straight_random_4", "terrain=straight", *small]
    done = subprocess.run([*single, f"hydra.run.dir={tmp_path}/one"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    alone = yaml.safe_load((tmp_path / "one" / "config.yaml").read_text())
    assert alone == configs["straight_random_4"]


SHIPPED = {path.stem: yaml.safe_load(path.read_text()).get("arms", {}) for path in (CONF / "experiment").glob("*.yaml")}


@pytest.mark.parametrize("name", sorted(name for name, arms in SHIPPED.items() if arms and name != "transfer"))
def test_every_arm_that_is_shipped_fits_the_config_and_no_two_are_alike(name: str) -> None:
    """Those of ``transfer`` need a sweep's folder, see ``test_transfer_experiment``."""
    arms = SHIPPED[name]
    given = {arm: read_setup(composed(f"experiment={name}", *expand_arms([f"arm={arm}"], arms))).plain for arm in arms}
    configs = [yaml.safe_dump({**config, "arm": None}) for config in given.values()]
    assert len(set(configs)) == len(arms)
