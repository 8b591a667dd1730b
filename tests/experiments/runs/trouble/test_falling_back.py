"""A run is gone on with from its last checkpoint, from the one before if that can't be read, or begun anew."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import gym_nodes
import pytest
from outcome import points
from trained_runs import differences
from typed import command, refused

from experiments.common.checkpoint_files import load_checkpoint
from experiments.runs.checkpoints import DAMAGED, LAST, POLICY, PREVIOUS, load_last
from experiments.runs.train import resume_run, start_run
from groundwork.errors import WaybillError
from tiny import DQN, tiny_node


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run whose checkpoint before the last is of step 1,000; tests take copies of it."""
    out = tmp_path_factory.mktemp("runs")
    start_run(tiny_node(out, *DQN), folder=out / "run")
    assert load_checkpoint(out / "run" / PREVIOUS)["env_step"] == 1000
    return out / "run"


def unfinished(finished: Path, folder: Path) -> Path:
    """A copy of the run as a kill before its result leaves it."""
    shutil.copytree(finished, folder)
    (folder / "result.json").unlink()
    return folder


@pytest.mark.parametrize("harm", ["flipped", "cut short", "missing", "folder"])
def test_where_the_last_checkpoint_cannot_be_read_the_one_before_takes_its_place(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], harm: str
) -> None:
    """It is said, the damaged one is kept, and the run ends as it would have."""
    run = unfinished(finished, tmp_path / "run")
    whole = (run / LAST).read_bytes()
    if harm in ("missing", "folder"):
        (run / LAST).unlink()
    if harm == "folder":
        (run / LAST).mkdir()
    elif harm != "missing":
        at = len(whole) // 2
        harmed = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] if harm == "flipped" else whole[:at]
        (run / LAST).write_bytes(harmed)
    resume_run(run, overrides=[])
    said = capsys.readouterr().err
    assert said.startswith(f"note: {'there is no checkpoint' if harm in ('missing', 'folder') else 'checkpoint'} ")
    assert "; the one before, of step 1,000, takes its place" in said
    assert (run / DAMAGED).exists() == (harm != "missing")
    assert differences(load_checkpoint(run / LAST), load_checkpoint(finished / LAST)) == []
    assert json.loads((run / "result.json").read_text())["curve"] == json.loads(
        (finished / "result.json").read_text())["curve"]  # fmt: skip
    assert load_checkpoint(run / PREVIOUS)["env_step"] == 1000


def test_where_neither_can_be_read_both_are_named(finished: Path, tmp_path: Path) -> None:
    run = unfinished(finished, tmp_path / "run")
    (run / LAST).write_bytes(b"x" * 100)
    (run / PREVIOUS).write_bytes(b"")
    line = r"last.pt' is damaged or not one of ours \(100 bytes\); and so is the one before: .*previous.pt' is damaged"
    with pytest.raises(WaybillError, match=line):
        load_last(run)
    assert (run / LAST).stat().st_size == 100


def test_a_run_that_ended_before_its_first_checkpoint_begins_anew_in_its_folder(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the points of one beginning only."""
    run = unfinished(finished, tmp_path / "run")
    for name in (LAST, PREVIOUS, POLICY):
        (run / name).unlink()
    resume_run(run, overrides=[])
    assert f"beginning anew in {run}: nothing was saved there yet" in capsys.readouterr().out
    assert differences(load_checkpoint(run / LAST), load_checkpoint(finished / LAST)) == []
    mine, theirs = points(run), points(finished)
    assert mine == theirs


def test_a_run_whose_checkpoint_is_gone_is_not_begun_anew(finished: Path, tmp_path: Path) -> None:
    """Its policy is of later than step 0: it would be lost."""
    run = unfinished(finished, tmp_path / "run")
    for name in (LAST, PREVIOUS):
        (run / name).unlink()
    before = (run / POLICY).read_bytes()
    line = refused(command("train.py", "resume=run", cwd=tmp_path), "train.py")
    assert line == "train.py: error: there is no checkpoint 'run/last.pt': nothing was saved there yet"
    assert (run / POLICY).read_bytes() == before


SB3 = ("network=mlp", "agent.net_arch=[16]", "agent=sb3_maskable_ppo", "agent.n_steps=8", "agent.batch_size=16")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (DQN, None),
        (SB3, "note: Stable-Baselines3's games and random numbers begin anew; weights, optimiser, memory and"),
        (("env=gym",), "note: games like these cannot be saved: they begin anew, all else goes on; the"),
    ],
)  # fmt: skip
def test_what_cannot_be_gone_on_with_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], given: tuple[str, ...], said: str | None
) -> None:
    node = gym_nodes.node(tmp_path, "env.id=CartPole-v1") if "env=gym" in given else tiny_node(tmp_path, *given)
    start_run(node, folder=tmp_path / "run")
    capsys.readouterr()
    resume_run(tmp_path / "run", overrides=["steps=1300"])
    notes = [line for line in capsys.readouterr().out.splitlines() if "anew" in line]
    assert len(notes) == (said is not None)
    assert said is None or notes[0].startswith(said)
