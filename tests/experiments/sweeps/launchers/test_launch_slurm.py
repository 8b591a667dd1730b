"""``launcher=slurm`` against a real SLURM of one machine: submitted, out of time, queued again, gone on, collected."""

from __future__ import annotations

import csv
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from slurm_cluster import NoSlurm, SlurmCluster

from experiments.sweeps.launchers.slurm import SlurmLauncher
from sweeping import chained, done, jobs, only, read, until, words

LONG = 10**9


@pytest.fixture(scope="module")
def cluster() -> Iterator[SlurmCluster]:
    """SLURM, or a reason to do without."""
    with tempfile.TemporaryDirectory(prefix="slurm", dir="/tmp") as folder:  # a socket's path must be short
        found = SlurmCluster(Path(folder))
        try:
            found.start()
            yield found
        except NoSlurm as reason:
            pytest.skip(f"SLURM: {reason}")
        finally:
            found.stop()


def tiny(*more: str, minutes: int = 1) -> list[str]:
    return ["launcher=slurm", "launcher.cpus=1", f"launcher.time={minutes}", "launcher.save_seconds=28", *more]


@pytest.mark.proof
def test_jobs_run_out_of_time_and_go_on_and_failed_ones_are_submitted_again(
    cluster: SlurmCluster, tmp_path: Path
) -> None:
    for name in ("slow0", "wait1", "wait2"):
        (tmp_path / name).touch()
    command = words(tmp_path, *tiny("seed=0,1,2,70000"))
    submitted = done(command, cwd=tmp_path, **cluster.variables)
    assert submitted.returncode == 1
    assert submitted.stderr == "train.py: job 3 of 4 not submitted, see above\n"
    bad = "job 3 seed=70000: not started: seed=70000 is not allowed, it must be 0..65535\n"
    assert bad in submitted.stdout
    folder = only(tmp_path)
    (array,) = re.findall(r"submitted 3 jobs as (\d+): \1_0, \1_1, \1_2", submitted.stdout)
    assert f"end them: scancel {array}" in submitted.stdout
    assert f"python -m experiments.sweeps status {folder}" in submitted.stdout
    own = jobs(folder)
    until(lambda: all(read(tmp_path / f"seen{number}.json") for number in range(3)), "all to begin", 150)
    at_once = done(command, cwd=tmp_path, **cluster.variables)
    assert at_once.returncode == 1, at_once.stderr
    told = [line for line in at_once.stdout.splitlines(keepends=True) if not line.startswith("configs: ")]  # if slow
    assert "".join(told) == f"sweep of 4 jobs in {folder}, 3 with launcher=slurm\n{bad}"
    (tmp_path / "raise1").touch()
    for number in (1, 2):
        (tmp_path / f"wait{number}").unlink()

    status = ["-m", "experiments.sweeps", "status", str(folder)]
    told = done(status, cwd=tmp_path, **cluster.variables)
    assert re.search(r"│ +0 │ 0 +│ (running|waiting) │", told.stdout), told.stdout  # its time may be over already
    until(lambda: read(own[0] / "job.json").get("state") == "stopped", "SLURM to signal that the time is over", 150)
    (tmp_path / "slow0").unlink()
    until(lambda: (own[0] / "result.json").is_file(), "the job to come back and end", 150)
    assert read(own[0] / "job.json")["attempts"] >= 2  # a slow machine's time may be over once more
    log = next((folder / "slurm").glob(f"{array}_0_0_log.out")).read_text()
    assert "Caught signal SIGUSR2" in log
    assert f"Requeued job {array}_0" in log
    assert re.search(rf"attempt 2, .*, SLURM job {array}_0 on node1\ngoing on in", (own[0] / "log.txt").read_text())

    until(lambda: not cluster.ask("squeue", "--noheader"), "the queue to be empty", 150)
    assert (own[2] / "result.json").is_file()
    told = done(status, cwd=tmp_path, **cluster.variables)
    assert "4 jobs: 2 done, 2 failed" in told.stdout
    assert "job 1 seed=1 failed: RuntimeError: stairs 1 are broken" in told.stdout
    (tmp_path / "raise1").unlink()
    again = done(command, cwd=tmp_path, **cluster.variables)
    assert "2 done before" in again.stdout
    assert re.search(r"submitted 1 jobs as (\d+): \1\n", again.stdout), again.stdout
    until(lambda: (own[1] / "result.json").is_file(), "the job that failed", 150)
    collected = done(["-m", "experiments.sweeps", "collect", str(folder)], cwd=tmp_path, **cluster.variables)
    assert collected.returncode == 0, collected.stderr
    with (folder / "sweep.csv").open() as stream:
        assert [row["seed"] for row in csv.DictReader(stream)] == ["0", "1", "2"]


@pytest.mark.slow
def test_a_job_pushed_aside_comes_back_and_a_cancelled_one_does_not(cluster: SlurmCluster, tmp_path: Path) -> None:
    endless = (f"steps={LONG}", "evaluation.every=1000000", "seed=0,1")
    command = words(tmp_path, *tiny(*endless, minutes=20))  # its time isn't over before the test is
    submitted = done(command, cwd=tmp_path, **cluster.variables)
    assert submitted.returncode == 0, submitted.stderr
    own = jobs(only(tmp_path))
    (array,) = re.findall(r"submitted 2 jobs as (\d+):", submitted.stdout)
    until(lambda: all(read(one / "progress.json") for one in own.values()), "both to train", 150)
    cluster.ask("scancel", "--signal=TERM", f"{array}_0")  # what SLURM sends first to jobs that have to go
    cluster.ask("scancel", f"{array}_1")
    until(lambda: read(own[0] / "job.json").get("attempts") == 2, "the job to come back", 150)
    until(lambda: "going on in" in (own[0] / "log.txt").read_text(), "it to go on", 150)
    assert read(own[1] / "job.json")["state"] == "stopped"
    assert (own[1] / "last.pt").is_file()
    listed = ("squeue", "--noheader", "--array", "--format=%i")
    until(lambda: f"{array}_1" not in cluster.ask(*listed), "it to be gone", 150)
    assert read(own[1] / "job.json")["attempts"] == 1
    cluster.ask("scancel", array)


@pytest.mark.slow
def test_a_job_waits_for_the_one_whose_run_it_takes_from(cluster: SlurmCluster, tmp_path: Path) -> None:
    submitted = done(chained(tmp_path, *tiny(minutes=20)), cwd=tmp_path, **cluster.variables)
    assert submitted.returncode == 0, submitted.stderr
    arrays = re.findall(r"submitted 2 jobs as (\d+) (\d+): ", submitted.stdout)
    assert arrays, submitted.stdout
    taker, source = jobs(only(tmp_path)).values()
    until(lambda: (taker / "result.json").is_file(), "both to end", 150)
    assert read(taker / "job.json")["attempts"] == 1
    assert read(taker / "job.json")["began"] > (source / "result.json").stat().st_mtime


@pytest.mark.slow
def test_what_slurm_refuses_is_one_line_and_submits_nothing(cluster: SlurmCluster, tmp_path: Path) -> None:
    refused = done(words(tmp_path, *tiny("launcher.partition=nowhere", "seed=0,1")), cwd=tmp_path, **cluster.variables)
    assert refused.returncode == 2
    (line,) = refused.stderr.splitlines()
    assert line.startswith("train.py: error: launcher=slurm: SLURM refused the jobs (sbatch: error:")
    assert "partition" in line
    assert not (only(tmp_path) / "slurm.json").exists()


def test_settings_become_sbatchs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    settings = SlurmLauncher(partition="gpu", time=90, cpus=8, gpus=1, mem=7.5, at_once=4, options={"account": "me"})
    found = settings._parameters("study")
    assert found | {"setup": []} == {
        "job_name": "study", "partition": "gpu", "time": 90, "cpus_per_task": 8, "gpus_per_node": 1, "mem": "7680M",
        "array_parallelism": 4, "signal_delay_s": 90, "stderr_to_stdout": True, "setup": [],
        "srun_args": ["--cpus-per-task=8"], "additional_parameters": {"requeue": True, "account": "me"},
    }  # fmt: skip
    assert found["setup"][0].endswith(":/elsewhere")
    after = settings._parameters("study", ["7_0", "9"])["additional_parameters"]
    assert after == {"requeue": True, "dependency": "afterany:7_0:9", "account": "me"}
    assert not {"partition", "mem", "gpus_per_node"} & SlurmLauncher()._parameters("study").keys()


@pytest.mark.parametrize(
    ("changed", "said"),
    [({"time": 0}, "launcher.time=0 is not allowed, it must be 1..525600"),
     ({"time": 1}, "launcher.save_seconds=90 is not allowed, it must be 1..59 .less than launcher.time."),
     ({"mem": -1.0}, "launcher.mem=-1.0 is not allowed, it must be above 0 gigabytes")],
)  # fmt: skip
def test_settings_out_of_range_are_named(changed: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        SlurmLauncher(**changed)  # type: ignore[arg-type]
