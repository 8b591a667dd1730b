"""What a fuzz has found, one literal input each: refused in one line that names it, or taken as it is meant."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from agents.networks.weights import check_fit
from envs.waybill.core.notation import read_object
from envs.waybill.env import WaybillEnv
from envs.waybill.parallel import WaybillParallelEnv
from experiments.common.checkpoint_files import CHECKPOINT_FORMAT, load_checkpoint, pack
from experiments.common.door import one_line
from experiments.config.saved import refuse_references
from experiments.runs.checkpoints import read_policy, save_policy
from experiments.sweeps import manifest
from experiments.sweeps.process import RECORD, read_record
from experiments.sweeps.states import step_of
from groundwork.errors import WaybillError

DEEP = "[" * 100_000


def test_actions_that_are_no_array_are_refused() -> None:
    env = WaybillEnv(level="haul", maps=(0, 1))
    env.reset(seed=np.uint64(3))  # type: ignore[arg-type]
    with pytest.raises(WaybillError, match="actions are no array of whole numbers"):
        env.step([[1], [1, 2]])
    together = WaybillParallelEnv(level="rivals", maps=(0, 1))
    together.reset(seed=1)
    with pytest.raises(WaybillError, match="actions are no array of whole numbers"):
        together.step(dict(zip(together.agents, ([1], 1, [1, 2], 0), strict=True)))


def test_a_line_of_a_hundred_thousand_brackets_is_damaged() -> None:
    with pytest.raises(WaybillError, match=r"game: turn 3: not a JSON object, the file is cut off or damaged"):
        read_object(DEEP, "game: turn 3")


@pytest.mark.parametrize(
    ("saved", "told"),
    [
        ("text", "it is a str, not weights by their names"),
        ({"w": "text"}, "w is no tensor there and (1, 2) here"),
        ({"w": torch.zeros(2)}, "w is (2,) there and (1, 2) here"),
        ({}, "w is absent there and (1, 2) here"),
    ],
)
def test_weights_that_are_none_are_refused(saved: Any, told: str) -> None:
    with pytest.raises(WaybillError, match=re.escape(told)):
        check_fit({"w": torch.zeros(1, 2)}, saved)


def test_a_policy_or_array_of_another_kind_is_damaged(tmp_path: Path) -> None:
    save_policy(tmp_path, {"env_step": 1, "score": 1.0, "policy": "text"})
    with pytest.raises(WaybillError, match="is damaged or not one of ours \\(its contents are of other kinds\\)"):
        read_policy(tmp_path)
    (marked,) = pack(np.zeros(1))
    torch.save({"format": CHECKPOINT_FORMAT, "agent": {marked: {"x": 1}}}, tmp_path / "last.pt")
    with pytest.raises(WaybillError, match="is damaged or not one of ours \\(an array is a dict\\)"):
        load_checkpoint(tmp_path / "last.pt")


def a_sweep(folder: Path, **changed: Any) -> Path:
    """A sweep of one job with some of its values changed."""
    job = manifest.Job(0, "0_x", [], {}, [1], 10)
    manifest.create(folder, [manifest.Planned(job, {"seed": 1})], command="x", begun="now", commit=None)
    content = json.loads((folder / "sweep.json").read_text())
    content["jobs"][0] |= changed
    (folder / "sweep.json").write_text(json.dumps(content))
    return folder


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", "../x"), ("name", "/etc"), ("name", None), ("name", "a\0"), ("number", "0"), ("seeds", []),
        ("seeds", "1"), ("steps", None), ("values", {"a": 1}), ("overrides", "x"), ("after", [1.5]), ("error", 3),
    ],
)  # fmt: skip
def test_a_sweep_whose_jobs_are_no_jobs_is_refused(tmp_path: Path, key: str, value: Any) -> None:
    folder = a_sweep(tmp_path / "sweep", **{key: value})
    with pytest.raises(WaybillError, match=rf"sweep\.json is damaged or not one of ours \(.*\b{key}\b") as caught:
        manifest.read_sweep(folder)
    assert repr(str(value))[1:-1].replace("\\", "") in str(caught.value).replace("\\", "")
    assert manifest.read_sweep(a_sweep(tmp_path / "nested", name="a/0_x")).jobs[0].name == "a/0_x"


@pytest.mark.parametrize("text", [DEEP, '{"env_step": Infinity}', '{"env_step": []}', "[]"])
def test_steps_that_are_none_are_not_known(tmp_path: Path, text: str) -> None:
    sweep = manifest.read_sweep(a_sweep(tmp_path / "sweep"))
    (sweep.folder / "0_x" / "progress.json").write_text(text)
    assert step_of(sweep, sweep.jobs[0]) is None


def test_what_is_no_note_of_a_job_is_left_out(tmp_path: Path) -> None:
    note = {"state": "done", "seconds": "long", "error": None, "pid": [1], "host": "here"}
    (tmp_path / RECORD).write_text(json.dumps(note))
    assert read_record(tmp_path) == {"state": "done", "error": None, "host": "here"}
    (tmp_path / RECORD).write_text(DEEP)
    assert read_record(tmp_path) == {}


def test_a_config_nested_three_hundred_deep_is_refused() -> None:
    from harm import DEEP as NESTED

    with pytest.raises(WaybillError, match=re.escape("[0][0]: no saved config has 33 sections within one another")):
        refuse_references({"level": {"side": NESTED}})
    refuse_references({"level": {"side": [1]}})


def test_a_line_is_never_longer_than_a_screen() -> None:
    text = one_line(WaybillError(f"start {'x' * 20_000} end"))
    assert (len(text) < 800, text[:7], text[-4:]) == (True, "start x", " end")
