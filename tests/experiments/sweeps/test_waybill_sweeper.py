"""Hydra finds our sweeper, at no cost to commands that don't sweep."""

from __future__ import annotations

import subprocess
import sys

from composing import CONF, composed
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper

from hydra_plugins.waybill_sweeper import WaybillSweeper


def test_hydra_finds_it() -> None:
    assert f"{WaybillSweeper.__module__}.{WaybillSweeper.__name__}" == "hydra_plugins.waybill_sweeper.WaybillSweeper"
    assert WaybillSweeper.__name__ in [found.__name__ for found in Plugins.instance().discover(Sweeper)]
    assert "launcher" in composed()


def test_it_loads_nothing_until_it_sweeps() -> None:
    code = "import sys, hydra_plugins.waybill_sweeper; print([m for m in sys.modules if m.startswith('experiments')])"
    done = subprocess.run([sys.executable, "-c", code], cwd=CONF.parent, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
