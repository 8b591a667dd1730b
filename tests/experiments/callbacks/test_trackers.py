"""Trackers hold what the TensorBoard curves hold, each in its own place on this machine."""

from __future__ import annotations

import json
import sqlite3
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from typed import command, refused

from experiments.runs import train
from tiny import COMMON, DQN, tiny_node

OFFLINE = {"WANDB_MODE": "offline", "WANDB_SILENT": "true", "HF_HUB_OFFLINE": "1"}
Points = dict[str, list[tuple[int, float]]]


def curves(folder: Path) -> Points:
    """Tag → points of a run's TensorBoard curves."""
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    events.Reload()
    return {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def same_points(there: Points, folder: Path) -> None:
    """Every point of the curves is there, and the held-out score besides."""
    expected = curves(folder)
    assert sorted(tag for tag in there if not tag.startswith("held_out/")) == sorted(expected)
    for tag, points in expected.items():
        assert [step for step, _ in there[tag]] == [step for step, _ in points], tag
        assert [x for _, x in there[tag]] == pytest.approx([x for _, x in points], rel=1e-5, nan_ok=True), tag
    result = json.loads((folder / "result.json").read_text())
    assert there["held_out/mean"] == [(result["env_steps"], pytest.approx(result["scores"]["dqn"]["mean"]))]


def records(data: bytes) -> Iterator[bytes]:
    """The records of a log in LevelDB's format: blocks of 32 KiB, pieces with checksum, length and kind in front."""
    at, parts = 7, b""  # after the file's own header
    while at + 7 <= len(data):
        if 32768 - at % 32768 < 7:
            at += 32768 - at % 32768
            continue
        _, length, kind = struct.unpack_from("<IHB", data, at)
        if kind == 0:
            return
        parts += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or the last piece
            yield parts
            parts = b""


def test_mlflow_holds_runs_settings_and_curves(tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    from mlflow.tracking import MlflowClient

    folder = tmp_path / "group"
    train.start_run(tiny_node(tmp_path, *DQN, "callbacks=[mlflow]", "seeds=2", "steps=800"), folder=folder)
    client = MlflowClient(tracking_uri=f"sqlite:///{tmp_path}/mlflow.db")
    experiment = client.get_experiment_by_name("waybill")
    found = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    assert sorted(found) == ["seed0", "seed1"]
    for name, run in found.items():
        assert run.info.status == "FINISHED"
        assert run.data.tags["group"] == "group"
        assert run.data.tags["folder"] == str(folder / name)
        assert run.data.params["agent.batch_size"] == "16"
        assert run.data.params["level"] == "haul"
        assert run.data.params["seed"] == name[-1]
        own = run.info.run_id
        history = {tag: client.get_metric_history(own, tag) for tag in run.data.metrics}
        same_points({tag: [(m.step, m.value) for m in all_of] for tag, all_of in history.items()}, folder / name)


def test_a_resumed_run_is_the_same_run_there(tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    from mlflow.tracking import MlflowClient

    folder = tmp_path / "run"
    train.start_run(tiny_node(tmp_path, *DQN, "callbacks=[mlflow]", "steps=400"), folder=folder)
    known = json.loads((folder / "trackers.json").read_text())
    train.resume_run(folder, overrides=["steps=800"])
    assert json.loads((folder / "trackers.json").read_text()) == known
    client = MlflowClient(tracking_uri=f"sqlite:///{tmp_path}/mlflow.db")
    [run] = client.search_runs([client.get_experiment_by_name("waybill").experiment_id])
    assert run.info.run_id == known["mlflow"]
    assert run.info.status == "FINISHED"
    points = client.get_metric_history(run.info.run_id, "eval/score")
    assert [m.step for m in points] == [0, 400, 800]


def test_a_run_that_is_stopped_is_not_finished_there(tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    from mlflow.tracking import MlflowClient

    words = [*COMMON, *DQN, "env=gym", "env.id=odd_code:odd/OwnBug-v0", "network=mlp", "network.width=[16]"]
    words = [w for w in words if not w.startswith(("level", "train_maps")) and w != "network.width=16"]
    helpers = Path(__file__).resolve().parents[2] / "helpers" / "games"
    out = ["callbacks=[mlflow]", "hydra.run.dir=runs/run", "out=runs", "steps=4000"]
    done = command("train.py", *words, *out, cwd=tmp_path, PYTHONPATH=str(helpers))
    assert done.returncode == 1, done.stderr
    client = MlflowClient(tracking_uri=f"sqlite:///{tmp_path}/runs/mlflow.db")
    [run] = client.search_runs([client.get_experiment_by_name("waybill").experiment_id])
    assert run.info.status == "KILLED"


def test_trackio_holds_a_run_for_each_seed(tmp_path: Path) -> None:
    pytest.importorskip("trackio")
    words = [*COMMON, *DQN, "callbacks=[trackio]", "seeds=2", "steps=800", "hydra.run.dir=runs/group", "out=runs"]
    done = command("train.py", *words, cwd=tmp_path, TRACKIO_DIR=str(tmp_path / "trackio"), **OFFLINE)
    assert done.returncode == 0, done.stderr
    rows = sqlite3.connect(tmp_path / "trackio" / "waybill.db").execute(
        "select run_name, step, metrics from metrics order by id"
    )
    found: dict[str, Points] = {}
    for name, step, metrics in rows:
        for tag, value in json.loads(metrics).items():
            found.setdefault(name, {}).setdefault(tag, []).append((step, value))
    assert sorted(found) == ["group/seed0", "group/seed1"]
    for name, there in found.items():
        same_points(there, tmp_path / "runs" / name)


def test_wandb_writes_offline_into_the_run_folder(tmp_path: Path) -> None:
    pytest.importorskip("wandb")
    from wandb.proto import wandb_internal_pb2

    folder = tmp_path / "runs" / "run"
    words = [*COMMON, *DQN, "callbacks=[wandb]", "callbacks.wandb.mode=offline", "steps=800", "out=runs"]
    done = command("train.py", *words, "hydra.run.dir=runs/run", cwd=tmp_path, **OFFLINE)
    assert done.returncode == 0, done.stderr
    known = json.loads((folder / "trackers.json").read_text())["wandb"]
    [file] = folder.glob(f"wandb/offline-run-*-{known}/run-{known}.wandb")
    there: Points = {}
    for data in records(file.read_bytes()):
        record: Any = wandb_internal_pb2.Record()
        record.ParseFromString(data)
        if record.WhichOneof("record_type") == "history":
            items = {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}
            for tag, value in items.items():
                if not tag.startswith("_") and tag != "env_step":
                    there.setdefault(tag, []).append((items["env_step"], value))
    same_points(there, folder)


def test_a_tracker_that_is_not_installed_is_named_before_anything_is_made(tmp_path: Path) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text(
        "import importlib.util as u\nfound = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'mlflow' else found(name, *a)\n"
    )
    words = [*COMMON, *DQN, "callbacks=[mlflow]", "hydra.run.dir=run"]
    line = refused(command("train.py", *words, cwd=tmp_path, PYTHONPATH=str(hidden)), "train.py")
    assert line.endswith('callbacks=mlflow needs the package mlflow: pip install -e ".[mlflow]" in the checkout')
    assert not (tmp_path / "run").exists()


def test_a_place_that_cannot_be_used_ends_it_in_one_line(tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    words = [*COMMON, *DQN, "callbacks=[mlflow]", "callbacks.mlflow.uri=nonsense://there", "hydra.run.dir=run"]
    done = command("train.py", *words, cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "train.py: error: callbacks=mlflow: " in done.stderr


def test_a_tracker_that_fails_in_the_middle_is_left_alone(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("mlflow")
    import mlflow.tracking

    calls: list[int] = []

    def fail(*arguments: Any, **named: Any) -> None:
        calls.append(1)
        raise ConnectionError("the server is gone")

    node = tiny_node(tmp_path, *DQN, "callbacks=[mlflow]", "steps=400")
    with pytest.MonkeyPatch.context() as patch:
        created = mlflow.tracking.MlflowClient.create_run

        def create_then_fail(client: Any, *arguments: Any, **named: Any) -> Any:
            run = created(client, *arguments, **named)
            patch.setattr(client, "log_batch", lambda *a, **k: fail() if "metrics" in k else None)
            return run

        patch.setattr(mlflow.tracking.MlflowClient, "create_run", create_then_fail)
        train.start_run(node, folder=tmp_path / "run")
    assert len(calls) == 1
    told = [line for line in capfd.readouterr().err.splitlines() if line.startswith("note: ")]
    assert told == ["note: callbacks=mlflow failed, the run goes on without it: ConnectionError: the server is gone"]
    assert (tmp_path / "run" / "result.json").is_file()
