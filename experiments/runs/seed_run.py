"""One seed of a training run: its curves, its evaluations on the validation games, and its best policy so far."""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from experiments.callbacks.callback import Evaluation, RunView
from experiments.callbacks.calls import Calls, read_callbacks
from experiments.common.curves import Curves, EpisodeWindow
from experiments.common.files import refuse_misfit, write_whole
from experiments.common.machine import process_seconds
from experiments.common.progress import StepsFile
from experiments.config.reading import Setup
from experiments.diagnostics.charts import CHARTS
from experiments.diagnostics.diagnostics import Diagnostics
from experiments.diagnostics.painter import Painter
from experiments.runs import checkpoints
from experiments.runs.checkpoints import LAST, POLICY
from experiments.runs.domain import ActGreedily, Curriculum, Evaluator
from groundwork.errors import NotFiniteError


class TrainableAgent(Protocol):
    """What a run needs of any agent that learns; ``seed`` counts the run's seeds from 0."""

    @property
    def updates(self) -> int:
        """Gradient updates of each seed so far."""

    def greedy_policy(self, seed: int) -> ActGreedily:
        """Acts greedily with one seed's weights of now."""

    def means(self) -> list[dict[str, float]]:
        """For each seed, means over the updates since the last call; empty if there were none."""

    def epsilon(self, env_step: int) -> float:
        """Chance to explore."""

    def policy_state_dict(self, seed: int) -> dict[str, Any]:
        """What one seed needs to act."""

    def state_dict(self, *, include_memory: bool = True, saved: Collection[str] = ()) -> dict[str, Any]:
        """What all seeds need to go on, tensors as copies: they are written while training goes on.

        Those under ``segments`` never change, and are None if their name is among the ``saved`` ones. Agents without
        segments are not asked with ``saved``.
        """


class Clock:
    """Measures the seconds spent in the training loop, those before a resumption included."""

    def __init__(self) -> None:
        self._before, self._start, self.resumed = 0.0, time.perf_counter(), False
        self._stopped: float | None = None

    @property
    def seconds(self) -> float:
        """Seconds so far."""
        if self._stopped is not None:
            return self._stopped
        return self._before + time.perf_counter() - self._start

    def start(self) -> None:
        """Count from now on, beside what was counted before a resumption."""
        self._start = time.perf_counter()

    def stop(self) -> None:
        """Count no further: training is over."""
        self._stopped = self.seconds

    def resume(self, seconds: float) -> None:
        """Take over what an interrupted run has counted."""
        self._before, self.resumed = seconds, True


@dataclass
class SeedRun:
    """What a run keeps of one seed, in the seed's own ``folder``.

    ``seed`` counts the run's seeds from 0. ``reached`` is the evaluation that ended the seed's training (see
    ``stop_at_score``), ``scores`` are [env_step, mean score] of each evaluation.
    """

    seed: int
    setup: Setup
    folder: Path
    agent: TrainableAgent
    validation: Evaluator
    window: EpisodeWindow
    curriculum: Curriculum | None
    clock: Clock
    painter: Painter
    env_step: int = 0
    best_score: float | None = None
    best_step: int = 0
    reached: dict[str, Any] | None = None
    scores: list[list[float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._evaluated_step = -1
        self._curves: Curves | None = None
        view = RunView(self, folder=self.folder, config=self.setup.plain, choices=self.setup.names)
        self.calls = Calls(read_callbacks(self.setup.plain), view)
        env, domain = self.validation.env, self.setup.domain
        self._diagnostics = Diagnostics(
            settings=self.setup.config.diagnostics, gamma=self.setup.gamma, agent=self.agent, seed=self.seed,
            watch_games=partial(domain.game_watch, self.setup, env), layout=env.layout,
        )  # fmt: skip
        self._steps = StepsFile(self.folder, total=self.setup.config.steps)

    def begin(self, state: Mapping[str, Any] | None) -> None:
        """Open the curves, from a checkpoint if there is one; otherwise with an evaluation of the untrained policy."""
        if state is not None:
            with refuse_misfit(self.folder / LAST):
                self._load_state_dict(state)
        self._curves = Curves(folder=self.folder, from_step=None if state is None else self.env_step)
        self.calls.begin()
        if self.setup.config.diagnostics.parts:
            self._curves.add_layout(CHARTS)
        if state is None:
            self.evaluate()  # what it can before it has learnt anything: where the curve begins

    def after_step(self, env_step: int, tags: Mapping[str, float] | None) -> None:
        """Do what is due after a step of the loop; ``tags`` are of the agent for the curves, None if it isn't time."""
        before, self.env_step = self.env_step, env_step
        config = self.setup.config
        if tags is not None:
            self._add({**self.window.tags(), **tags})
        self._add(self._diagnostics.since())
        if passed(before, env_step, config.evaluation.every):
            self.evaluate()
        if self.curriculum is not None and (moved := self.curriculum.after_step(env_step)):
            self._add(moved)
        self._add(self.calls.step())
        self._steps.update(env_step)

    def complete(self) -> None:
        """Evaluate the end, if it was reached and isn't measured yet."""
        ended = self.env_step >= self.setup.config.steps or self.reached is not None
        if ended and self._evaluated_step != self.env_step:
            self.evaluate()

    def check_weights(self, env_step: int | None = None) -> None:
        """Refuse to go on with weights that are not finite: nothing can be learnt from there.

        Raises:
            NotFiniteError: in one line, with what to try.
        """
        for name, value in _tensors(self.agent.policy_state_dict(self.seed)):
            if not torch.isfinite(value).all():
                step = self.env_step if env_step is None else env_step
                best = f"{POLICY} is from step {self.best_step:,}" if self.best_score is not None else "nothing is kept"
                line = f"training diverged: {name} is not finite after {step:,} steps; {best}"
                line = f"seed={self.setup.config.seed}: {line}; try a lower agent.learning_rate"
                raise NotFiniteError(line, evidence={"weights": self.agent.policy_state_dict(self.seed)}, diverged=True)

    def evaluate(self) -> None:
        """Play the validation games; keep the policy if it is the best so far (of equals the later one).

        A score that is not finite is never the best.
        """
        self.check_weights()
        greedy = self.agent.greedy_policy(self.seed)
        games = self.validation(greedy, self._diagnostics.watch())
        score = float(games.score.mean())
        self._evaluated_step = self.env_step
        self.scores.append([self.env_step, score])
        tags = games.tags()
        if self.curriculum is not None:
            tags |= self.curriculum.after_evaluation(greedy, score)
        self._add(tags)
        is_best = math.isfinite(score) and (self.best_score is None or score >= self.best_score)
        if not math.isfinite(score):
            print(f"note: the validation score after {self.env_step:,} steps is {score}", flush=True)
        elif is_best:
            self.best_score, self.best_step = score, self.env_step
            content = {"env_step": self.env_step, "score": score, "policy": self.agent.policy_state_dict(self.seed)}
            checkpoints.save_policy(self.folder, content)
            self.calls.checkpoint(self.folder / POLICY)
        self._add(self.calls.evaluation(Evaluation(score, np.array(games.score, np.float64), is_best, tags)))
        wanted = self.setup.config.stop_at_score
        if wanted is not None and score >= wanted:
            since = None if self.clock.resumed else process_seconds()
            times = {"seconds": self.clock.seconds, "seconds_since_start": since}
            self.reached = {"score": score, "env_step": self.env_step, **times}
        self._show(greedy, score)

    def _show(self, policy: Any, score: float) -> None:
        """What the evaluation's games tell beside their score; pictures come into the curves once they are drawn."""
        step, curves = self.env_step, self._curves
        is_last = step >= self.setup.config.steps or self.reached is not None
        wanted = self.setup.config.diagnostics.pictures and not self.painter.gave_up
        draws = wanted and (is_last or self.painter.has_room)
        shown = self._diagnostics.evaluated(policy, score, step, is_last=is_last, draws=draws)
        assert curves is not None
        self._add(shown.scalars)
        curves.add_histograms(shown.histograms, step)
        if not draws:
            self.painter.left_out += wanted and bool(shown.drawings)
            return
        for drawing in shown.drawings:
            self.painter.draw(drawing, partial(curves.add_picture, drawing.tag, env_step=step))
        for file in shown.files:
            self.painter.draw(file, partial(_write, self.folder / file.tag))

    def _add(self, tags: Mapping[str, float]) -> None:
        if tags:
            assert self._curves is not None
            self._curves.add(tags, self.env_step)
            self.calls.scalars(tags)

    @property
    def seconds(self) -> float:
        """Seconds of training so far."""
        return self.clock.seconds

    def sync_curves(self) -> None:
        """Wait until all points of the curves are on the disk."""
        if self._curves is not None:
            self._curves.sync()

    def close(self) -> None:
        """Close the curves."""
        if self._curves is not None:
            self._curves.close()

    def state_dict(self) -> dict[str, Any]:
        """What ``begin`` needs to go on."""
        return {
            "env_step": self.env_step,
            "evaluated_step": self._evaluated_step,
            "best_score": self.best_score,
            "best_step": self.best_step,
            "curve": [list(point) for point in self.scores],
            "reached": self.reached,
            "window": self.window.state_dict(),
            "diagnostics": self._diagnostics.state_dict(),
            "climb": None if self.curriculum is None else self.curriculum.state_dict(),
        }

    def _load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.env_step, self._evaluated_step = state["env_step"], state["evaluated_step"]
        self.best_score, self.best_step = state["best_score"], state["best_step"]
        self.scores = [list(point) for point in state.get("curve", [])]
        self.reached = is_reached(state.get("reached"), self.setup.config.stop_at_score)
        self.window.load_state_dict(state["window"])
        if "diagnostics" in state:  # not in a version before
            self._diagnostics.load_state_dict(state["diagnostics"])
        if self.curriculum is not None:
            self.curriculum.load_state_dict(state["climb"])
        checkpoints.keep_policy_of_before(self.folder)
        if (self.folder / POLICY).is_file():  # of a killed run it may be from after last.pt: it counts, measured alike
            best = checkpoints.read_policy(self.folder)
            self.best_score, self.best_step = best["score"], best["env_step"]


def _tensors(state: Any, name: str = "") -> Iterator[tuple[str, torch.Tensor]]:
    """All floating point tensors in nested data, with their names."""
    if isinstance(state, Mapping):
        for key, value in state.items():
            yield from _tensors(value, f"{name}.{key}" if name else str(key))
    elif isinstance(state, torch.Tensor) and state.is_floating_point():
        yield name, state


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    write_whole(path, lambda temporary: temporary.write_bytes(content))


def is_reached(reached: Mapping[str, Any] | None, stop_at_score: float | None) -> dict[str, Any] | None:
    """The evaluation that ended a training, None if it wouldn't (any more) end it at that score."""
    if reached is None or stop_at_score is None or reached["score"] < stop_at_score:
        return None
    return dict(reached)


def passed(before: int, now: int, every: int) -> bool:
    """True if a multiple of ``every`` lies between two counts."""
    return now // every > before // every
