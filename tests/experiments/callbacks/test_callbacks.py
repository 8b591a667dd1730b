"""Callbacks: when they are called, what they see, and that they change nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import watching
from pages import ROOT
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from trained_runs import StopAfter, differences
from typed import command, refused

from experiments.callbacks.callback import Evaluation, RunView
from experiments.common import checkpoint_files
from experiments.config.keys import CONFIG_DIR
from experiments.config.reading import mark_own, read_setup
from experiments.runs import train
from experiments.runs.loop import make_loop
from experiments.runs.loop import train as train_loop
from groundwork.errors import WaybillError
from tiny import COMMON, DQN, tiny_node

CONF = ROOT / "tests" / "conf"
NOTES = (f"hydra.searchpath=[file://{CONF}]", "callbacks=[notes]")


@pytest.fixture(autouse=True)
def _own_callbacks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv(CONFIG_DIR, str(CONF))
    watching.NOTED.clear()
    yield
    watching.NOTED.clear()


def noted(method: str, seed: int = 0) -> list[tuple[Any, ...]]:
    """(env_step, what else) of each call of a method."""
    return [call[2:] for call in watching.NOTED if call[:2] == (method, seed)]


def test_each_method_is_called_when_it_is_due(tmp_path: Path) -> None:
    train.start_run(tiny_node(tmp_path, *DQN, *NOTES), folder=tmp_path / "run")
    assert watching.NOTED[0][:3] == ("begin", 0, 0)
    assert watching.NOTED[-1][0] == "end"
    assert [step for step, *_ in noted("step")] == list(range(8, 1201, 8))
    assert [step for step, _ in noted("evaluation")] == [0, 400, 800, 1200]
    told = [step for step, name in noted("checkpoint") if name == "last.pt"]
    assert told[0] == 0
    assert 504 <= told[1] < 1000 + 8 <= told[2] <= told[3] == 1200  # soon after it was begun, once it is there
    assert noted("checkpoint")[0] == (0, "policy.safetensors")
    assert noted("checkpoint")[-1] == (1200, "last.pt")
    [(step, result)] = noted("end")
    assert step == 1200
    assert result == json.loads((tmp_path / "run" / "result.json").read_text())


def test_what_an_evaluation_says(tmp_path: Path) -> None:
    train.start_run(tiny_node(tmp_path, *DQN, *NOTES), folder=tmp_path / "run")
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    told: list[tuple[int, Evaluation]] = noted("evaluation")
    assert [[step, own.score] for step, own in told] == result["curve"]
    for step, own in told:
        assert own.scores.shape == (4,)
        assert own.scores.mean() == own.score
        assert own.is_best == ((step, "policy.safetensors") in noted("checkpoint"))
        assert own.tags["eval/score"] == own.score
    assert told[0][1].is_best


def test_the_curves_hold_what_is_returned_and_scalars_gets_all_of_them(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    train.start_run(tiny_node(tmp_path, *DQN, *NOTES), folder=folder)
    curves = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    curves.Reload()
    told: dict[str, list[tuple[int, float]]] = {}
    for step, tags in noted("scalars"):
        for tag, value in tags.items():
            told.setdefault(tag, []).append((step, value))
    assert sorted(told) == sorted(curves.Tags()["scalars"])
    for tag, points in told.items():
        there = [(event.step, event.value) for event in curves.Scalars(tag)]
        assert [step for step, _ in there] == [step for step, _ in points], tag
        np.testing.assert_allclose([x for _, x in there], [x for _, x in points], rtol=1e-6, err_msg=tag)
    assert told["own/step"] == [(400, 400.0), (800, 800.0), (1200, 1200.0)]
    assert [step for step, _ in told["own/weights"]] == [0, 400, 800, 1200]
    assert len({x for _, x in told["own/weights"]}) == 4, "they are the weights of now"


def test_a_run_with_callbacks_learns_the_same(tmp_path: Path) -> None:
    train.start_run(tiny_node(tmp_path, *DQN), folder=tmp_path / "without")
    train.start_run(tiny_node(tmp_path, *DQN, *NOTES), folder=tmp_path / "with")
    states = [checkpoint_files.load_checkpoint(tmp_path / name / "last.pt") for name in ("without", "with")]
    assert differences(*states) == []


def test_each_seed_has_its_own(tmp_path: Path) -> None:
    train.start_run(tiny_node(tmp_path, *DQN, *NOTES, "seed=4", "seeds=2", "steps=400"), folder=tmp_path / "run")
    assert {call[1] for call in watching.NOTED} == {4, 5}
    for seed in (4, 5):
        [(_, result)] = noted("end", seed)
        assert result["seed"] == seed
    first, second = ([tags for _, tags in noted("scalars", seed) if "own/weights" in tags] for seed in (4, 5))
    assert first[0] != second[0]


def test_a_resumed_run_begins_again_where_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    setup = read_setup(tiny_node(tmp_path, *DQN, *NOTES))
    validation = setup.domain.validation(setup)
    folder.mkdir()
    (folder / "config.yaml").write_text(json.dumps(setup.plain))
    assert mark_own(folder)
    loop = make_loop(setup, validation=validation)
    with pytest.raises(KeyboardInterrupt):
        train_loop(setup=setup, folder=folder, loop=loop, validation=validation, state=None, stop=StopAfter(80))
    assert noted("end") == [(noted("step")[-1][0], None)]
    stopped = noted("step")[-1][0]
    assert 0 < stopped < 1200
    watching.NOTED.clear()
    train.resume_run(folder, overrides=[])
    assert noted("begin") == [(stopped,)]
    assert [result is None for _, result in noted("end")] == [False]


@pytest.mark.parametrize("method", ["begin", "step", "evaluation", "scalars", "checkpoint", "end"])
def test_a_bug_in_a_callback_is_raised_as_it_is(tmp_path: Path, method: str) -> None:
    node = tiny_node(tmp_path, *DQN, *NOTES, f"callbacks.notes.fails={method}", "steps=400")
    with pytest.raises(ZeroDivisionError, match=f"^in {method}$"):
        train.start_run(node, folder=tmp_path / "run")
    assert len(noted("end")) == 1
    if method == "end":
        assert (tmp_path / "run" / "result.json").is_file()


def test_all_callbacks_are_told_of_the_end_though_one_fails(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    told = ("callbacks=[notes,odd]", "callbacks.notes.fails=end", "callbacks.odd.answer=nothing", "steps=400")
    with pytest.raises(ZeroDivisionError, match="^in end$"):
        train.start_run(tiny_node(tmp_path, *DQN, NOTES[0], *told), folder=tmp_path / "run")
    assert watching.NOTED[-1] == ("odd ended", 0, 400)
    assert "note: callbacks.notes: end failed, ZeroDivisionError: in end" in capfd.readouterr().err


def test_a_bug_keeps_its_traceback_and_the_run_is_saved(tmp_path: Path) -> None:
    helpers = str(ROOT / "tests" / "helpers" / "runs")
    words = ["train.py", *COMMON, *DQN, "callbacks=[notes]", "callbacks.notes.fails=step", "hydra.run.dir=run"]
    done = command(*words, cwd=tmp_path, PYTHONPATH=helpers)
    assert done.returncode == 1
    assert "watching.py" in done.stderr
    assert done.stderr.rstrip().splitlines()[-1] == "ZeroDivisionError: in step"
    assert "saved after 8 steps" in done.stderr
    assert (tmp_path / "run" / "last.pt").is_file()


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        ("text", "callbacks.odd: evaluation returned str, allowed are a mapping of tags to numbers and None"),
        ("mapping", "callbacks.odd: evaluation returned 'own/x': 'much', allowed are tags (text) with numbers"),
        ("name", "callbacks.odd: evaluation returned 3: 1.0, allowed are tags (text) with numbers"),
    ],
)
def test_what_is_no_scalar_is_refused(tmp_path: Path, answer: str, line: str) -> None:
    node = tiny_node(tmp_path, *DQN, NOTES[0], "callbacks=[odd]", f"callbacks.odd.answer={answer}")
    with pytest.raises(WaybillError) as refusal:
        train.start_run(node, folder=tmp_path / "run")
    assert str(refusal.value) == line


def test_a_view_shows_and_cannot_be_changed(tmp_path: Path) -> None:
    views: list[RunView] = []

    class Keeps(watching.Notes):
        def begin(self, run: RunView) -> None:
            views.append(run)

    watching.Keeps, kept = Keeps, watching.Notes  # type: ignore[attr-defined]
    watching.Notes = Keeps  # type: ignore[misc]
    try:
        train.start_run(tiny_node(tmp_path, *DQN, *NOTES), folder=tmp_path / "run")
    finally:
        watching.Notes = kept  # type: ignore[misc]
    [run] = views
    assert (run.env_step, run.steps, run.seed, run.folder) == (1200, 1200, 0, tmp_path / "run")
    assert run.choices["level"] == "haul"
    assert run.config["agent"]["batch_size"] == 16
    assert run.updates > 0
    assert run.seconds > 0
    with pytest.raises(TypeError):
        run.config["agent"]["batch_size"] = 1  # type: ignore[index]
    with pytest.raises(AttributeError):
        run.env_step = 3  # type: ignore[misc]
    weights = run.weights()
    saved = checkpoint_files.load_checkpoint(tmp_path / "run" / "last.pt")
    assert weights
    for name, array in weights.items():
        assert not array.flags.writeable, name
    assert len(saved["agent"]) > 0


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            ["callbacks=[nors]"],
            "Could not find 'callbacks/nors' (is notes meant?), available: bare, mlflow, notes, nothing, odd",
        ),
        (["callbacks.mlflow.uri=x"], "callbacks.mlflow: it is not chosen, add callbacks=[mlflow]"),
        (["+callbacks.mlflow.uri=x"], "callbacks.mlflow: it is not chosen, add callbacks=[mlflow]"),
        (
            ["callbacks=[notes]", "callbacks.notes.typo=1"],
            "callbacks.notes.typo: there is no such key, known are fails",
        ),
        (["callbacks=[nothing]"], "callbacks.nothing: NoCallback is no Callback (experiments/callbacks/callback.py)"),
        (
            ["callbacks=[bare]"],
            "callbacks._target_=watching.Notes: a section of keys is needed, each file in",
        ),
        (["callbacks=[wandb]", "callbacks.wandb.mode=of"], "callbacks.wandb.mode=of is not allowed, it must be online"),
        (["callbacks=null"], "callbacks=null: a group's choice needs a name, available: "),
        (["callbacks=[wandb]", "callbacks.wandb.mode=of", "seed=0,1", "-m"], "callbacks.wandb.mode=of is not allowed"),
    ],
)
def test_a_mistake_is_one_line(tmp_path: Path, words: list[str], line: str) -> None:
    helpers = str(ROOT / "tests" / "helpers" / "runs")
    told = refused(command("train.py", *COMMON, *DQN, *words, cwd=tmp_path, PYTHONPATH=helpers), "train.py")
    assert told.removeprefix("train.py: error: ").startswith(line)
    assert not list(tmp_path.rglob("config.yaml"))


def test_a_run_is_opened_without_the_callbacks_of_its_training(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    train.start_run(tiny_node(tmp_path, *DQN, *NOTES, "steps=400"), folder=folder)
    assert "# needs watching (not installed): callbacks.notes is watching.Notes" in (folder / "config.yaml").read_text()
    assert "_target_" not in (folder / "config.yaml").read_text()
    done = command("evaluate.py", str(folder), "--maps", "2", cwd=tmp_path, WAYBILL_CONFIG_DIR="")
    assert done.returncode == 0, done.stderr
    line = refused(
        command("train.py", f"resume={folder}", "steps=800", cwd=tmp_path, WAYBILL_CONFIG_DIR=""), "train.py"
    )
    assert "there is no callbacks/notes.yaml" in line


def test_a_player_begins_and_ends(tmp_path: Path) -> None:
    train.start_run(tiny_node(tmp_path, *NOTES, "agent=greedy"), folder=tmp_path / "run")
    assert [call[0] for call in watching.NOTED] == ["begin", "end"]
    [(step, result)] = noted("end")
    assert step == 0
    assert result["scores"]["greedy"]["mean"] is not None
