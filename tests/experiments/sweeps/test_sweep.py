"""``python -m experiments.sweeps``: a table of jobs, and all finished runs in one file."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from rich.console import Console
from swept import JOBS, made, put_result

from experiments.common import locks
from experiments.sweeps import __main__
from sweeping import done


def console() -> Console:
    return Console(file=io.StringIO(), width=120)


def said(shown: Console) -> list[str]:
    assert isinstance(shown.file, io.StringIO)
    return shown.file.getvalue().splitlines()


def put(folder: Path, seed: int, mean: float) -> None:
    row = {"mean": mean, "low": mean - 1, "high": mean + 1, "normalised": {"mean": 0.5, "low": 0.4, "high": 0.6}}
    more = {"updates": 9, "seconds": 3.5, "policy": {"env_step": 64}, "commit": {"id": "abc", "dirty": False}}
    put_result(folder, mean, seed=seed, scores={"dqn": row}, **more)


def test_status_tells_what_to_type_next(tmp_path: Path) -> None:
    folder = made(tmp_path / "sweep").folder
    shown = console()
    states = __main__.show_status(folder, shown)
    assert [states[number].status for number in range(3)] == ["waiting", "waiting", "failed"]
    assert said(shown)[-2:] == ["3 jobs: 2 waiting, 1 failed", "go on:    python train.py -m"]
    put(folder / "1_seed-9", 9, 1.0)
    with locks.hold(folder / ".lock"):
        __main__.show_status(folder, shown)
        assert said(shown)[-2:] == [
            f"figures:  python -m experiments.sweeps collect {folder}",
            f"run by:   {locks.holder(folder / '.lock')}",
        ]


def test_collect_writes_a_row_for_each_finished_run(tmp_path: Path) -> None:
    folder = made(tmp_path / "sweep", JOBS[:2]).folder
    with pytest.raises(ValueError, match="no run is finished yet, see python -m experiments.sweeps status"):
        __main__.collect(folder)
    assert not (folder / "sweep.csv").exists()
    put(folder / "0_seed-0" / "seed0", 0, 2.0)
    put(folder / "1_seed-9", 9, 6.0)
    shown = console()
    rows = __main__.collect(folder, shown)
    with (folder / "sweep.csv").open() as stream:
        table = list(csv.DictReader(stream))
    assert [row["seed"] for row in table] == ["0", "9"]
    assert table[1] == {
        "job": "1", "seed": "9", "agent": "dqn", "score": "6.0", "score_low": "5.0", "score_high": "7.0",
        "normalised": "0.5", "env_steps": "128", "updates": "9", "seconds": "3.5", "checkpoint_step": "64",
        "commit": "abc", "dirty": "False", "finished": "", "run": str(folder / "1_seed-9"),
    }  # fmt: skip
    assert len(rows) == 2
    (row,) = (line for line in said(shown) if line.startswith("│"))
    assert [cell.strip() for cell in row.split("│")[1:-1]] == ["2", "4.0", "2.0 … 6.0", "128", "4"]
    assert said(shown)[-1] == f"2 runs in {folder / 'sweep.csv'}, 1 of 3 are missing"
    damaged = folder / "1_seed-9" / "result.json"
    damaged.write_text(damaged.read_text()[:40])
    shown = console()
    assert [row["seed"] for row in __main__.collect(folder, shown)] == [0]
    assert said(shown)[0].startswith(f"left out: {damaged} is damaged or not one of ours (")
    assert said(shown)[-1] == f"1 runs in {folder / 'sweep.csv'}, 2 of 3 are missing"


def test_what_was_swept_makes_groups(tmp_path: Path) -> None:
    folder = made(tmp_path / "sweep", JOBS[:2]).folder
    text = json.loads((folder / "sweep.json").read_text())
    for job, gamma in zip(text["jobs"], ("0.9", "0.99"), strict=True):
        job["values"]["agent.gamma"] = gamma
    (folder / "sweep.json").write_text(json.dumps(text))
    for seed, mean in ((0, 2.0), (1, 4.0)):
        put(folder / "0_seed-0" / f"seed{seed}", seed, mean)
    put(folder / "1_seed-9", 9, 6.0)
    shown = console()
    rows = __main__.collect(folder, shown)
    assert [(row["agent.gamma"], row["seed"]) for row in rows] == [("0.9", 0), ("0.9", 1), ("0.99", 9)]
    found = [[cell.strip() for cell in line.split("│")[1:-1]] for line in said(shown) if line.startswith("│")]
    assert [row[:4] for row in found] == [["0.9", "2", "3.0", "2.0 … 4.0"], ["0.99", "1", "6.0", ""]]
    assert said(shown)[-1] == f"3 runs in {folder / 'sweep.csv'}"


@pytest.mark.parametrize("what", ["status", "collect"])
def test_a_folder_without_a_sweep_is_one_line(tmp_path: Path, what: str) -> None:
    ended = done(["-m", "experiments.sweeps", what, str(tmp_path)], cwd=tmp_path)
    assert ended.returncode == 2
    assert ended.stderr == f"sweep: error: {str(tmp_path)!r} is no sweep's folder: it has no sweep.json\n"
