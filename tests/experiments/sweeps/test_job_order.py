"""Jobs that take from others' runs: found by their configs, in waves, and never from a source that isn't done."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from swept import JOBS, made

from experiments.sweeps import manifest, order
from experiments.sweeps.manifest import Job, Planned


def planned(folder: Path, **taken: Any) -> list[Planned]:
    """Jobs by name, with what each takes from."""
    found = []
    for number, (name, given) in enumerate(taken.items()):
        config = {"transfer": {"from": given}} if isinstance(given, str | None) else {"rivals": given}
        found.append(Planned(Job(number, name, [], {}, [0], 1), config))
    return found


def afters(found: list[Planned]) -> list[list[int]]:
    return [one.job.after for one in found]


def test_a_path_into_another_jobs_folder_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Path("runs/sweep")
    jobs = planned(
        folder,
        last="runs/sweep/middle",
        middle=str(tmp_path / "runs" / "sweep" / "first" / "seed3"),
        first=None,
        elsewhere="runs/other/first",
        rival=["greedy", "runs/sweep/last", "runs/sweep/first"],
        first2="first",  # relative to where one is, not to the sweep
    )
    found = order.in_order(jobs, folder)
    assert afters(found) == [[1], [2], [], [], [0, 2], []]
    assert [[job.number for job in wave] for wave in order.waves([one.job for one in found])] == [
        [2, 3, 5], [1], [0], [4],
    ]  # fmt: skip


def test_only_those_of_this_launch_are_waited_for() -> None:
    jobs = [Job(number, str(number), [], {}, [0], 1, after=after) for number, after in ((1, [0]), (2, [0, 1]))]
    assert [[job.number for job in wave] for wave in order.waves(jobs)] == [[1], [2]]
    dependencies = order.Dependencies(jobs)
    assert [dependencies.may_begin(job) for job in jobs] == [True, False]
    dependencies.end(jobs[0])
    assert dependencies.may_begin(jobs[1])


@pytest.mark.parametrize("taken", [{"a": "s/a"}, {"a": "s/b", "b": "s/c", "c": "s/a"}])
def test_a_circle_is_refused(taken: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=f"so none can begin: {', '.join(taken)}$"):
        order.in_order(planned(Path("s"), **taken), Path("s"))


def test_a_source_that_is_not_done_is_none(tmp_path: Path) -> None:
    jobs = [dataclasses.replace(one, job=dataclasses.replace(one.job, after=[1])) for one in JOBS[:1]]
    sweep = made(tmp_path / "sweep", [*jobs, JOBS[1]])
    assert sweep.jobs[0].after == [1]  # read as written
    with pytest.raises(ValueError, match=r"^job 1 seed=9, whose run this one takes from, is not done$"):
        order.refuse_early(sweep.folder_of(sweep.jobs[0]))
    order.refuse_early(sweep.folder_of(sweep.jobs[1]))
    order.refuse_early(tmp_path)  # no sweep, no order
    result = sweep.folder_of(sweep.jobs[1]) / "result.json"
    result.write_text('{"scores": {"dqn": {"mean": 1}}, "choices": {"agent": "dqn"}, "env_steps": 5}')
    order.refuse_early(sweep.folder_of(sweep.jobs[0]))
    assert manifest.find_job(tmp_path) is None
