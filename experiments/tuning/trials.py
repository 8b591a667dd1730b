"""Tuning with Optuna: trials of one search, by several worker processes, that any worker may go on with.

Everything is in the search's folder: ``search.yaml``, the config that all trials share, and ``journal.log``, Optuna's
journal of the trials. Nobody looks at the held-out maps here: a trial is judged on the validation maps.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import socket
import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import optuna
from omegaconf import OmegaConf
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from experiments.common.door import is_mistake, one_line
from experiments.common.files import write_whole
from experiments.common.stopping import Interrupted, StopRequest
from experiments.config import reading
from experiments.config.choices import without_targets
from experiments.config.keys import flat
from experiments.config.reading import Setup
from experiments.config.saved import saved_config
from experiments.diagnostics.visited import EvaluationWatch
from experiments.runs.domain import ActGreedily, Evaluator
from experiments.runs.loop import make_loop, train
from experiments.runs.train import prepare
from experiments.tuning.journal import mend_journal
from experiments.tuning.settings import SearchSettings
from groundwork.errors import WaybillError

SEARCH_FILE, JOURNAL = "search.yaml", "journal.log"
MAY_CHANGE = ("trials", "workers")  # of a search that goes on
WORKER, AGAIN, ERROR = "worker", "again", "error"  # attributes of a trial
TRIES = 2  # of parameters whose worker died
ASKED_TO_STOP = 128 + signal.SIGTERM  # a worker's exit code, after it has put its trial back


class TuningSearch(NamedTuple):
    """A search: its settings, the config that all its trials share, and its folder."""

    settings: SearchSettings
    plain: dict[str, Any]  # a run's config
    folder: Path

    def setup(self, params: Mapping[str, Any]) -> Setup:
        """The checked config of a trial.

        Raises:
            WaybillError: in one line, if parameters are not allowed.
        """
        changed = OmegaConf.create(self.plain)
        for key, value in params.items():
            OmegaConf.update(changed, key, value, force_add=False)
        return reading.read_setup(changed)

    def defaults(self) -> dict[str, Any]:
        """The config's values for the keys of the space, without those that a trial cannot have, such as null."""
        node = OmegaConf.create(self.plain)
        found = {key: OmegaConf.select(node, key) for key in self.settings.space}
        return {key: value for key, value in found.items() if self.settings.could_try(key, value)}

    def study(self) -> optuna.Study:
        """Optuna's study of this search, made if it isn't there.

        Raises:
            WaybillError: in one line, if its journal holds an entry that is none.
        """
        settings = self.settings
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        evaluations = -(-self.plain["steps"] // self.plain["evaluation"]["every"])
        try:
            return optuna.create_study(
                study_name=settings.name,
                storage=JournalStorage(JournalFileBackend(str(self.folder / JOURNAL))),
                load_if_exists=True,
                direction="maximize",
                # without a seed: workers with the same one would try the same, and their order is chance anyway
                sampler=optuna.samplers.TPESampler(
                    n_startup_trials=settings.random_trials, multivariate=True, constant_liar=True
                ),
                pruner=optuna.pruners.MedianPruner(
                    n_startup_trials=settings.random_trials,
                    n_warmup_steps=int(settings.prune_after * evaluations),
                ),
            )
        except (LookupError, TypeError, ValueError, AttributeError, AssertionError) as error:  # of Optuna, at an entry
            what = f"{type(error).__name__} {error}"
            raise WaybillError(f"{self.folder / JOURNAL} is damaged, Optuna cannot read an entry ({what})") from None


def begin(settings: SearchSettings, plain: dict[str, Any], folder: Path) -> TuningSearch:
    """Begin a search in ``folder``, or go on with the one there. The first trial of a new one is the config as it is.

    Raises:
        WaybillError: in one line, if the space is no good or another search is there.
    """
    search = TuningSearch(settings, plain, folder)
    known = flat(plain)
    for key, value in settings.extremes():
        if key not in known:
            raise WaybillError(f"search.space.{key}: the config has no such key")
        try:
            search.setup({key: value})
        except WaybillError as error:
            raise WaybillError(f"search.space.{key}: {value}: {error}") from None
    frozen = {"search": OmegaConf.to_container(OmegaConf.structured(settings)), "config": plain}
    path = folder / SEARCH_FILE
    for name in (JOURNAL, SEARCH_FILE):  # a pipe or a device would be read without an end
        if os.path.lexists(folder / name) and not (folder / name).is_file():
            raise WaybillError(f"{folder / name} is no plain file")
    if (folder / JOURNAL).is_file():
        mend_journal(folder / JOURNAL)
    if path.is_file():
        _refuse_another(path, frozen)
        adopt(search.study())
        return search
    folder.mkdir(parents=True, exist_ok=True)
    study = search.study()
    if not study.get_trials(deepcopy=False):
        study.enqueue_trial(search.defaults())
    text = OmegaConf.to_yaml(OmegaConf.create(frozen))
    write_whole(path, lambda temporary: temporary.write_text(text))
    return search


def _refuse_another(path: Path, wanted: dict[str, Any]) -> None:
    try:
        there: Any = OmegaConf.to_container(saved_config(path))
    except WaybillError as error:
        raise WaybillError(f"{path} is no search's: {error}") from None
    if not all(isinstance(there.get(section), dict) for section in wanted):
        raise WaybillError(f"{path} is no search's: it has no sections {' and '.join(wanted)}")
    before, now = flat(there | {"config": without_targets(there["config"])}), flat(wanted)
    for key in sorted({*before, *now} - {f"search.{name}" for name in MAY_CHANGE}):
        if before.get(key) != now.get(key):
            was, now_is = before.get(key, "absent"), now.get(key, "absent")
            name = key.removeprefix("config.")
            line = f"{name}={was} there and {now_is} here: take another search.name= or out="
            raise WaybillError(f"{path.parent} holds another search, with {line}")


def adopt(study: optuna.Study) -> int:
    """Put back the trials whose worker, on this machine, is dead; returns how many. Twice dead is failed."""
    count = 0
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        host, _, pid = str(trial.user_attrs.get(WORKER, "")).rpartition(":")
        if host == socket.gethostname() and not _alive(int(pid)):
            put_back(study, trial, "its worker died")
            count += 1
    return count


def put_back(study: optuna.Study, trial: FrozenTrial, why: str) -> None:
    """Let a trial be done once more, if it may; it counts as failed itself.

    Why is noted with the study: only the process that does a trial can note something with the trial.
    """
    again = int(trial.user_attrs.get(AGAIN, 0)) + 1
    study.set_user_attr(f"{ERROR} of trial {trial.number}", why)
    study.tell(trial.number, state=TrialState.FAIL)
    if again < TRIES and trial.params:
        study.enqueue_trial(trial.params, user_attrs={AGAIN: again})


def errors(study: optuna.Study) -> set[str]:
    """Why trials failed, each reason once."""
    own = {str(one.user_attrs[ERROR]) for one in study.get_trials(deepcopy=False) if ERROR in one.user_attrs}
    return own | {str(why) for key, why in study.user_attrs.items() if key.startswith(f"{ERROR} of trial ")}


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def begun(study: optuna.Study) -> int:
    """Number of trials that count: done, given up or failed for good, and those that are being done."""
    trials = study.get_trials(deepcopy=False)
    put = sum(AGAIN in trial.user_attrs for trial in trials)
    return sum(trial.state != TrialState.WAITING for trial in trials) - put


class Reported:
    """Validation games that report every score to a trial; the report may end the training.

    An agent of S seeds is measured seed by seed: what is reported is the mean of S measurements.
    """

    def __init__(self, validation: Evaluator, *, seeds: int, report: Callable[[int, float], None]) -> None:
        self._validation, self._seeds, self._report = validation, seeds, report
        self._scores: list[float] = []
        self.means: list[float] = []

    @property
    def env(self) -> Any:
        """One of the environments, for its sizes."""
        return self._validation.env

    def warm_up(self) -> None:
        """Do what only the first call does, see ``domain.Evaluator``."""
        self._validation.warm_up()

    def __call__(self, policy: ActGreedily, watches: Sequence[EvaluationWatch] = ()) -> Any:
        """Play the games, and report the mean score if they are the last seed's."""
        games = self._validation(policy, watches)
        self._scores.append(float(games.score.mean()))
        if len(self._scores) == self._seeds:
            self.means.append(float(np.mean(self._scores)))
            self._scores.clear()
            self._report(len(self.means) - 1, self.means[-1])
        return games


def do_trials(settings: SearchSettings, plain: dict[str, Any], folder: Path) -> None:
    """Do a worker's part of a search: trial after trial until enough have begun, or its parent process is gone."""
    _end_with_parent()
    search = TuningSearch(settings, plain, folder)
    study, space = search.study(), settings.distributions()
    while begun(study) < settings.trials or study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Fixed parameter")  # the config as it is may lie outside the space
            trial = study.ask(space)
        trial.set_user_attr(WORKER, f"{socket.gethostname()}:{os.getpid()}")
        try:
            study.tell(trial, _value(search, trial))
        except optuna.TrialPruned:
            study.tell(trial, state=TrialState.PRUNED)
        except Interrupted as stop:
            put_back(study, study.trials[trial.number], str(stop))
            raise SystemExit(ASKED_TO_STOP) from None
        except Exception as error:
            trial.set_user_attr(ERROR, one_line(error))
            study.tell(trial, state=TrialState.FAIL)
            if not is_mistake(error):
                raise


def _end_with_parent() -> None:
    """Ask this process to stop as soon as the one that started it is gone, however that ended."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def wait() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="parent", daemon=True).start()


def _value(search: TuningSearch, trial: optuna.Trial) -> float:
    """Train and measure a trial; returns its mean validation score at the end.

    Raises:
        optuna.TrialPruned: if it is to be given up.
        Interrupted: if asked to stop.
    """

    def report(step: int, score: float) -> None:
        trial.report(score, step)
        if trial.should_prune():
            raise optuna.TrialPruned

    setup = search.setup(trial.params)
    prepare(setup)
    folder = search.folder / f"trial_{trial.number:04}"
    shutil.rmtree(folder, ignore_errors=True)
    try:
        with StopRequest() as stop:
            games = setup.domain.validation(setup)
            validation = Reported(games, seeds=setup.config.seeds, report=report)
            validation.warm_up()
            loop = make_loop(setup=setup, validation=validation)
            session = train(setup=setup, folder=folder, loop=loop, validation=validation, state=None, stop=stop)
            session.end(None)  # a trial has no held-out result
    finally:
        for checkpoint in folder.rglob("last.pt"):  # memories take gigabytes; nothing goes on from here
            checkpoint.unlink()
    return float(np.mean(validation.means[-search.settings.last :]))
