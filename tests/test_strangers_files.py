"""Every kind of file that a command reads, in every way that it can be no good: one line, never a traceback."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from strangers import (
    HOWS,
    LATER,
    LEVEL_DOORS,
    RUN_DOORS,
    SWEEP_DOORS,
    WRONG,
    a_run,
    changed_at,
    damaged,
    keys_in,
    of_a_later_version,
    one_line,
    texts_for_numbers,
    type_door,
)
from swept import made

from experiments.config import reading
from experiments.sharing.share import share_run
from experiments.sweeps.manifest import Job, Planned

DOORS = {**RUN_DOORS, **LEVEL_DOORS}
SHARED = ("evaluate", "replay", "diagnose", "share", "transfer", "rivals", "play", "tournament")
READ_BY = {  # file of a run → doors that need it; the others go on without it
    "config.yaml": tuple(DOORS),
    "policy.safetensors": ("evaluate", "replay", "share", "play", "transfer", "rivals", "tournament"),
    "result.json": ("share", "report"),
    "last.pt": ("resume",),
    "events": ("diagnose",),
}
SWEEP_FILES = ("sweep.json", "0_job/job.json", "0_job/frozen.yaml", "0_job/result.json", "slurm.json")
RECORD_DOORS = {
    "replay": ("replay.py", "RUN", "--out", "again.txt"),
    "against": ("replay.py", "greedy", "--format", "html", "--out", "page.html", "--against", "RUN"),
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on a level, whole."""
    return a_run(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def shared(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run as it is shared."""
    return share_run(str(run), out=str(tmp_path_factory.mktemp("shared") / "policy"), device="cpu")


@pytest.fixture(scope="module")
def sweep(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep of one job, done."""
    folder = tmp_path_factory.mktemp("sweeps") / "sweep"
    config = reading.read_run(run).plain
    made(folder, [Planned(Job(0, "0_job", [], {"agent": "dqn"}, [0], 240), config)])
    shutil.copytree(run, folder / "0_job", dirs_exist_ok=True)
    (folder / "0_job" / "job.json").write_text('{"state": "done", "attempts": 1, "seconds": 2.0}')
    return folder


def file_in(folder: Path, kind: str) -> Path:
    return next(folder.glob("events.out.*")) if kind == "events" else folder / kind


def trouble(door: tuple[str, ...], given: Path, place: Path, *, needed: bool) -> str | None:
    """What is wrong with what a door says; where it doesn't need the file it may also do its work."""
    done = type_door(door, given, place)
    return None if done[0] == 0 and not needed else one_line(done)


def says_which_version(door: tuple[str, ...], given: Path, place: Path) -> None:
    done = type_door(door, given, place)
    assert one_line(done) is None
    assert re.search(f"(format|version) {LATER}( cannot be read)?, this (version reads|is version) 1$", done[2].strip())


def some(cases: Sequence[tuple[str, ...]]) -> list[Any]:
    """All cases; but for a seventh they are for ``make proofs``."""
    return [pytest.param(*one, marks=() if k % 7 == 0 else pytest.mark.proof) for k, one in enumerate(cases)]


@pytest.mark.parametrize(
    ("kind", "door"),
    [("run", door) for door in DOORS] + [("game", door) for door in RECORD_DOORS] + [("sweep", d) for d in SWEEP_DOORS],
)
def test_each_door_takes_what_is_whole(
    run: Path, shared: Path, sweep: Path, tmp_path: Path, kind: str, door: str
) -> None:
    given = tmp_path / "given"  # so that what is refused below is refused for its damage alone
    if kind == "game":
        shutil.copy(shared / "replay.jsonl", given)
    else:
        shutil.copytree({"run": run, "sweep": sweep}[kind], given)
    words = {"run": DOORS, "game": RECORD_DOORS, "sweep": SWEEP_DOORS}[kind][door]
    done = type_door(words, given, tmp_path)
    assert done[0] == 0, done


@pytest.mark.parametrize(
    ("kind", "door", "how"), some([(k, d, how) for k, doors in READ_BY.items() for d in doors for how in HOWS])
)
def test_a_file_of_a_run(run: Path, tmp_path: Path, kind: str, door: str, how: str) -> None:
    shutil.copytree(run, tmp_path / "run")
    damaged(file_in(tmp_path / "run", kind), how)
    if kind == "last.pt":  # otherwise it takes its place
        (tmp_path / "run" / "previous.pt").unlink()
    no_file = how in ("folder", "endless", "pipe")  # a link or pipe is none: it isn't there
    optional = kind == "events" or (kind == "result.json" and door == "share" and no_file)
    assert trouble(DOORS[door], tmp_path / "run", tmp_path, needed=not optional) is None


@pytest.mark.parametrize(("door", "how"), some([(door, how) for door in SHARED for how in HOWS]))
def test_the_config_of_a_shared_policy(shared: Path, tmp_path: Path, door: str, how: str) -> None:
    shutil.copytree(shared, tmp_path / "policy")
    damaged(tmp_path / "policy" / "config.json", how)
    assert trouble(DOORS[door], tmp_path / "policy", tmp_path, needed=True) is None


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("door", RECORD_DOORS)
def test_a_record(shared: Path, tmp_path: Path, door: str, how: str) -> None:
    shutil.copy(shared / "replay.jsonl", tmp_path / "game.jsonl")
    damaged(tmp_path / "game.jsonl", how)
    assert trouble(RECORD_DOORS[door], tmp_path / "game.jsonl", tmp_path, needed=True) is None


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize(
    "kind", ["sweep.json", "0_job/job.json", "0_job/frozen.yaml", "0_job/result.json", "slurm.json"]
)
@pytest.mark.parametrize("door", SWEEP_DOORS)
def test_a_file_of_a_sweep(sweep: Path, tmp_path: Path, door: str, kind: str, how: str) -> None:
    shutil.copytree(sweep, tmp_path / "sweep")
    damaged(tmp_path / "sweep" / kind, how)
    needed = kind == "sweep.json" and door != "report"
    assert trouble(SWEEP_DOORS[door], tmp_path / "sweep", tmp_path, needed=needed) is None


VERSIONED = [("policy.safetensors", door) for door in READ_BY["policy.safetensors"]] + [("last.pt", "resume")]


@pytest.mark.parametrize(("kind", "door"), some(VERSIONED))
def test_a_file_of_a_later_version(run: Path, tmp_path: Path, kind: str, door: str) -> None:
    shutil.copytree(run, tmp_path / "run")
    of_a_later_version(tmp_path / "run" / kind)
    (tmp_path / "run" / "previous.pt").unlink()  # otherwise it takes the other's place
    says_which_version(DOORS[door], tmp_path / "run", tmp_path)


@pytest.mark.parametrize("door", RECORD_DOORS)
def test_a_record_of_a_later_version(shared: Path, tmp_path: Path, door: str) -> None:
    shutil.copy(shared / "replay.jsonl", tmp_path / "game.jsonl")
    of_a_later_version(tmp_path / "game.jsonl")
    says_which_version(RECORD_DOORS[door], tmp_path / "game.jsonl", tmp_path)


@pytest.mark.parametrize("door", ["status", "collect"])
def test_a_sweep_of_a_later_version(sweep: Path, tmp_path: Path, door: str) -> None:
    shutil.copytree(sweep, tmp_path / "sweep")
    of_a_later_version(tmp_path / "sweep" / "sweep.json")
    says_which_version(SWEEP_DOORS[door], tmp_path / "sweep", tmp_path)


@pytest.mark.parametrize("door", [*SWEEP_DOORS])
@pytest.mark.parametrize("kind", ["sweep.json", "0_job/job.json", "0_job/result.json"])
def test_numbers_as_texts_in_a_sweep(sweep: Path, tmp_path: Path, kind: str, door: str) -> None:
    shutil.copytree(sweep, tmp_path / "sweep")
    texts_for_numbers(tmp_path / "sweep" / kind)
    assert trouble(SWEEP_DOORS[door], tmp_path / "sweep", tmp_path, needed=False) is None


@pytest.mark.parametrize("door", ["share", "report", "evaluate"])
def test_numbers_as_texts_in_a_result(run: Path, tmp_path: Path, door: str) -> None:
    shutil.copytree(run, tmp_path / "run")
    texts_for_numbers(tmp_path / "run" / "result.json")
    assert trouble(DOORS[door], tmp_path / "run", tmp_path, needed=False) is None


RESULT_DOORS = {name: RUN_DOORS[name] for name in ("share", "report", "diagnose")}


@pytest.mark.proof
@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize(
    ("kind", "door"), [*(("run", one) for one in RESULT_DOORS), *(("sweep", one) for one in SWEEP_DOORS)]
)
def test_each_value_of_a_result(run: Path, sweep: Path, tmp_path: Path, kind: str, door: str, wrong: str) -> None:
    given = tmp_path / "given"
    shutil.copytree({"run": run, "sweep": sweep}[kind], given)
    path = given / ("result.json" if kind == "run" else "0_job/result.json")
    whole, words = json.loads(path.read_text()), {"run": RESULT_DOORS, "sweep": SWEEP_DOORS}[kind][door]
    faults = {}
    for at in keys_in(whole):
        path.write_text(json.dumps(changed_at(whole, at, WRONG[wrong])))
        for made_before in ("shared", "report"):
            shutil.rmtree(tmp_path / made_before, ignore_errors=True)
        faults[at] = trouble(words, given, tmp_path, needed=False)
    assert {at: fault for at, fault in faults.items() if fault is not None} == {}
    assert len(faults) > 80


@pytest.mark.parametrize("name", ["../../elsewhere", "/etc", "a/../../b"])
def test_a_sweep_keeps_its_jobs_in_its_folder(sweep: Path, tmp_path: Path, name: str) -> None:
    shutil.copytree(sweep, tmp_path / "sweep")
    content = json.loads((tmp_path / "sweep" / "sweep.json").read_text())
    content["jobs"][0]["name"] = name
    (tmp_path / "sweep" / "sweep.json").write_text(json.dumps(content))
    done = type_door(SWEEP_DOORS["status"], tmp_path / "sweep", tmp_path)
    assert one_line(done) is None
    assert f"a job's name is {name!r}" in done[2]
