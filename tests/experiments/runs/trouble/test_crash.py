"""Killed trainings end as uninterrupted ones do: a short version of ``make crash``, and that it would tell."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch
from crash import prove
from outcome import outcome, unlike

from experiments.runs.train import start_run
from tiny import DQN, tiny_node

SOME = ("curves: synced, last.pt is not in place", "last.pt: the one before is kept", "policy: in place")


def test_a_killed_training_ends_as_if_it_had_never_been(tmp_path: Path) -> None:
    (tally,) = prove(["dqn"], kills=1, points=list(SOME), counts=(2,), seed=0, place=tmp_path)
    assert tally.unlike == []
    assert tally.chains >= 4
    assert tally.point_kills >= 2


def test_the_proof_tells_what_differs(tmp_path: Path) -> None:
    start_run(tiny_node(tmp_path, *DQN), folder=tmp_path / "run")
    whole = outcome(tmp_path / "run")

    def told(change: Any) -> list[str]:
        other = copy.deepcopy(whole)
        change(other)
        return unlike(whole, other)

    def weight(other: Any) -> None:
        next(x for x in other["last.pt"]["agent"]["network"].values() if isinstance(x, torch.Tensor)).view(-1)[0] += (
            1e-7
        )

    assert told(lambda other: None) == []
    assert len(told(weight)) == 1
    assert told(lambda other: other["."]["points"]["eval/score"].append((1200, "1.0"))) == [
        ". eval/score: 4 and 5 points"
    ]
    assert told(lambda other: other["."]["points"].pop("eval/score")) == [". points: ['eval/score']"]
    assert told(lambda other: other["."]["result"].update(seconds=-1)) == [". result: {'seconds'}"]
    (line,) = told(lambda other: other["."]["result"]["curve"][0].__setitem__(1, -1.0))
    assert line.startswith(". result.curve[0][1]: ")
