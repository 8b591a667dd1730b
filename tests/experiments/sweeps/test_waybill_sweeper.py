"""Hydra finds our sweeper, at no cost to commands that don't sweep."""

from __future__ import annotations

import subprocess
import sys

import pytest
from composing import CONF, composed
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper

from experiments.sweeps.launch import jobs_of
from hydra_plugins.waybill_sweeper import WaybillSweeper


def test_hydra_finds_it() -> None:
    assert f"{WaybillSweeper.__module__}.{WaybillSweeper.__name__}" == "hydra_plugins.waybill_sweeper.WaybillSweeper"
    assert WaybillSweeper.__name__ in [found.__name__ for found in Plugins.instance().discover(Sweeper)]
    assert "launcher" in composed()


def test_jobs_are_all_combinations_and_the_last_override_of_a_key_counts() -> None:
    given = ["seed=0", "reward=cash,sparse", "+agent.x=[1,2]", "seed=range(2)", "level=haul"]
    jobs = jobs_of(OverridesParser.create().parse_overrides(given))
    assert jobs == [
        [f"seed={seed}", f"reward={reward}", "+agent.x=[1,2]", "level=haul"]
        for seed in (0, 1)
        for reward in ("cash", "sparse")
    ]
    with pytest.raises(ValueError, match=r"^agent.tau=interval\(0,1\): a sweep goes through a,b,"):
        jobs_of(OverridesParser.create().parse_overrides(["agent.tau=interval(0,1)"]))


def test_it_loads_nothing_until_it_sweeps() -> None:
    code = "import sys, hydra_plugins.waybill_sweeper; print([m for m in sys.modules if m.startswith('experiments')])"
    done = subprocess.run([sys.executable, "-c", code], cwd=CONF.parent, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
