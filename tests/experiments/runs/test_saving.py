"""Checkpoints are written beside training: what they hold is of the step they were begun at, whole or not at all."""

from __future__ import annotations

import copy
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from trained_runs import StopAfter, differences

from experiments.common import checkpoint_files
from experiments.common.stopping import StopRequest
from experiments.runs.checkpoints import LAST, PREVIOUS, CheckpointWriter
from experiments.runs.loop import make_loop, session_of, train
from tiny import DQN, tiny_setup

SB3 = ("network=mlp", "agent.net_arch=[16]")
AGENTS = {
    "dqn": DQN,
    "switches": (*DQN, "agent.prioritised=true", "agent.noisy=true", "agent.head=quantile", "agent.redo_every=2"),
    "self-play": (*DQN, "rivals=[self,greedy]", "selfplay.snapshot_every=100"),
    "pqn": ("agent=pqn", "network.width=16", "agent.rollout=4", "agent.minibatches=2"),
    "expert": (
        "agent=expert_iteration", "network.width=16", "agent.learning_starts=64", "agent.batch_size=16",
        "agent.turns=3", "agent.memory_capacity=600",
    ),
    "sb3_dqn": (*SB3, "agent=sb3_dqn", "agent.buffer_size=600", "agent.learning_starts=64"),
    "sb3_ppo": (*SB3, "agent=sb3_maskable_ppo", "agent.n_steps=8", "agent.batch_size=16"),
}  # fmt: skip


@pytest.mark.parametrize("agent", AGENTS)
def test_what_is_saved_is_no_part_of_what_goes_on(tmp_path: Path, agent: str) -> None:
    """Training changes nothing in the state that was taken before: another thread is still writing it."""
    setup = tiny_setup(tmp_path, *AGENTS[agent], "steps=2400")
    validation = setup.domain.validation(setup)
    loop: Any = make_loop(setup, validation=validation)
    taken: list[tuple[Any, Any]] = []

    class TakeState(StopAfter):
        """Takes the state after half of the steps."""

        @property  # type: ignore[override]
        def signal(self) -> int | None:
            self._left -= 1
            if self._left == 75:
                taken.append((loop.agent.state_dict(include_memory=True), {}))
                taken[0][1].update(copy.deepcopy(taken[0][0]))
            return 2 if self._left < 0 else None

        @signal.setter
        def signal(self, value: int | None) -> None: ...

    (tmp_path / "run").mkdir()
    with pytest.raises(KeyboardInterrupt):
        train(
            setup=setup, folder=tmp_path / "run", loop=loop, validation=validation, state=None, stop=TakeState(150)
        )  # fmt: skip
    state, then = taken[0]
    assert differences(state, then) == []
    now = loop.agent.state_dict(include_memory=True)
    assert differences(now, then)


def test_the_file_holds_what_was_there_when_it_was_begun(tmp_path: Path) -> None:
    writer, numbers = CheckpointWriter(tmp_path / LAST), np.arange(5.0)
    writer.begin({"numbers": numbers, "step": 1})
    numbers[:] = -1
    assert writer.is_begun
    writer.begin({"numbers": np.arange(3.0), "step": 2})  # waits for the first
    writer.finish()
    assert not writer.is_begun
    assert checkpoint_files.load_checkpoint(tmp_path / LAST)["step"] == 2
    writer.begin({"numbers": numbers})
    writer.finish()
    assert checkpoint_files.load_checkpoint(tmp_path / LAST)["numbers"].tolist() == [-1.0] * 5
    assert checkpoint_files.load_checkpoint(tmp_path / PREVIOUS)["step"] == 2
    assert {path.name for path in tmp_path.iterdir()} == {LAST, PREVIOUS}


def test_what_went_wrong_is_raised_by_whoever_waits_and_the_old_file_stays(tmp_path: Path) -> None:
    writer = CheckpointWriter(tmp_path / LAST)
    writer.begin({"step": 1})
    writer.begin({"step": 2, "bad": lambda: None})
    with pytest.raises(Exception, match="pickle"):
        writer.begin({"step": 3})
    assert checkpoint_files.load_checkpoint(tmp_path / LAST)["step"] == 1
    writer.finish()  # it is told once
    lost = CheckpointWriter(tmp_path / "nowhere" / LAST)
    lost.begin({"step": 4})
    with pytest.raises(OSError, match="nowhere"):
        lost.finish()


def test_training_goes_on_while_a_checkpoint_is_written_and_callbacks_hear_of_it_when_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first write waits until 30 more batch steps are made; what it holds is bit for bit of its own step."""
    setup = tiny_setup(tmp_path, *DQN, "checkpoint_every=400", "steps=1200")
    validation = setup.domain.validation(setup)
    loop: Any = make_loop(setup, validation=validation)
    go_on, held, real = threading.Event(), list[int](), torch.save

    def slow_save(content: Any, path: Any) -> None:
        if LAST in str(path.name) and loop.env_step > 0 and not held:
            assert go_on.wait(60)
            held.append(loop.env_step)
        real(content, path)

    class LetGo(StopRequest):
        @property  # type: ignore[override]
        def signal(self) -> int | None:
            if loop.env_step >= 640:
                go_on.set()
            return None

        @signal.setter
        def signal(self, value: int | None) -> None: ...

    monkeypatch.setattr(torch, "save", slow_save)
    folder = tmp_path / "run"
    folder.mkdir()
    kept: list[dict[str, Any]] = []

    def told(self: Any, path: Path) -> None:
        if path.name == LAST:
            kept.append(checkpoint_files.load_checkpoint(path))

    monkeypatch.setattr("experiments.runs.seed_run.Calls.checkpoint", told)
    train(setup=setup, folder=folder, loop=loop, validation=validation, state=None, stop=LetGo())
    assert held[0] >= 640
    assert [state["env_step"] for state in kept] == [0, 400, 800, 1200]
    other = tiny_setup(tmp_path, *DQN, "checkpoint_every=400", "steps=1200")
    loop = make_loop(other, validation=validation)
    (tmp_path / "again").mkdir()
    train(
        setup=other, folder=tmp_path / "again", loop=loop, validation=validation, state=kept[1], stop=StopRequest()
    )  # fmt: skip
    assert differences(checkpoint_files.load_checkpoint(tmp_path / "again" / LAST), kept[-1]) == []


def test_what_is_saved_after_an_error_has_a_try_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Though an earlier file, written beside training, came to grief."""
    setup = tiny_setup(tmp_path, *DQN, "checkpoint_every=400", "steps=1200")
    validation = setup.domain.validation(setup)
    loop: Any = make_loop(setup, validation=validation)
    session = session_of(setup, tmp_path, loop, validation, StopRequest())
    session.begin(None)
    session._writer.begin({"step": 1, "bad": lambda: None})
    session.save_unfinished(RuntimeError("a bug"))
    session.close()
    assert capsys.readouterr().err.startswith("saved after 0 steps; once it is mended, go on with: ")
    assert checkpoint_files.load_checkpoint(tmp_path / LAST)["env_step"] == 0
