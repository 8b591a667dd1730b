"""What a memory holds is saved once, in files beside last.pt: small saves, whole at any moment, bit for bit."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from trained_runs import differences, trained

from experiments.common import checkpoint_files
from experiments.common.checkpoint_files import SEGMENTS
from experiments.common.stopping import StopRequest
from experiments.runs.checkpoints import LAST, PREVIOUS, CheckpointWriter
from experiments.runs.loop import make_loop, train
from groundwork.errors import WaybillError
from tiny import DQN, tiny_setup

SMALL_BLOCKS = 1 << 14  # bytes: a short training fills many


def part(*names: str, saved: Any = ()) -> dict[str, Any]:
    """A state with segments of these names, each full of its name's first figure."""
    numbers = {name: None if name in saved else torch.full((4,), float(name[0])) for name in names}
    return {"agent": {"memory": [{"segments": numbers}]}}


def segments(path: Path) -> dict[str, list[float]]:
    found = checkpoint_files.load_checkpoint(path)["agent"]["memory"][0]["segments"]
    return {name: numbers.tolist() for name, numbers in found.items()}


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / SEGMENTS).glob("*"))


def needed(folder: Path) -> list[str]:
    """The files that the folder's last two checkpoints name."""
    both = [checkpoint_files.load_checkpoint(folder / name)["files"] for name in (LAST, PREVIOUS)]
    return sorted({file for named in both for file in named.values()})


def save(writer: CheckpointWriter, *names: str) -> None:
    writer.finish()
    writer.begin(part(*names, saved=writer.saved))
    writer.finish()


def test_each_segment_is_written_once_and_goes_when_nothing_needs_it(tmp_path: Path) -> None:
    writer = CheckpointWriter(tmp_path / LAST)
    save(writer, "1a", "1b")
    first = (tmp_path / SEGMENTS / "1.pt").stat().st_mtime_ns
    save(writer, "1a", "1b", "2a")
    assert files(tmp_path) == ["1.pt", "2.pt"]
    assert (tmp_path / SEGMENTS / "1.pt").stat().st_mtime_ns == first
    assert segments(tmp_path / LAST) == {"1a": [1.0] * 4, "1b": [1.0] * 4, "2a": [2.0] * 4}
    save(writer, "1b", "2a", "3a")
    assert files(tmp_path) == ["1.pt", "2.pt", "3.pt"]
    save(writer, "2a", "3a")
    assert files(tmp_path) == ["1.pt", "2.pt", "3.pt"]  # the checkpoint before needs the first
    assert segments(tmp_path / PREVIOUS) == {"1b": [1.0] * 4, "2a": [2.0] * 4, "3a": [3.0] * 4}
    save(writer, "2a", "3a")
    assert files(tmp_path) == ["2.pt", "3.pt"]
    again = CheckpointWriter(tmp_path / LAST)
    again.resume(checkpoint_files.load_checkpoint(tmp_path / LAST))
    assert set(again.saved) == {"2a", "3a"}
    save(again, "3a", "4a")
    assert files(tmp_path) == ["2.pt", "3.pt", "4.pt"]
    save(again, "3a", "4a")
    assert files(tmp_path) == ["3.pt", "4.pt"]
    assert segments(tmp_path / LAST) == {"3a": [3.0] * 4, "4a": [4.0] * 4}


def test_in_another_folder_all_is_written_anew(tmp_path: Path) -> None:
    save(CheckpointWriter(tmp_path / LAST), "1a")
    state = checkpoint_files.load_checkpoint(tmp_path / LAST)
    (tmp_path / "other").mkdir()
    writer = CheckpointWriter(tmp_path / "other" / LAST)
    writer.resume(state)
    assert set(writer.saved) == set()
    save(writer, "1a")
    assert segments(tmp_path / "other" / LAST) == {"1a": [1.0] * 4}


def test_a_damaged_or_missing_file_is_told_in_one_line(tmp_path: Path) -> None:
    writer = CheckpointWriter(tmp_path / LAST)
    save(writer, "1a")
    save(writer, "1a", "2a")
    file = tmp_path / SEGMENTS / "2.pt"
    whole = file.read_bytes()
    at = whole.index(torch.full((4,), 2.0).numpy().tobytes())
    file.write_bytes(whole[:at] + b"\x01" + whole[at + 1 :])
    with pytest.raises(WaybillError, match=r"2.pt' is damaged or not one of ours"):
        checkpoint_files.load_checkpoint(tmp_path / LAST)
    file.unlink()
    with pytest.raises(WaybillError, match=r"there is no checkpoint '.*2.pt'"):
        checkpoint_files.load_checkpoint(tmp_path / LAST)
    shutil.copy(tmp_path / SEGMENTS / "1.pt", file)
    with pytest.raises(WaybillError, match=r"last.pt' is not whole: '2a' is not in '2.pt'"):
        checkpoint_files.load_checkpoint(tmp_path / LAST)
    torch.save({"format": 1, **part("1a"), "files": ["1.pt"]}, tmp_path / LAST)
    with pytest.raises(WaybillError, match=r"last.pt' is damaged or not one of ours \(its files are \['1.pt'\]\)"):
        checkpoint_files.load_checkpoint(tmp_path / LAST)
    torch.save({"format": 1, **part("1a"), "files": {"1a": "../secret.pt"}}, tmp_path / LAST)
    with pytest.raises(WaybillError, match=r"names '../secret.pt', which is no file of its own"):
        checkpoint_files.load_checkpoint(tmp_path / LAST)


def test_a_failed_save_loses_nothing(tmp_path: Path) -> None:
    """The segments are there, last.pt is of before; the next save goes on from both."""
    writer = CheckpointWriter(tmp_path / LAST)
    save(writer, "1a")
    writer.begin(part("1a", "2a", saved=writer.saved) | {"bad": lambda: None})
    with pytest.raises(Exception, match="pickle"):
        writer.finish()
    assert segments(tmp_path / LAST) == {"1a": [1.0] * 4}
    assert set(writer.saved) == {"1a", "2a"}
    save(writer, "2a")
    assert segments(tmp_path / LAST) == {"2a": [2.0] * 4}
    assert segments(tmp_path / PREVIOUS) == {"1a": [1.0] * 4}
    assert files(tmp_path) == ["1.pt", "2.pt"]


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memories of short trainings fill many blocks."""
    from agents.memory import ring
    from agents.memory.sparse import SparseRows

    def small(**given: Any) -> SparseRows:
        return SparseRows(**given, block_bytes=SMALL_BLOCKS)

    monkeypatch.setattr(ring, "SparseRows", small)


FULL_RING = (*DQN, "checkpoint_every=200", "agent.memory_capacity=480", "num_envs=2")


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("seeds", [1, 2])
def test_a_resumed_training_is_an_uninterrupted_one(tmp_path: Path, seeds: int) -> None:
    """Round the ring, so that segments come and go; each file on disk is one that the last two checkpoints need."""
    given = (*FULL_RING, f"seeds={seeds}")
    whole = trained(tmp_path / "whole", *given)
    stopped = trained(tmp_path / "stopped", *given, stops=(21, 17, 2))
    assert len(whole["files"]) > 3 * seeds
    assert set(stopped["files"]) == set(whole["files"])
    assert differences(whole, stopped) == []
    assert files(tmp_path / "stopped") == needed(tmp_path / "stopped")


@pytest.mark.usefixtures("small_blocks")
def test_a_kill_at_any_moment_of_a_save_leaves_a_run_to_go_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder is copied before and after each file is put in place or removed: each copy is a whole checkpoint.

    And going on from it ends where the uninterrupted run ends, bit for bit, memory included.
    """
    folder = tmp_path / "run"
    copies: list[Path] = []

    def copying(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            def copy() -> None:
                if SEGMENTS in str(args[0]) or LAST in str(args[0]):
                    copies.append(tmp_path / f"copy{len(copies)}")
                    shutil.copytree(folder, copies[-1])

            copy()
            try:
                return real(*args, **kwargs)
            finally:
                copy()

        return call

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", copying(os.replace))
        patched.setattr(Path, "unlink", copying(Path.unlink))
        whole = trained(folder, *FULL_RING)
    seen, resumed = set[tuple[int, int]](), 0
    for copy in copies:
        if not (copy / LAST).is_file():  # killed in the first save of all
            continue
        state = checkpoint_files.load_checkpoint(copy / LAST)
        if (state["env_step"], len(files(copy))) in seen and resumed > 3:
            continue
        seen.add((state["env_step"], len(files(copy))))
        setup = tiny_setup(tmp_path, *FULL_RING)
        validation = setup.domain.validation(setup)
        loop = make_loop(setup, validation=validation)
        train(setup=setup, folder=copy, loop=loop, validation=validation, state=state, stop=StopRequest())
        end = checkpoint_files.load_checkpoint(copy / LAST)
        assert differences(whole, end) == []
        assert files(copy) == needed(copy)
        resumed += 1
    assert resumed > 5
