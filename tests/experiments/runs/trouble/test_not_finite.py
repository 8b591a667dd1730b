"""What is not finite or not trained is never passed over: weights, scores, results."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from experiments.common.stopping import StopRequest
from experiments.runs import results
from experiments.runs.loop import make_loop, session_of
from experiments.runs.train import start_run
from tiny import DQN, tiny_node, tiny_setup


def test_a_result_is_valid_json_whatever_is_in_it(tmp_path: Path) -> None:
    results.write_result(tmp_path, {"a": float("nan"), "b": [1.0, float("-inf")], "c": {"d": (2.0, float("inf"))}})
    assert json.loads((tmp_path / "result.json").read_text()) == {"a": None, "b": [1.0, None], "c": {"d": [2.0, None]}}


def test_a_score_that_is_no_number_is_never_the_best(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    setup = tiny_setup(tmp_path, *DQN)
    validation = setup.domain.validation(setup)
    loop = make_loop(setup, validation=validation)
    folder = tmp_path / "run"
    folder.mkdir()
    session = session_of(setup, folder, loop, validation, StopRequest())
    own = session.seeds[0]
    given = [np.array([3.0]), np.array([np.nan]), np.array([2.0]), np.array([4.0])]

    class Games:
        def __init__(self) -> None:
            self.score = given.pop(0)

        def tags(self) -> dict[str, float]:
            return {}

    own.validation = lambda policy, watches: Games()  # type: ignore[assignment]
    own.begin(None)
    for step, best in ((1, 3.0), (2, 3.0), (3, 4.0)):
        own.env_step = step
        own.evaluate()
        assert own.best_score == best
    assert "note: the validation score after 1 steps is nan" in capsys.readouterr().out
    session.close()


def test_that_a_run_stays_untrained_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    start_run(tiny_node(tmp_path, *DQN, "steps=64", "agent.learning_starts=100"), folder=tmp_path / "run")
    said = capsys.readouterr().out
    assert "note: steps=64 end before learning begins (agent.learning_starts=100): the policy stays untrained" in said
    assert "untrained: there was no update, the score is that of the weights as they were drawn" in said


def test_that_the_untrained_policy_was_best_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("steps=160", "agent.learning_rate=1e-8", "evaluation.every=1000000")
    start_run(tiny_node(tmp_path, *DQN, *words), folder=tmp_path / "run")
    said = capsys.readouterr().out
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert (result["policy"]["env_step"] == 0) == ("did better on the validation games than that of step 0" in said)
