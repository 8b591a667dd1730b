"""What every training loop shares: counting steps, curves, evaluation, checkpoints, and being asked to stop."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from experiments.common.curves import Curves, EpisodeWindow
from experiments.common.door import INTERRUPTED
from experiments.common.machine import process_seconds
from experiments.common.progress import ProgressReport, StepsFile
from experiments.common.stopping import Interrupted, StopRequest
from experiments.config.reading import Setup
from experiments.runs import checkpoints
from experiments.runs.checkpoints import BEST, LAST
from experiments.runs.domain import Curriculum, Evaluator


class Learner(Protocol):
    """What a session needs of any agent that learns."""

    @property
    def updates(self) -> int:
        """Gradient updates so far."""

    def greedy(self, obs: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Actions int64 [N]."""

    def metrics(self) -> dict[str, float]:
        """Means since the last call."""

    def epsilon(self, env_step: int) -> float:
        """Chance to explore."""

    def policy_state_dict(self) -> dict[str, Any]:
        """What is needed to act."""

    def state_dict(self, *, include_memory: bool = True) -> dict[str, Any]:
        """What is needed to go on."""


class Session:
    """One training from its first or resumed step to its last, in a run folder.

    ``loop_state`` gives what the loop itself has to remember (environment, observations) as arrays and plain data; None
    if somebody else saves it (see ``seeds.JointSession``).
    """

    def __init__(
        self,
        *,
        setup: Setup,
        folder: Path,
        agent: Learner,
        validation: Evaluator,
        window: EpisodeWindow,
        stop: StopRequest,
        loop_state: Callable[[], dict[str, Any]] | None,
        curriculum: Curriculum | None = None,
        shows_progress: bool = True,
    ) -> None:
        self.setup, self.folder, self.agent, self.window, self.stop = setup, folder, agent, window, stop
        self._validation, self._loop_state, self.curriculum = validation, loop_state, curriculum
        self.env_step = 0
        self.best_score: float | None = None
        self.best_step = 0
        self.reached: dict[str, Any] | None = None  # the evaluation that ended training, see ``stop_at_score``
        self.curve: list[list[float]] = []  # [env_step, score] of each evaluation
        self._evaluated_step = -1
        self._seconds_before, self._resumed = 0.0, False
        self._start, self._start_step = time.perf_counter(), 0
        self._curves: Curves | None = None
        shows = setup.config.progress and shows_progress
        self._progress = ProgressReport(title="training", total=setup.config.steps, enabled=shows)
        self._steps = StepsFile(folder, total=setup.config.steps)

    @property
    def seconds(self) -> float:
        """Seconds in the training loop so far, evaluations in it included."""
        return self._seconds_before + time.perf_counter() - self._start

    def begin(self, state: Mapping[str, Any] | None) -> None:
        """Start the clock and the curves, from a checkpoint if there is one; otherwise with an evaluation."""
        if state is not None:
            self._resumed = True
            self.env_step, self._evaluated_step = state["env_step"], state["evaluated_step"]
            self.best_score, self.best_step = state["best_score"], state["best_step"]
            self.curve = [list(point) for point in state.get("curve", [])]
            self.reached = is_reached(state.get("reached"), self.setup.config.stop_at_score)
            self._seconds_before = state["seconds"]
            self.window.load_state_dict(state["window"])
            if self.curriculum is not None:
                self.curriculum.load_state_dict(state["climb"])
            self._adopt_later_best()
        self._curves = Curves(folder=self.folder, from_step=self.env_step)
        if state is None:
            self._evaluate()  # what it can before it has learnt anything: where the curve begins
        self._start, self._start_step = time.perf_counter(), self.env_step

    def _adopt_later_best(self) -> None:
        """A run that was killed may have left a best.pt from after its last.pt: it counts, it was measured alike."""
        if (self.folder / BEST).is_file():
            best = checkpoints.load(self.folder / BEST)
            self.best_score, self.best_step = best["score"], best["env_step"]

    def after_step(self, env_step: int) -> bool:
        """What is due after a step of the loop; False when it must stop."""
        before, self.env_step = self.env_step, env_step
        config = self.setup.config
        if passed(before, env_step, config.log_every):
            self._log()
        if passed(before, env_step, config.evaluation.every):
            self._evaluate()
        if self.curriculum is not None and (tags := self.curriculum.after_step(env_step)):
            self._add(tags)
        if passed(before, env_step, config.checkpoint_every) and env_step < config.steps:
            self.save()
        self._steps.update(env_step)
        if self._progress.due:
            self._progress.update(min(env_step, config.steps), self._text())
        return self.reached is None and self.stop.signal is None

    def finish(self) -> None:
        """Evaluate and save the end, or save and raise ``Interrupted`` when asked to stop before it."""
        self.complete()
        self.save()
        self.close()
        self.raise_if_stopped(self.folder)

    def complete(self) -> None:
        """Evaluate the end, if it was reached and isn't measured yet."""
        ended = self.env_step >= self.setup.config.steps or self.reached is not None
        if ended and self._evaluated_step != self.env_step:
            self._evaluate()

    def raise_if_stopped(self, folder: Path) -> None:
        """Raise ``Interrupted``, with how to go on, when asked to stop."""
        if self.stop.signal is not None:
            code = 128 + self.stop.signal if self.stop.signal != signal.SIGINT else INTERRUPTED
            line = f"stopped after {self.env_step:,} steps; go on with: python train.py resume={folder}"
            raise Interrupted(line, exit_code=code)

    def close(self) -> None:
        """Take the progress bar down and close the curves."""
        self._progress.close()
        if self._curves is not None:
            self._curves.close()

    def save(self) -> None:
        """Write last.pt."""
        if self._loop_state is None:
            return
        state = self.state_dict() | {"agent": self.agent.state_dict(include_memory=True), "loop": self._loop_state()}
        checkpoints.save(self.folder / LAST, state)

    def state_dict(self) -> dict[str, Any]:
        """What ``begin`` needs to go on."""
        return {
            "env_step": self.env_step,
            "evaluated_step": self._evaluated_step,
            "best_score": self.best_score,
            "best_step": self.best_step,
            "curve": [list(point) for point in self.curve],
            "reached": self.reached,
            "seconds": self.seconds,
            "window": self.window.state_dict(),
            "climb": None if self.curriculum is None else self.curriculum.state_dict(),
        }

    def _log(self) -> None:
        tags = self.window.tags()
        tags["rollout/exploration_rate"] = self.agent.epsilon(self.env_step)
        tags["time/fps"] = self._steps_per_second()
        tags["train/n_updates"] = self.agent.updates
        tags |= {f"train/{name}": value for name, value in self.agent.metrics().items()}
        self._add(tags)

    def _add(self, tags: Mapping[str, float]) -> None:
        assert self._curves is not None
        self._curves.add(tags, self.env_step)

    def _evaluate(self) -> None:
        greedy = self.agent.greedy
        games = self._validation(greedy)
        score = float(games.score.mean())
        self._evaluated_step = self.env_step
        self.curve.append([self.env_step, score])
        tags = games.tags()
        if self.curriculum is not None:
            tags |= self.curriculum.after_evaluation(greedy, score)
        self._add(tags)
        if self.best_score is None or score >= self.best_score:  # of equals the one that has learnt longer
            self.best_score, self.best_step = score, self.env_step
            content = {"env_step": self.env_step, "score": score, "policy": self.agent.policy_state_dict()}
            checkpoints.save(self.folder / BEST, content)
        wanted = self.setup.config.stop_at_score
        if wanted is not None and score >= wanted:
            since = None if self._resumed else process_seconds()
            self.reached = {
                "score": score,
                "env_step": self.env_step,
                "seconds": self.seconds,
                "seconds_since_start": since,
            }

    def _steps_per_second(self) -> float:
        return (self.env_step - self._start_step) / max(1e-9, time.perf_counter() - self._start)

    def _text(self) -> str:
        tags = self.window.tags()
        if not tags:
            return ""
        score = f"  score {tags['game/score']:.0f}" if "game/score" in tags else ""
        means = f"return {tags['rollout/ep_rew_mean']:.2f}{score}"
        return f"{means}  {self._steps_per_second():,.0f} steps/s"


def is_reached(reached: Mapping[str, Any] | None, stop_at_score: float | None) -> dict[str, Any] | None:
    """The evaluation that ended a training, None if it wouldn't (any more) end it at that score."""
    if reached is None or stop_at_score is None or reached["score"] < stop_at_score:
        return None
    return dict(reached)


def passed(before: int, now: int, every: int) -> bool:
    """Whether a multiple of ``every`` lies between two counts."""
    return now // every > before // every
