"""Compiling ahead, with an empty cache, leaves nothing to compile: all passes of a batch are on disk afterwards."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from envs.waybill.ahead import share_done

ROOT = Path(__file__).resolve().parents[2]
CODE = """
import json, sys
import numpy as np
from numba.core import event

compiled = []

class Notes(event.Listener):
    def on_start(self, event):
        function = event.data["dispatcher"].py_func
        compiled.append(f"{function.__module__}.{function.__name__}")

    def on_end(self, event): ...

from envs.waybill.ahead import compile_ahead, missing_stages
from envs.waybill.core.levels import load_level
from envs.waybill.options import GameOptions
from envs.waybill.vector_env import WaybillVectorEnv

options = GameOptions(level=load_level(sys.argv[1]), reward="cash", actions="random_k", candidates=4, maps=(0, 2))
before, said, shares = missing_stages(options), [], []
compile_ahead(options, cores=2, say=said.append, tick=shares.append)
after = missing_stages(options)
event.register("numba:compile", Notes())
env = WaybillVectorEnv(num_envs=2, level=sys.argv[1], reward="cash", actions="random_k", candidates=4, maps=(0, 2))
obs, infos = env.reset(seed=0)
for _ in range(3):
    obs, *_, infos = env.step(np.array([np.flatnonzero(mask)[0] for mask in infos["action_mask"]]))
print(json.dumps({"before": before, "after": after, "compiled": compiled, "said": said, "last": max(shares)}))
"""


@pytest.mark.proof
@pytest.mark.parametrize("level", ["haul", "fog"])
def test_nothing_is_left_to_compile(tmp_path: Path, level: str) -> None:
    environment = {**os.environ, "WAYBILL_CACHE_DIR": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", CODE, level], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert sorted(told["before"]) == ["candidates", "maps", "observation", "reward", "rules"]
    assert told["after"] == []
    assert told["compiled"] == []
    assert len(told["said"]) == 1
    assert 0 < told["last"] <= 0.99


def test_the_share_done_slows_down_at_the_end() -> None:
    shares = [share_done(share) for share in (0.0, 0.5, 0.8, 1.0, 1.2, 3.0, 100.0)]
    assert shares == pytest.approx([0.0, 0.5, 0.8, 1 - 0.2 / math.e, 1 - 0.2 / math.e**2, 0.99, 0.99])
