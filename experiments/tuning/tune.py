"""Does a search, from its config to its table: workers in processes of their own are watched from here."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import optuna
from omegaconf import DictConfig, OmegaConf
from optuna.trial import TrialState

from experiments.callbacks.calls import read_callbacks
from experiments.common.progress import ProgressReport
from experiments.common.stopping import Interrupted, StopRequest
from experiments.config.reading import read_composed, read_section
from experiments.tuning import report, trials
from experiments.tuning.settings import SearchSettings
from experiments.tuning.trials import TuningSearch
from groundwork.errors import WaybillError

SEARCHES = Path(__file__).resolve().parents[2] / "conf" / "search"
_POLL_SECONDS = 1.0
GRACE_SECONDS = 60.0  # for workers that were asked to stop
_ENDED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


def search(node: DictConfig, *, folder: Path, typed: Sequence[str] = ()) -> None:
    """Do what a composed config asks for: begin a search, or go on with the one in ``folder``; ``typed`` are the
    overrides that it was composed with.

    Raises:
        WaybillError: in one line, before anything is written.
        Interrupted: if asked to stop; trials that were cut off are done again.
    """
    settings, plain = read_search(node)
    found = trials.begin(settings, plain, folder)
    study = found.study()
    print(f"searching in {folder}, {settings.trials} trials", flush=True)
    workers: list[Any] = []
    with StopRequest() as stop:
        try:
            _watch(found, study, stop, workers)
        finally:
            _stop(workers, study)
    report.show_search(found, study, typed=typed)
    if stop.signal is not None:
        raise Interrupted("stopped; the same command goes on", exit_code=128 + stop.signal)
    if not report.completed(study):
        raise WaybillError(f"search.name={settings.name}: no trial came to its end, see above")


def read_search(node: DictConfig) -> tuple[SearchSettings, dict[str, Any]]:
    """The settings of a search and the config that its trials share.

    Raises:
        WaybillError: in one line, if something isn't allowed.
    """
    if OmegaConf.is_missing(node, "search"):
        known = ", ".join(sorted(path.stem for path in SEARCHES.glob("*.yaml")))
        raise WaybillError(f"no search is chosen, give +search= one of {known}")
    given: Any = OmegaConf.to_container(node.search, resolve=True)
    settings: SearchSettings = read_section(SearchSettings, "search", given)
    run = OmegaConf.masked_copy(node, [str(key) for key in node if key != "search"])
    plain = read_composed(run).plain
    read_callbacks(plain)
    return settings, plain


def _watch(found: TuningSearch, study: optuna.Study, stop: StopRequest, workers: list[Any]) -> None:
    """Keep ``workers`` at work until enough trials are done, or until asked to stop."""
    spawn = multiprocessing.get_context("spawn")
    arguments = (found.settings, found.plain, found.folder)
    with ProgressReport(title="tuning", total=found.settings.trials) as progress:
        while stop.signal is None:
            for worker in [worker for worker in workers if not worker.is_alive()]:
                workers.remove(worker)
                if worker.exitcode in (0, trials.ASKED_TO_STOP):
                    continue
                if not trials.adopt(study):
                    raise WaybillError(f"a worker ended with exit code {worker.exitcode} before it began a trial")
                print(f"a worker ended with exit code {worker.exitcode}, its trial is done again", flush=True)
            waiting = len(study.get_trials(deepcopy=False, states=(TrialState.WAITING,)))
            missing = max(0, found.settings.trials - trials.begun(study)) + (waiting if not workers else 0)
            if not workers and not missing:
                break
            for _ in range(min(missing, found.settings.workers - len(workers))):
                workers.append(spawn.Process(target=trials.do_trials, args=arguments))
                workers[-1].start()
            done = len(study.get_trials(deepcopy=False, states=_ENDED))
            progress.update(min(done, found.settings.trials), report.summary_line(found.folder, study))
            time.sleep(_POLL_SECONDS)


def _stop(workers: list[Any], study: optuna.Study) -> None:
    """Ask the workers to stop and wait for them."""
    for worker in workers:
        if worker.is_alive():
            os.kill(worker.pid, signal.SIGTERM)
    until = time.monotonic() + GRACE_SECONDS
    for worker in workers:
        worker.join(max(0.0, until - time.monotonic()))
        if worker.is_alive():
            worker.kill()
            worker.join()
    trials.adopt(study)
