"""A task of Ray, without Ray (with it: test_launch_ray)."""

from __future__ import annotations

from pathlib import Path

from experiments.sweeps.launchers.ray_work import ray_task


def test_a_job_of_a_stopped_sweep_does_not_begin(tmp_path: Path) -> None:
    (tmp_path / "stop").touch()
    assert ray_task(str(tmp_path), str(tmp_path), 1, True, str(tmp_path / "stop")) == 130
    assert [path.name for path in tmp_path.iterdir()] == ["stop"]
