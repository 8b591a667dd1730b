"""Searches: what begins, what is put back, and a real one whose worker is killed."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import optuna
import pytest
from omegaconf import OmegaConf
from optuna.trial import TrialState
from rich.console import Console

from experiments.tuning import report, trials
from experiments.tuning.settings import SearchSettings
from tiny import DQN, tiny_setup

ROOT = Path(__file__).resolve().parents[3]
SPACE = {"agent.learning_rate": {"low": 1e-4, "high": 1e-2, "log": True}, "agent.double": {"choices": [True, False]}}


def search_in(tmp_path: Path, **changes: Any) -> trials.TuningSearch:
    settings = SearchSettings(**{"name": "x", "space": SPACE, "trials": 3, **changes})
    return trials.begin(settings, tiny_setup(tmp_path, *DQN).plain, tmp_path / "search")


def test_first_trial_is_the_config_as_it_is(tmp_path: Path) -> None:
    search = search_in(tmp_path)
    trial = search.study().ask(search.settings.distributions())
    assert trial.params == {"agent.learning_rate": 0.0003, "agent.double": True}
    setup = search.setup({"agent.learning_rate": 0.002, "agent.double": False})
    assert (setup.agent.learning_rate, setup.agent.double) == (0.002, False)
    assert setup.config.steps == 1200


@pytest.mark.parametrize(
    ("space", "part"),
    [
        ({"agent.lerning_rate": {"low": 1e-4, "high": 1e-2}}, "agent.lerning_rate: the config has no such key"),
        ({"agent.n_step": {"low": -1, "high": 5}}, "search.space.agent.n_step: -1: "),
        ({"agent.head": {"choices": ["scalar", "scalr"]}}, "search.space.agent.head: scalr: "),
    ],
)
def test_space_is_checked_before_anything_is_written(tmp_path: Path, space: dict[str, Any], part: str) -> None:
    with pytest.raises(ValueError, match=".") as refused:
        search_in(tmp_path, space=space)
    assert part in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "search").exists()


def test_a_config_that_the_space_does_not_hold_is_left_out_of_the_first_trial(tmp_path: Path) -> None:
    space = {"agent.n_step_end": {"low": 2, "high": 9}, "agent.batch_size": {"choices": [8, 32]}, **SPACE}
    search = search_in(tmp_path, space=space)  # n_step_end is null there, batch_size 16
    assert search.defaults() == {"agent.learning_rate": 0.0003, "agent.double": True}
    trial = search.study().ask(search.settings.distributions())
    assert trial.params.keys() == space.keys()
    assert {key: trial.params[key] for key in SPACE} == search.defaults()


def test_another_search_in_the_folder_is_refused(tmp_path: Path) -> None:
    search_in(tmp_path)
    search_in(tmp_path, trials=9, workers=1)  # may change
    path = tmp_path / "search" / "search.yaml"
    before: Any = OmegaConf.to_container(OmegaConf.load(path))
    before["config"]["agent"]["_target_"] = "agents.dqn.DQNSettings"  # as searches of before kept it
    OmegaConf.save(OmegaConf.create(before), path)
    search_in(tmp_path)
    with pytest.raises(ValueError, match=r"holds another search, with search\.last=3 there and 2 here"):
        search_in(tmp_path, last=2)


def test_trials_of_dead_workers_are_put_back_once(tmp_path: Path) -> None:
    search = search_in(tmp_path)
    study, space = search.study(), search.settings.distributions()
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    for attempt in (1, 2):
        trial = study.ask(space)
        assert trial.params == search.defaults()
        trial.set_user_attr(trials.WORKER, f"{socket.gethostname()}:{dead.pid}")
        assert trials.adopt(study) == 1
        waiting = study.get_trials(states=(TrialState.WAITING,))
        assert len(waiting) == (1 if attempt == 1 else 0)
        assert trials.begun(study) == (0 if attempt == 1 else 1)
        assert trials.errors(study) == {"its worker died"}
    other = study.ask(space)
    other.set_user_attr(trials.WORKER, f"{socket.gethostname()}:{os.getpid()}")
    elsewhere = study.ask(space)
    elsewhere.set_user_attr(trials.WORKER, "another-machine:1")
    assert trials.adopt(study) == 0
    assert trials.begun(study) == 3


def test_reports_are_means_over_seeds() -> None:
    scores = iter([1.0, 3.0, 10.0, 20.0, 7.0])
    reports: list[tuple[int, float]] = []
    games: Any = lambda policy, watches: SimpleNamespace(score=np.array([next(scores)]))  # noqa: E731
    reported = trials.Reported(games, seeds=2, report=lambda step, score: reports.append((step, score)))
    for _ in range(5):
        reported(lambda obs, mask: obs)
    assert reports == [(0, 2.0), (1, 15.0)]
    assert reported.means == [2.0, 15.0]


def test_importances_find_what_matters() -> None:
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(lambda t: t.suggest_float("matters", 0, 1) + 0.01 * t.suggest_float("hardly", 0, 1), n_trials=40)
    found = report.importances(study)
    assert found["matters"] > 0.8
    assert sum(found.values()) == pytest.approx(1.0)
    best = report.completed(study)
    assert [trial.value for trial in best] == sorted((trial.value for trial in study.trials), reverse=True)


def tune(out: Path, *words: str) -> subprocess.Popen[str]:
    conf = ("--config-dir", str(ROOT / "tests" / "conf"))
    command = [sys.executable, str(ROOT / "tune.py"), *conf, f"out={out}", *words]
    return subprocess.Popen(command, cwd=out, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ((), "no search is chosen, give +search= one of refine"),
        (("+search=tiny", "search.trials=0"), "search.trials=0 is not allowed"),
        (("+search=tiny", "agent.n_step=-1"), "n_step=-1"),
        (("+search=nope",), "available: "),
        (("+search=tiny", "-m"), "-m: a search has trials of its own"),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, words: tuple[str, ...], part: str) -> None:
    done = tune(tmp_path, *words)
    _, said = done.communicate(timeout=120)
    assert done.returncode == 2
    assert len(said.splitlines()) == 1
    assert said.startswith("tune.py: error: ")
    assert part in said
    assert not list(tmp_path.rglob("*.log"))


def study_of(out: Path) -> optuna.Study:
    journal = optuna.storages.journal.JournalFileBackend(str(out / "tune_tiny" / "journal.log"))
    return optuna.load_study(study_name="tiny", storage=optuna.storages.JournalStorage(journal))


@pytest.mark.slow
def test_search_survives_a_killed_worker_and_goes_on(tmp_path: Path) -> None:
    """The worker of the first trial is killed, its parameters are tried again; then the search is made longer."""
    running = tune(tmp_path, "+search=tiny")
    killed = None
    until = time.monotonic() + 200
    while killed is None and time.monotonic() < until:
        time.sleep(0.2)
        if not (tmp_path / "tune_tiny" / "search.yaml").is_file():
            continue
        study = study_of(tmp_path)
        for trial in study.get_trials(states=(TrialState.RUNNING,)):
            if trial.number == 0 and trials.WORKER in trial.user_attrs:
                killed = int(trial.user_attrs[trials.WORKER].rpartition(":")[2])
                os.kill(killed, signal.SIGKILL)
    said, errors = running.communicate(timeout=300)
    assert running.returncode == 0, errors
    assert killed is not None
    assert "its trial is done again" in said
    assert "as it is" in said
    study = study_of(tmp_path)
    first, *others = study.trials
    assert first.state == TrialState.FAIL
    assert [trial.params for trial in others if trials.AGAIN in trial.user_attrs] == [first.params]
    ended = [trial for trial in study.trials if trial.state in (TrialState.COMPLETE, TrialState.PRUNED)]
    assert len(ended) >= 5
    best = max(trial.value for trial in ended if trial.state == TrialState.COMPLETE)
    evaluations = next(trial.intermediate_values for trial in ended if trial.value == best)
    assert sorted(evaluations) == [0, 1, 2, 3]  # at step 0 and each 400 of 1200
    assert best == pytest.approx(np.mean([evaluations[k] for k in (1, 2, 3)]))
    assert (tmp_path / "tune_tiny" / "trials.png").stat().st_size > 1000
    assert not list(tmp_path.rglob("last.pt"))

    longer = tune(tmp_path, "+search=tiny", "search.trials=6")
    longer.communicate(timeout=300)
    assert longer.returncode == 0
    study = study_of(tmp_path)
    assert trials.begun(study) >= 6
    assert [trial.value for trial in study.trials[: len(others) + 1]] == [trial.value for trial in (first, *others)]


def test_the_best_is_confirmed_with_all_that_its_runs_were_made_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    search = search_in(tmp_path)
    study = search.study()
    study.add_trial(
        optuna.trial.create_trial(
            params={"agent.learning_rate": 0.002, "agent.double": False},
            distributions=search.settings.distributions(), value=5.0,
        )
    )  # fmt: skip
    typed = [
        "+search=x", "search.trials=9", "level=haul", "agent=dqn", "agent.double=true", "agent.tau=0.01", "steps=1200",
        "out=elsewhere", "network.width=[8, 8]",
    ]  # fmt: skip
    report.show_search(search, study, typed=typed)
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("confirm:")]
    chosen = "env=waybill level=haul reward=shaped actions=heuristic encoding=reference_points curriculum=none"
    changes = "agent.tau=0.01 'network.width=[8, 8]' agent.learning_rate=0.002 agent.double=false"
    assert line == f"confirm:  python train.py {chosen} agent=dqn network=candidates steps=1200 seeds=10 {changes}"


def test_what_the_searchs_file_says_is_confirmed_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAYBILL_CONFIG_DIR", str(ROOT / "tests" / "conf"))
    search = search_in(tmp_path)
    study, rate = search.study(), 0.0023456789
    distributions = search.settings.distributions()
    params = {"agent.learning_rate": rate, "agent.double": False}
    study.add_trial(optuna.trial.create_trial(params=params, distributions=distributions, value=5.0))
    report.show_search(search, study, typed=["+search=tiny", "agent.batch_size=32"])
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("confirm:")]
    of_the_file = (
        "num_envs=8 train_maps=8 level.horizon=20 network.width=16 agent.learning_starts=64 agent.batch_size=32"
    )
    more = "agent.updates_per_step=0.1 agent.memory_capacity=2000"
    assert line.endswith(f" seeds=10 {of_the_file} {more} agent.learning_rate={rate} agent.double=false")


def test_the_shipped_search_is_legible_in_80_columns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given: Any = OmegaConf.to_container(OmegaConf.load(ROOT / "conf" / "search" / "refine.yaml").search.space)
    search = search_in(tmp_path, space=given)
    study, drawn = search.study(), np.random.default_rng(0)
    for number in range(12):
        trial = study.ask(search.settings.distributions())
        study.tell(trial, float(drawn.uniform(1000, 2000)) + number)
    report.show_search(search, study, Console(width=80))
    cells = [[cell.strip() for cell in re.split("[│┃]", line)[1:-1]] for line in capsys.readouterr().out.splitlines()]
    rows = {row[0]: row[1:] for row in cells if row and row[0]}
    assert rows.keys() == {"score", *(key.rpartition(".")[2] for key in given)}
    best = report.completed(study)[0]
    assert rows["score"][1] == f"{best.value:,.0f}"
    assert float(rows["learning_rate"][1]) == pytest.approx(best.params["agent.learning_rate"], rel=0.01)
    assert not any("…" in cell for row in cells for cell in row)
