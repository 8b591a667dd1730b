"""A sweep on disk: which jobs there are, and the config of each as it was when the sweep was submitted.

``sweep.json`` lists the jobs, each in a folder of its own with ``frozen.yaml``, the whole config it is to run. The
folder appears at once, complete: the same command again finds it and goes on with it. What the list says of jobs that
can run never changes; what is added are the launchers that the sweep was given to.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from experiments.common.files import read_json, write_whole
from experiments.config.choices import TARGET
from experiments.config.keys import PER_COMMAND, key_of
from experiments.config.saved import saved_config
from experiments.sweeps.process import LOG
from groundwork import trust
from groundwork.errors import WaybillError
from groundwork.nearest import meant_path

MANIFEST = "sweep.json"
FROZEN = "frozen.yaml"  # in each job's folder
_FORMAT = 1


@dataclass(frozen=True)
class Job:
    """One process to be: a run, or a group of runs of several ``seeds``.

    ``name`` is its folder in the sweep's, ``values`` what was swept, ``steps`` are environment steps of each seed,
    ``error`` is what is wrong with its config, ``after`` are numbers of jobs that must be done before it begins.
    """

    number: int
    name: str
    overrides: list[str]
    values: dict[str, str]
    seeds: list[int]
    steps: int
    error: str | None = None
    after: list[int] = field(default_factory=list)

    @property
    def title(self) -> str:
        """What distinguishes it from the others."""
        return " ".join(f"{key}={value}" for key, value in self.values.items()) or " ".join(self.overrides) or "-"


@dataclass(frozen=True)
class Planned:
    """A job and its config, before anything is written."""

    job: Job
    config: dict[str, Any]
    asked_about: bool = False  # it names code, or whom it reports to: the user's own gets a mark


@dataclass(frozen=True)
class Sweep:
    """A sweep that is on disk. ``command`` is what to type to go on with it, ``launchers`` are the names of those that
    it was given to; None for a sweep from before they were noted.
    """

    folder: Path
    command: str
    jobs: list[Job]
    begun: str
    commit: dict[str, Any] | None
    launchers: list[str] | None = None

    def folder_of(self, job: Job) -> Path:
        """A job's run folder, or that of its group of seeds."""
        return self.folder / job.name

    def runs_of(self, job: Job) -> list[Path]:
        """Its run folders, one a seed."""
        return _run_folders(self.folder_of(job), job.seeds)


def values_of(jobs: Sequence[Sequence[str]]) -> list[dict[str, str]]:
    """What distinguishes jobs, from their overrides: key → value, of the keys whose values are not all the same."""
    tables = [{key_of(override): override.partition("=")[2] for override in job} for job in jobs]
    swept = [key for key in (tables[0] if tables else {}) if len({table.get(key) for table in tables}) > 1]
    return [{key: table[key] for key in swept if key in table} for table in tables]


def create(folder: Path, planned: Sequence[Planned], *, command: str, begun: str, commit: Any) -> None:
    """Write a new sweep, all of it or nothing.

    Raises:
        WaybillError: in one line, if two jobs would share a folder, or the folder isn't empty.
    """
    names = [one.job.name for one in planned]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise WaybillError(f"hydra.sweep.subdir: several jobs would share the folder {twice!r}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    try:
        for one in planned:
            (temporary / one.job.name).mkdir(parents=True)
            _freeze(temporary / one.job.name, one)
        _write(temporary, Sweep(folder, command, [one.job for one in planned], begun, commit, launchers=[]))
        try:
            os.rename(temporary, folder)
        except OSError:
            line = f"{folder} is not empty and holds no sweep: give another hydra.sweep.dir=..."
            raise WaybillError(line) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _freeze(folder: Path, one: Planned) -> None:
    text = OmegaConf.to_yaml(OmegaConf.create(one.config))
    write_whole(folder / FROZEN, lambda temporary: temporary.write_text(text))
    if one.asked_about:
        trust.mark_config(folder / FROZEN, _plain_frozen(folder))
    if one.job.error is not None:
        write_whole(folder / LOG, lambda temporary: temporary.write_text(f"not started: {one.job.error}\n"))


def _write(folder: Path, sweep: Sweep) -> None:
    """Write the list of a sweep's jobs into ``folder``, where the sweep is or will be moved from."""
    content = {"format": _FORMAT, "command": sweep.command, "begun": sweep.begun, "commit": sweep.commit}
    content |= {} if sweep.launchers is None else {"launchers": sweep.launchers}
    text = json.dumps({**content, "jobs": [asdict(job) for job in sweep.jobs]}, indent=1) + "\n"
    write_whole(folder / MANIFEST, lambda temporary: temporary.write_text(text))


def note_launchers(sweep: Sweep, names: Sequence[str]) -> None:
    """Note that the sweep was given to these launchers and no others."""
    _write(sweep.folder, replace(sweep, launchers=list(dict.fromkeys(names))))


def refreeze(sweep: Sweep, planned: Sequence[Planned]) -> Sweep:
    """Take these configs of jobs that couldn't begin with theirs. Returns the sweep as it is then."""
    new = {one.job.number: one.job for one in planned}
    for one in planned:
        _freeze(sweep.folder_of(one.job), one)
    _write(sweep.folder, replace(sweep, jobs=[new.get(job.number, job) for job in sweep.jobs]))
    return read_sweep(sweep.folder)


def is_sweep(folder: Path) -> bool:
    """True if the folder is a sweep's."""
    return (folder / MANIFEST).is_file()


def read_sweep(folder: Path) -> Sweep:
    """The sweep in a folder.

    Raises:
        WaybillError: in one line, if there is none.
    """
    if not folder.is_dir():
        raise WaybillError(
            f"{str(folder)!r} is no folder{meant_path(folder)}; a sweep's folder (made by train.py -m) is needed"
        )
    if not is_sweep(folder):
        raise WaybillError(f"{str(folder)!r} is no sweep's folder: it has no {MANIFEST}")
    try:
        content = read_json(folder / MANIFEST)
        version = content["format"]
        found = _listed(folder, content) if version == _FORMAT else None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise WaybillError(f"{folder / MANIFEST} is damaged or not one of ours ({error})") from None
    if found is None:
        raise WaybillError(f"{folder / MANIFEST} has format {version!r}, this version reads {_FORMAT}")
    return found


def _listed(folder: Path, content: Mapping[str, Any]) -> Sweep:
    """The sweep that a manifest's ``content`` lists.

    Raises:
        WaybillError, KeyError, TypeError, AttributeError: if something in there isn't what it should be.
    """
    jobs = [_checked(Job(**job)) for job in content["jobs"]]
    if len({job.number for job in jobs}) < len(jobs):
        raise WaybillError("two jobs have one number")
    command, begun, launchers = content["command"], content["begun"], content.get("launchers")
    if not (isinstance(command, str) and isinstance(begun, str) and (launchers is None or _texts(launchers))):
        raise WaybillError("command, begun and launchers must be texts")
    if not isinstance(content.get("commit"), dict | None):
        raise WaybillError(f"its commit is {str(content['commit'])[:80]!r}")
    return Sweep(folder, command, jobs, begun, content.get("commit"), launchers)


def _checked(job: Job) -> Job:
    """A job as it was listed, its fields of the right kinds and its folder within the sweep's.

    Raises:
        WaybillError: in one line, if they aren't.
    """
    right = {
        "number": _whole(job.number),
        "name": isinstance(job.name, str) and not Path(job.name).is_absolute() and ".." not in Path(job.name).parts,
        "overrides": _texts(job.overrides),
        "values": isinstance(job.values, dict) and _texts(list(job.values.values())),
        "seeds": isinstance(job.seeds, list)
        and len(job.seeds) <= 1024
        and all(map(_whole, job.seeds))
        and (len(job.seeds) > 0 or job.error is not None),
        "steps": _whole(job.steps),
        "error": job.error is None or isinstance(job.error, str),
        "after": isinstance(job.after, list) and all(map(_whole, job.after)),
    }
    for name, is_right in right.items():
        if not is_right:
            raise WaybillError(f"a job's {name} is {str(getattr(job, name))[:80]!r}")
    return job


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def find_job(folder: Path) -> tuple[Sweep, Job] | None:
    """The job in a ``folder`` and its sweep; None outside a sweep."""
    for parent in folder.resolve().parents:
        if is_sweep(parent):
            sweep = read_sweep(parent)
            return next(((sweep, job) for job in sweep.jobs if sweep.folder_of(job) == folder.resolve()), None)
    return None


def read_frozen(folder: Path) -> dict[str, Any]:
    """A job's config as it was submitted; ``folder`` is the job's.

    Raises:
        WaybillError: in one line, if it isn't there or cannot be read.
    """
    try:
        return _plain_frozen(folder)
    except (OSError, ValueError) as error:
        raise WaybillError(f"{folder / FROZEN}: {' '.join(str(error).split())}") from None


def need_trust_to_begin(folder: Path, config: Mapping[str, Any], named: Sequence[str]) -> None:
    """Refuse to begin a job whose frozen ``config`` has ``named`` code and is neither the user's own nor trusted.

    Raises:
        WaybillError: see ``groundwork.trust.need_trust``.
    """
    trust.need_trust(folder / FROZEN, config, named)


def _plain_frozen(folder: Path) -> dict[str, Any]:
    config: Any = OmegaConf.to_container(saved_config(folder / FROZEN))
    return dict(config)


def runs_of(folder: Path, config: Mapping[str, Any]) -> list[Path]:
    """Run folders of a job, one a seed; ``folder`` is the job's, ``config`` the one it is frozen to."""
    return _run_folders(folder, seeds_of(config))


def seeds_of(config: Mapping[str, Any]) -> list[int]:
    """The seeds of a whole config."""
    return list(range(config["seed"], config["seed"] + config["seeds"]))


def _run_folders(folder: Path, seeds: Sequence[int]) -> list[Path]:
    return [folder] if len(seeds) == 1 else [folder / f"seed{seed}" for seed in seeds]


def difference(old: Any, new: Any, key: str = "") -> str | None:
    """The first place where two configs differ, in words; None if they don't. What is not of the runs is left out, and
    the classes that configs of before named.
    """
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in [*old, *(name for name in new if name not in old)]:
            if name != TARGET and (key or name not in PER_COMMAND):
                path = f"{key}.{name}" if key else str(name)
                if name not in old or name not in new:
                    return f"{path} is {'new' if name in new else 'gone'}"
                found = difference(old[name], new[name], path)
                if found is not None:
                    return found
        return None
    return None if old == new else f"{key} was {old}, is {new}"
