"""The shipped study of transfer: every arm fits the config, and waits for the right one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from composing import CONF
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from experiments.config import arms as study_arms
from experiments.config.schema import register
from experiments.sweeps import launch
from experiments.sweeps.order import waves

LEVELS = ("haul", "refine", "chain", "rivals", "fog")
MODES = {"full": "full", "encoder": "encoder", "head": "head", "random_init": "random_init", "wrong_source": "full"}


@pytest.mark.parametrize(("scale", "seed"), [(None, 0), ("paper", 7)])
def test_each_arm_takes_from_the_level_before(tmp_path: Path, scale: str | None, seed: int) -> None:
    register()
    folder = tmp_path / "sweep"
    with initialize_config_dir(str(CONF), version_base="1.3"):
        given = ["experiment=transfer", *([] if scale is None else [f"scale={scale}"])]
        arms: Any = OmegaConf.to_container(compose("config", overrides=given).arms)
        jobs = [[f"arm={name}", f"seed={seed}"] for name in arms]

        def composed(job: list[str]) -> Any:
            return compose("config", overrides=[*given, *study_arms.expand_arms(job, arms)], return_hydra_config=True)

        planned = launch.plan_jobs(jobs, composed, folder, progress=False)
    found = {one.config["arm"]: one for one in planned}
    assert all(one.job.error is None for one in planned)
    assert set(found) == {*LEVELS, *(f"{level}_wrong" for level in LEVELS[:-1])} | {
        f"{level}_{kind}" for level in LEVELS[1:] for kind in MODES
    }
    for name, one in found.items():
        level, _, kind = name.partition("_")
        assert one.config["level"]["name"] == level
        assert one.config["reward"]["name"] == ("cash" if kind == "wrong" else "shaped")
        assert one.config["agent"]["gamma"] == (0 if kind == "wrong" else 0.995)
        assert one.job.name == f"{name}_seed{seed}"
        source = one.config["transfer"]["from"]
        if kind in MODES:
            before = LEVELS[LEVELS.index(level) - 1] + "_wrong" * (kind == "wrong_source")
            assert source == f"{folder}/{before}_seed{seed}"
            assert one.config["transfer"]["mode"] == MODES[kind]
            assert one.job.after == [found[before].job.number]
        else:
            assert source is None
            assert one.job.after == []
    assert len(waves([one.job for one in planned])) == 2  # every source is from scratch
    assert {one.config["steps"] for one in planned} == {1_000_000 if scale == "paper" else 100_000}
    assert {one.config["seeds"] for one in planned} == {1 if scale == "paper" else 10}
