"""Training that ends when an evaluation reaches a score, and the seconds that it took."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from composing import CONF
from gym_nodes import LEARNS, node, result_of

from experiments.common import machine
from experiments.runs import train
from tiny import DQN, tiny_node

ROOT = CONF.parent


def test_training_ends_when_an_evaluation_reaches_the_score(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "run"
    given = ("env.id=CartPole-v1", *LEARNS, "seed=1", "steps=3000", "stop_at_score=30")  # untrained it scores 9
    train.start_run(node(tmp_path, *given), folder=folder)
    result = result_of(folder)
    reached = result["reached"]
    assert 400 <= result["env_steps"] == reached["env_step"] < 2000
    assert result["curve"][-1] == [reached["env_step"], reached["score"]]
    assert all(score < 30 for _, score in result["curve"][:-1])
    assert reached["score"] == result["policy"]["validation_score"] >= 30
    assert reached["seconds_since_start"] > reached["seconds"] > 0
    assert f"after {reached['env_step']:,} steps, {reached['seconds_since_start']:,.1f} s after the process began" in (
        capsys.readouterr().out
    )
    for overrides in ([], ["steps=4000"]):
        with pytest.raises(
            ValueError, match=r"the run is finished \(it reached .*\); to go on, add stop_at_score=null"
        ):
            train.resume_run(folder, overrides=overrides)
    train.resume_run(folder, overrides=["stop_at_score=null"])
    again = result_of(folder)
    assert again["env_steps"] >= 3000
    assert again["reached"] is None


@pytest.mark.parametrize("seeds", [1, 2])
def test_what_reaches_the_score_before_training_is_not_trained(tmp_path: Path, seeds: int) -> None:
    """On Waybill's own games; it goes on when asked to."""
    folder = tmp_path / "run"
    own = folder if seeds == 1 else folder / "seed1"
    train.start_run(tiny_node(tmp_path, *DQN, f"seeds={seeds}", "stop_at_score=-100000"), folder=folder)
    result = result_of(own)
    assert result["env_steps"] == result["updates"] == result["reached"]["env_step"] == 0
    train.resume_run(folder, overrides=["stop_at_score=null"])
    assert [step for step, _ in result_of(own)["curve"]] == [0, 400, 800, 1200]


def test_seconds_count_from_the_start_of_the_process() -> None:
    begin = time.perf_counter()
    line = "import time; time.sleep(0.5); from experiments.common import machine; print(machine.process_seconds())"
    done = subprocess.run([sys.executable, "-c", line], cwd=ROOT, capture_output=True, text=True, check=True)
    passed = time.perf_counter() - begin
    assert 0.45 < float(done.stdout) < passed + 0.05
    first = machine.process_seconds()
    assert first is not None
    assert 0 <= (machine.process_seconds() or 0) - first < 5
