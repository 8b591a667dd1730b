"""Does it help to have learnt an easier level first? ``python -m experiments.transfer_study [out=runs/transfer]``.

For each rung of the ladder, source → target, the target is learnt from scratch, from what the source's run has learnt
(all of it, its encoder, its head, all of it and as a teacher), and by two controls: ``random_init`` has the settings of
``full`` but fresh weights, ``wrong source`` takes over a policy that learnt the same level for a wrong goal, the next
coin, and so that one doesn't invest. Seed k of an arm takes from seed k of its source. Hypothesis, before any run: full
has a jumpstart and a transfer ratio above 0 and above random_init's, and wrong source has neither.

Other arguments: ``rungs=haul-refine,…``, ``seeds=5``, ``jobs=2`` (arms side by side, one thread each), ``steps=N`` of
the targets and ``source_steps=N`` in place of those below; anything else goes to ``train.py``. Finished arms are not
run again, stopped ones go on. ``table.md`` and each rung's ``curves.png`` are made by ``transfer_report``.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import NamedTuple

from experiments import config as configs
from experiments.door import door
from experiments.files import write_whole
from experiments.results import RESULT
from experiments.session import LAST

ROOT = Path(__file__).resolve().parents[1]
EVALUATIONS = 20  # of an arm, beside that at step 0


class Rung(NamedTuple):
    """A step of the ladder, in environment steps of each seed: few, so that the whole study takes about an hour."""

    source: str
    target: str
    source_steps: int
    steps: int  # of each arm


RUNGS = {
    "haul-refine": Rung("haul", "refine", 150_000, 60_000),
    "refine-chain": Rung("refine", "chain", 300_000, 150_000),
    "chain-rivals": Rung("chain", "rivals", 400_000, 150_000),
    "rivals-fog": Rung("rivals", "fog", 400_000, 150_000),
}
MYOPIC = ("reward=cash", "agent.gamma=0")  # the wrong goal
TEACHER_SHARE = 3  # the teacher has faded out after a third of the steps
ARMS: dict[str, tuple[str, ...]] = {
    "scratch": (),
    "full": ("transfer.from={source}",),
    "encoder": ("transfer.from={source}", "transfer.mode=encoder"),
    "head": ("transfer.from={source}", "transfer.mode=head"),
    "teacher": ("transfer.from={source}", "transfer.teacher=true", "transfer.teacher_steps={fading}"),
    "random_init": ("transfer.from={source}", "transfer.mode=random_init"),
    "wrong source": ("transfer.from={wrong}",),
}


class Job(NamedTuple):
    """A training of several seeds, ``steps`` each."""

    folder: Path
    overrides: tuple[str, ...]
    steps: int


class Study(NamedTuple):
    """What to run, and where."""

    out: Path
    rungs: dict[str, Rung]
    seeds: int
    steps: int | None
    source_steps: int | None
    more: tuple[str, ...] = ()

    def source(self, level: str, *, wrong: bool = False) -> Path:
        """The folder of a level's source."""
        return self.out / f"source_{level}{'_wrong' if wrong else ''}"

    def arm(self, rung: str, arm: str) -> Path:
        """The folder of an arm."""
        return self.out / rung / arm.replace(" ", "_")

    def sources(self) -> list[Job]:
        """One source and one wrong one for each level that a rung begins with."""
        levels = {rung.source: rung.source_steps for rung in self.rungs.values()}
        return [
            self._job(self.source(level, wrong=wrong), (f"level={level}", *goal), self.source_steps or steps)
            for level, steps in levels.items()
            for wrong, goal in ((False, ()), (True, MYOPIC))
        ]

    def arms(self) -> list[Job]:
        """All arms of all rungs."""
        jobs = []
        for name, rung in self.rungs.items():
            steps = rung.steps if self.steps is None else self.steps
            given = {
                "source": self.source(rung.source),
                "wrong": self.source(rung.source, wrong=True),
                "fading": max(1, steps // TEACHER_SHARE),
            }
            for arm, overrides in ARMS.items():
                changes = (override.format(**given) for override in overrides)
                every = f"evaluation.every={max(1, steps // EVALUATIONS)}"
                jobs.append(self._job(self.arm(name, arm), (f"level={rung.target}", every, *changes), steps))
        return jobs

    def _job(self, folder: Path, overrides: Iterable[str], steps: int) -> Job:
        shared = [f"seeds={self.seeds}", "threads=1", "progress=false", "checkpoint_every=1000000000"]
        return Job(folder, (*shared, f"steps={steps}", *overrides, *self.more), steps)


def run(job: Job, out: Path, seeds: int) -> None:
    """Train, unless it is done; what was stopped goes on.

    Raises:
        ValueError: in one line, if the folder is of other steps or seeds, or the training fails.
    """
    folder, done = job.folder, list(job.folder.glob(f"seed*/{RESULT}"))
    if (folder / "config.yaml").is_file():
        config = configs.load(folder).config
        if config.seeds != seeds or config.steps != job.steps:
            there = f"steps={config.steps} seeds={config.seeds}"
            raise ValueError(f"{folder} holds a run of {there}: take the same, or another out=")
    if len(done) == seeds:
        return
    print(f"{folder}…\n", end="", flush=True)  # one write: others print, too
    command = [sys.executable, str(ROOT / "train.py")]
    if (folder / LAST).is_file():
        for result in done:  # its last minute was not finished
            result.unlink()
        command += [f"resume={folder}"]
    else:
        if folder.is_dir():  # ended before anything was saved
            shutil.rmtree(folder)
        command += [*job.overrides, f"out={out}", f"hydra.run.dir={folder}"]
    ended = subprocess.run(command, capture_output=True, text=True)
    if ended.returncode != 0:
        said = ended.stderr.strip() or f"train.py ended with exit code {ended.returncode}"  # a killed one says nothing
        raise ValueError(f"{folder}: {said.splitlines()[-1]}")
    (folder / LAST).unlink()  # the memories take gigabytes; nothing goes on from here


def run_all(jobs: Sequence[Job], out: Path, seeds: int, at_once: int) -> None:
    """Run them, several at once; the first that fails keeps the waiting ones from beginning."""
    with ThreadPoolExecutor(at_once) as pool:
        running = [pool.submit(run, job, out, seeds) for job in jobs]
        try:
            for ended in as_completed(running):
                ended.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def read(arguments: Sequence[str]) -> tuple[Study, int]:
    """The study that a command line asks for, and how many arms run at once.

    Raises:
        ValueError: in one line, if an argument is no good.
    """
    for argument in arguments:
        if "=" not in argument:
            raise ValueError(f"cannot read {argument!r}, an argument is key=value")
    given = dict(argument.partition("=")[::2] for argument in arguments)
    out = Path(given.pop("out", "runs/transfer"))
    names = [name for name in given.pop("rungs", ",".join(RUNGS)).split(",") if name]
    for name in names:
        if name not in RUNGS:
            raise ValueError(f"rungs={name}: there is no such rung, known are {', '.join(RUNGS)}")
    seeds, jobs = (_count(given, key, default, low) for key, default, low in (("seeds", 5, 2), ("jobs", 2, 1)))
    steps, source_steps = (_count(given, key, None, 1) for key in ("steps", "source_steps"))
    assert seeds is not None
    assert jobs is not None
    more = tuple(f"{key}={value}" for key, value in given.items())
    return Study(out, {name: RUNGS[name] for name in names}, seeds, steps, source_steps, more), jobs


def _count(given: dict[str, str], key: str, default: int | None, low: int) -> int | None:
    text = given.pop(key, None)
    if text is None:
        return default
    if not text.isdecimal() or int(text) < low:
        raise ValueError(f"{key}={text} is not allowed, it must be a whole number of at least {low}")
    return int(text)


@door("transfer_study")
def main() -> None:
    """Run what is missing, then write table and figures."""
    from experiments import transfer_report

    study, jobs = read(sys.argv[1:])
    run_all(study.sources(), study.out, study.seeds, jobs)
    run_all(study.arms(), study.out, study.seeds, jobs)
    text = transfer_report.table(study)
    write_whole(study.out / "table.md", lambda path: path.write_text(text))
    for name in study.rungs:
        transfer_report.figure(study, name)
    print(text)


if __name__ == "__main__":
    main()
