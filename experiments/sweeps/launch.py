"""From a command with ``-m`` to jobs that run: compose and check each config, freeze them, hand them to a launcher.

Names, keys and types that are wrong refuse the sweep before anything is written: they are slips, and mended they make
another sweep. A config that composes and yet is no good (a value out of range, parts that don't fit) makes a failed
job, as in a product of choices some may not go together; if all are no good the sweep is refused.

The same command again finds the sweep it began and does what is missing. It keeps to the frozen configs even if conf/
was changed meanwhile, and says so: half a sweep of old configs and half of new ones would be compared as if alike.
"""

from __future__ import annotations

import itertools
import shlex
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException
from rich.console import Console
from rich.markup import escape

from experiments.callbacks.calls import read_callbacks
from experiments.common import locks
from experiments.common.progress import ProgressReport
from experiments.common.stopping import Unfinished
from experiments.config import keys
from experiments.config.arms import expand_arms
from experiments.config.choices import add_config_folders_of, check_composed, without_targets
from experiments.config.keys import door_words, shell_command
from experiments.config.reading import named_code, read_composed, refuse_unused, settings_of
from experiments.runs.results import source_commit
from experiments.sweeps import manifest, order
from experiments.sweeps.launcher import Launcher, find_launcher, launchers_of
from experiments.sweeps.manifest import Job, Planned, Sweep
from experiments.sweeps.process import DONE, LOCK, STOPPED
from experiments.sweeps.states import state_of
from experiments.sweeps.view import counted, show_sweep
from groundwork.errors import WaybillError

_LOOK_SECONDS = 1.0  # somebody who only looks whether it is held holds it for a moment
ONE_PER_SWEEP = ("launcher", "out", "progress", "hydra")  # keys that cannot be swept


def launch(
    *,
    config: DictConfig,
    overrides: Sequence[Override],
    compose: Callable[[list[str]], DictConfig],
) -> None:
    """Do a sweep, or what is missing of it.

    Args:
        config: composed without what is swept.
        overrides: the command line's and those of ``hydra.sweeper.params``.
        compose: a job's whole config.

    Raises:
        WaybillError: in one line, before anything is written.
        Unfinished: in the end, if not all jobs are done.
        Interrupted: if asked to stop.
    """
    _refuse(config, overrides)
    add_config_folders_of(config.hydra)
    check_composed(config, ["launcher"])
    launcher: Launcher = settings_of("launcher", OmegaConf.to_container(config.launcher, resolve=True))
    launcher.check()
    own = [one for one in overrides if keys.group_of(one.get_key_element()) != "launcher"]
    arms: Any = OmegaConf.to_container(config.arms)
    jobs = jobs_of(own)
    folder = Path(str(config.hydra.sweep.dir))
    planned = plan_jobs(jobs, lambda job: compose(expand_arms(job, arms)), folder, progress=bool(config.progress))
    if not manifest.is_sweep(folder):
        begun = datetime.now().astimezone().isoformat(timespec="seconds")
        manifest.create(folder, planned, command=_command(), begun=begun, commit=source_commit())
    try:
        with locks.hold(folder / LOCK, wait_seconds=_LOOK_SECONDS):
            sweep = _same(manifest.read_sweep(folder), planned)
            _do(sweep, launcher, name=config.launcher.name, progress=bool(config.progress))
    except locks.Held as error:
        raise WaybillError(f"{folder}: {error} runs this sweep already") from None


def _refuse(config: DictConfig, overrides: Sequence[Override]) -> None:
    """Refuse what a sweep cannot do.

    Raises:
        WaybillError: in one line.
    """
    chosen = config.hydra.runtime.choices.get("hydra/launcher")
    if chosen != "basic":
        raise WaybillError(f"hydra/launcher={chosen}: the launcher is chosen by launcher=, see conf/launcher")
    batch = config.hydra.sweeper.max_batch_size
    if batch is not None:
        raise WaybillError(f"hydra.sweeper.max_batch_size={batch}: how many run at once is the launcher's choice")
    for override in overrides:
        key = override.get_key_element()
        if override.is_sweep_override() and keys.group_of(key) in ONE_PER_SWEEP:
            raise WaybillError(f"{override.input_line}: a sweep has one {key.lstrip('+~')}")
        if keys.group_of(key) == "resume":
            line = "a sweep has its own runs, the same command again goes on with it"
            raise WaybillError(f"{override.input_line}: {line}")


def jobs_of(overrides: Sequence[Override]) -> list[list[str]]:
    """A job's list of overrides for each combination of the values that are swept; the last override of a key counts.

    Raises:
        WaybillError: in one line, for values that cannot be listed.
    """
    values: dict[str, list[str]] = {}
    for override in overrides:
        key = override.get_key_element()
        if not override.is_sweep_override():
            values[key] = [f"{key}={override.get_value_element_as_str()}"]
        elif override.is_discrete_sweep():
            values[key] = [f"{key}={value}" for value in override.sweep_string_iterator()]
        else:
            raise WaybillError(f"{override.input_line}: a sweep goes through a,b,…, choice(…), range(…) or glob(…)")
    return [list(job) for job in itertools.product(*values.values())]


def plan_jobs(
    jobs: Sequence[Sequence[str]],
    compose: Callable[[list[str]], DictConfig],
    folder: Path,
    *,
    progress: bool = True,
) -> list[Planned]:
    """The jobs of a sweep in ``folder`` with their configs, which are checked.

    Raises:
        WaybillError: in one line, if none is any good, or they take from one another's runs.
        HydraException, OmegaConfBaseException: if one names what isn't there.
    """
    recorded = [keys.of_the_runs(job) for job in jobs]
    values, planned = manifest.values_of(recorded), []
    with ProgressReport(title="configs", total=len(jobs), enabled=progress) as report:
        for number, job in enumerate(jobs):
            planned.append(_planned(number, compose(list(job)), recorded[number], values[number], folder))
            report.update(number + 1)
    bad = [one.job.error for one in planned if one.job.error is not None]
    if len(bad) == len(planned):
        raise WaybillError(bad[0] if bad else "there are no jobs in this sweep")
    return order.in_order(planned, folder)


def _planned(number: int, node: DictConfig, overrides: list[str], values: dict[str, str], folder: Path) -> Planned:
    """One job, its config checked whole."""
    parts = [f"{key}-{value}" for key, value in values.items()] or [text.replace("=", "-", 1) for text in overrides]
    with read_write(node), open_dict(node):
        node.hydra.job.num, node.hydra.job.id = number, str(number)
        node.hydra.job.override_dirname, node.hydra.sweep.dir = "_".join(parts), str(folder)
        name = str(OmegaConf.select(node, "hydra.sweep.subdir"))
        for section in filter(OmegaConf.is_config, (node.transfer, node.rivals)):
            OmegaConf.resolve(section)  # they may name the sweep's folder, in hydra
        del node["hydra"]
    try:
        setup = read_composed(node)
        read_callbacks(setup.plain)
        refuse_unused(setup, overrides)
        content, error, asked_about = setup.plain, None, bool(named_code(setup, reports=True))
    except WaybillError as refused:
        content, error, asked_about = _plain(node), str(refused), False
    seeds = manifest.seeds_of(content) if error is None else []
    return Planned(Job(number, name, overrides, values, seeds, int(content["steps"] or 0), error), content, asked_about)


def _plain(node: DictConfig) -> dict[str, Any]:
    """A config that is no good as plain data: resolved, if it can be."""
    found: Any = OmegaConf.to_container(node)
    with suppress(OmegaConfBaseException):
        found = OmegaConf.to_container(node, resolve=True)
    steps = found.get("steps")
    kept = {key: value for key, value in without_targets(found).items() if key not in ("launcher", "arms")}
    whole = isinstance(steps, int) or (isinstance(steps, float) and steps.is_integer())
    return {**kept, "steps": int(steps) if whole else 0}


def _command() -> str:
    """The command as it was typed."""
    door = Path(sys.argv[0])
    return shlex.join([*(["python"] if door.suffix == ".py" else []), door.name, *sys.argv[1:]])


def _same(sweep: Sweep, planned: Sequence[Planned]) -> Sweep:
    """The sweep on disk, if it is the one planned now.

    Raises:
        WaybillError: in one line, if it is another.
    """
    before, now = ([job.overrides for job in jobs] for jobs in (sweep.jobs, [one.job for one in planned]))
    if before != now:
        line = f"holds another sweep ({sweep.command}), nothing was changed: give another hydra.sweep.dir=..."
        raise WaybillError(f"{sweep.folder} {line}")
    changed = None
    for job, one in zip(sweep.jobs, planned, strict=True):
        if job.error is None and changed is None:
            changed = manifest.difference(manifest.read_frozen(sweep.folder_of(job)), one.config)
    if changed is not None:
        line = f"conf/ has changed since ({changed}), the configs of then are kept; for a new sweep give"
        print(f"{sweep.folder}: {line} hydra.sweep.dir=...", flush=True)
        return sweep
    mended = [one for job, one in zip(sweep.jobs, planned, strict=True) if job.error is not None]
    return manifest.refreeze(sweep, mended) if mended else sweep


def _do(sweep: Sweep, launcher: Launcher, *, name: str, progress: bool) -> None:
    """Start what is missing with the ``launcher`` of that name, and show how it ended."""
    known = {other: find_launcher(other).queued(sweep) for other in launchers_of(sweep)}
    queued = {number: status for own in known.values() for number, status in own.items()}
    before = {job.number: state_of(sweep, job, queued) for job in sweep.jobs}
    wanted = [job for job in sweep.jobs if job.error is None and before[job.number].status != DONE]
    missing = [job for job in wanted if job.number not in queued]
    done = sum(state.status == DONE for state in before.values())
    already = [f"{done} done before"] * bool(done)
    already += [f"{len(own)} with launcher={other}" for other, own in known.items() if own]
    print(", ".join([f"sweep of {len(sweep.jobs)} jobs in {sweep.folder}", *already]), flush=True)
    bad = [job for job in sweep.jobs if job.error is not None]
    for job in bad:
        print(f"job {job.number} {job.title}: not started: {job.error}", flush=True)
    if missing:
        noted = [other for other, own in known.items() if own] if sweep.launchers is None else sweep.launchers
        manifest.note_launchers(sweep, [*noted, name])
    seen = launcher.launch(sweep, missing, progress=progress) if missing else not queued
    if not seen:
        if bad:
            raise Unfinished(f"{_jobs(job.number for job in bad)} of {len(sweep.jobs)} not submitted, see above")
        return
    states = {job.number: state_of(sweep, job, queued) for job in sweep.jobs}
    show_sweep(sweep, states)
    _say_next(sweep)
    lost = [number for number, state in states.items() if state.status != DONE]
    if lost:
        stopped = all(states[number].status == STOPPED for number in lost)
        how = "stopped, the same command again goes on" if stopped else "not done, the same command again runs them"
        raise Unfinished(f"{counted(states)}; {_jobs(lost)}: {how}")


def _jobs(numbers: Iterable[int]) -> str:
    """Numbers of jobs in words, at most 20 of them."""
    given = list(numbers)
    named = ", ".join(map(str, given[:20])) + (", …" if len(given) > 20 else "")
    return f"job{'s' * (len(given) > 1)} {named}"


def _say_next(sweep: Sweep) -> None:
    lines = (
        f"all figures: {shell_command(*door_words('sweeps'), 'collect', sweep.folder)}",
        f"curves:      {shell_command('tensorboard', '--logdir', sweep.folder)}",
        f"again:       {_command()}   (does what is missing)",
    )
    for line in lines:
        Console().print(escape(line), highlight=False, soft_wrap=True)
