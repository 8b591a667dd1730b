"""``launcher=ray`` against a cluster of Ray's own with two nodes: jobs on both, and one node dies."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from experiments.sweeps.launchers.ray import RayLauncher
from sweeping import chained, done, jobs, only, read, start, until, words

pytest.importorskip("ray", reason="Ray is not installed: pip install -e '.[ray]'")
STORE_BYTES = 80 * 2**20


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head without room for jobs; tests add nodes with room for one each."""
    from ray.cluster_utils import Cluster

    found = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "object_store_memory": STORE_BYTES})
    yield found
    found.shutdown()


@pytest.fixture
def nodes(cluster: Any) -> Iterator[list[Any]]:
    """Two of them."""
    found = [cluster.add_node(num_cpus=1, object_store_memory=STORE_BYTES) for _ in range(2)]
    cluster.wait_for_nodes()
    yield found
    for node in found:
        if node in cluster.worker_nodes:
            cluster.remove_node(node)


@pytest.mark.proof
def test_jobs_run_on_all_nodes_and_go_on_elsewhere_when_one_dies(
    cluster: Any, nodes: list[Any], tmp_path: Path
) -> None:
    for number in (0, 1):
        (tmp_path / f"slow{number}").touch()
    (tmp_path / "raise2").touch()
    at = ("launcher=ray", f"launcher.address={cluster.address}", "launcher.retry=1", "checkpoint_every=16")
    command = words(tmp_path, "seed=0,1,2", *at)
    sweep = start(command, cwd=tmp_path)
    folder = until(lambda: list(tmp_path.glob("sweep_*/sweep.json")), "the sweep")[0].parent
    own = jobs(folder)

    def where(number: int) -> str:
        return read(own[number] / "job.json").get("where", "").removeprefix("Ray node ")

    until(lambda: all((own[number] / "last.pt").is_file() for number in (0, 1)), "both to save something")
    first = {number: where(number) for number in (0, 1)}
    assert set(first.values()) == {node.node_id[:8] for node in nodes}
    dying = next(node for node in nodes if node.node_id[:8] == first[0])
    cluster.remove_node(dying, allow_graceful=False)
    until(lambda: read(own[0] / "job.json").get("attempts") == 2, "job 0 to begin again elsewhere")
    for number in (0, 1):
        (tmp_path / f"slow{number}").unlink()
    stdout, stderr = sweep.communicate(timeout=200)

    assert sweep.returncode == 1, stderr
    assert stderr.splitlines()[-1] == (
        "train.py: 3 jobs: 2 done, 1 failed; job 2: not done, the same command again runs them"
    )
    assert (where(0), where(1)) == (first[1], first[1])
    assert [read(own[number] / "job.json")["attempts"] for number in own] == [2, 1, 2]  # job 2: a retry
    assert "going on in" in (own[0] / "log.txt").read_text()
    assert re.search(
        r"job 2 seed=2: failed: RuntimeError: stairs 2 are broken.*, is tried again \(1 times more\)", stdout
    )
    (tmp_path / "raise2").unlink()
    again = done(command, cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert "2 done before" in again.stdout


@pytest.mark.slow
def test_a_stopped_sweep_saves_and_the_same_command_goes_on(cluster: Any, nodes: list[Any], tmp_path: Path) -> None:
    (tmp_path / "slow0").touch()
    command = words(tmp_path, "seed=0,1", "launcher=ray", f"launcher.address={cluster.address}")
    sweep = start(command, cwd=tmp_path)
    folder = until(lambda: list(tmp_path.glob("sweep_*/sweep.json")), "the sweep")[0].parent
    own = jobs(folder)
    until(lambda: read(own[0] / "progress.json"), "the slow job to train")
    until(lambda: (own[1] / "result.json").is_file(), "the other to end")
    sweep.send_signal(signal.SIGTERM)
    _, stderr = sweep.communicate(timeout=120)
    assert sweep.returncode == 143, stderr
    line = f"train.py: {folder}: stopped (1 done, 1 stopped, 2 in all); the same command again goes on"
    assert stderr.splitlines()[-1] == line
    assert (own[0] / "last.pt").is_file()
    (tmp_path / "slow0").unlink()
    again = done(command, cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert "going on in" in (own[0] / "log.txt").read_text()
    assert only(tmp_path) == folder


@pytest.mark.proof
def test_a_job_waits_for_the_one_whose_run_it_takes_from(cluster: Any, nodes: list[Any], tmp_path: Path) -> None:
    ended = done(chained(tmp_path, "launcher=ray", f"launcher.address={cluster.address}"), cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr + ended.stdout
    taker, source = jobs(only(tmp_path)).values()
    assert read(taker / "job.json")["began"] > (source / "result.json").stat().st_mtime


@pytest.mark.slow
def test_what_the_cluster_cannot_do_is_one_line(cluster: Any, nodes: list[Any], tmp_path: Path) -> None:
    at = ("launcher=ray", f"launcher.address={cluster.address}", "seed=0,1")
    large = done(words(tmp_path, *at, "launcher.cpus=64"), cwd=tmp_path)
    assert large.returncode == 2
    assert "launcher.cpus=64 launcher.gpus=0: no machine of the cluster has that (" in large.stderr
    with pytest.raises(ValueError, match=r"^launcher.address=127.0.0.1:1: cannot connect to Ray \("):
        RayLauncher(address="127.0.0.1:1").check()


def test_without_ray_the_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    RayLauncher().check()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r'Ray is not installed, it comes with: pip install -e "\.\[ray\]"'):
        RayLauncher().check()


@pytest.mark.parametrize(
    ("changed", "said"),
    [({"cpus": 0}, "launcher.cpus=0 is not allowed, it must be 1..1024"),
     ({"gpus": -1.0}, "launcher.gpus=-1.0 is not allowed, it must be 0..64"),
     ({"max_retries": -1}, "launcher.max_retries=-1 is not allowed, it must be 0..1000")],
)  # fmt: skip
def test_settings_out_of_range_are_named(changed: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        RayLauncher(**changed)  # type: ignore[arg-type]
