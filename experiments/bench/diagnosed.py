"""What the diagnostics of a run cost: each part of an evaluation's, as a share of the training between two."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any, NamedTuple

from hydra import compose, initialize_config_dir

from agents.acting.tally import ActionTally
from experiments.common.progress import ProgressReport
from experiments.config.choices import CONF
from experiments.config.groups import PARTS_SHOWN, DiagnosticsConfig
from experiments.config.reading import Setup, read_setup
from experiments.config.schema import register
from experiments.diagnostics.diagnostics import Diagnostics, Shown
from experiments.diagnostics.layers import Churn
from experiments.runs.loop import make_loop

TRAINED = 20_000  # trained before anything is measured
EACH_TIME = [part for part in PARTS_SHOWN if part != "recall"]  # that is asked for once, at the end
LOOKING_ON = "states kept while the games are played"


class Cost(NamedTuple):
    """Seconds of one evaluation: of the training's own process, and of the process that draws."""

    own: float
    drawing: float


class Costs(NamedTuple):
    """What parts cost, and how long training takes from one evaluation to the next."""

    parts: dict[str, Cost]
    interval: float


def measure_costs(rounds: int) -> Costs:
    """The costs on ``make train``'s settings, medians over rounds in which all parts take turns."""
    register()
    with initialize_config_dir(config_dir=str(CONF), version_base="1.3"):
        setup = read_setup(compose(config_name="config", overrides=[f"steps={10 * TRAINED}", "progress=false"]))
    validation = setup.domain.validation(setup)
    loop: Any = make_loop(setup, validation=validation)
    _train(loop, TRAINED)
    found: dict[str, list[Cost]] = {}
    speeds = []
    with ProgressReport(title="diagnostics", total=rounds + 1) as report:
        for k in range(rounds + 1):  # the first compiles and fills caches
            own = _round(setup, loop, validation)
            began = time.perf_counter()
            _train(loop, 64 * 64)
            speed = 64 * 64 / (time.perf_counter() - began)
            report.update(k + 1)
            if k:
                speeds.append(speed)
                for name, cost in own.items():
                    found.setdefault(name, []).append(cost)
    middle = {name: Cost(*(median(column) for column in zip(*own, strict=True))) for name, own in found.items()}
    return Costs(middle, setup.config.evaluation.every / median(speeds))


def _train(loop: Any, steps: int) -> None:
    end = loop.env_step + steps
    while loop.env_step < end:
        loop.env_step += loop._step(loop.env_step)


def _round(setup: Setup, loop: Any, validation: Any) -> dict[str, Cost]:
    """Each part's cost once."""
    policy = loop.agent.greedy_policy(0)
    plain = _seconds(partial(validation, policy))
    costs: dict[str, Cost] = {}
    for part in EACH_TIME:
        own = DiagnosticsConfig(parts=[part])
        env = validation.env
        diagnostics = Diagnostics(
            settings=own, gamma=setup.gamma, agent=loop.agent, seed=0,
            watch_games=partial(setup.domain.game_watch, setup, env), layout=env.layout,
        )  # fmt: skip
        watched = _seconds(partial(_watched, validation, policy, diagnostics))
        shown, spent = _timed(partial(diagnostics.evaluated, policy, 0.0, loop.env_step, is_last=False, draws=True))
        loop.agent._updater.after_next.clear()
        if part == "layers":
            assert diagnostics._churn is not None
            spent += _seconds(partial(Churn(policy, diagnostics._churn).after, policy))
        if part == "exploration":
            spent = _counting(setup, loop)
        costs[part] = Cost(spent, _drawing(shown))
        costs.setdefault(LOOKING_ON, Cost(max(0.0, watched - plain), 0.0))
    return costs


def _watched(validation: Any, policy: Any, diagnostics: Diagnostics) -> None:
    validation(policy, diagnostics.watch())


def _drawing(shown: Shown) -> float:
    return sum(_seconds(partial(one.function, **one.given)) for one in (*shown.drawings, *shown.files))


def _counting(setup: Setup, loop: Any) -> float:
    """Counting the actions of all batch steps between two evaluations."""
    tally, count = ActionTally(1), setup.config.num_envs
    source, steps = loop.groups[:, 0] * 0, setup.config.evaluation.every // count

    def count_all() -> None:
        for _ in range(steps):
            tally.add(source, source)

    return _seconds(count_all)


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    began = time.perf_counter()
    return work(), time.perf_counter() - began


def _seconds(work: Callable[[], Any]) -> float:
    return _timed(work)[1]
