"""A training run of S seeds from its first or resumed step to its last: the clock, checkpoints, being asked to stop."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.common.checkpoint_files import save_checkpoint
from experiments.common.progress import ProgressReport
from experiments.common.stopping import INTERRUPTED, Interrupted, StopRequest
from experiments.config.errors import first_line
from experiments.config.schema import Config
from experiments.diagnostics.diagnostics import CountsActions, exploration_scalars
from experiments.diagnostics.painter import Painter
from experiments.runs import checkpoints
from experiments.runs.checkpoints import LAST
from experiments.runs.commands import resume_command
from experiments.runs.seed_run import Clock, SeedRun, TrainableAgent, passed
from groundwork.errors import NotFiniteError

EVIDENCE = "not_finite.pt"


class Session:
    """What a loop reports to after each step: it does what is due for every seed. A seed that is done waits.

    Args:
        config: the run's.
        folder: where last.pt is written, of all seeds.
        agent: of all seeds.
        seeds: what is kept of each seed.
        clock: the same that the seeds have.
        loop_state: what the loop itself has to remember (environment, observations) as arrays and plain data.
        stop: set by Ctrl-C and SIGTERM.
        painter: draws the seeds' pictures.
    """

    def __init__(
        self,
        *,
        config: Config,
        folder: Path,
        agent: TrainableAgent,
        seeds: Sequence[SeedRun],
        clock: Clock,
        loop_state: Callable[[], dict[str, Any]],
        stop: StopRequest,
        painter: Painter,
    ) -> None:
        self.config, self.folder, self.agent, self.stop = config, folder, agent, stop
        self.seeds, self.clock, self._loop_state = list(seeds), clock, loop_state
        self._start_step, self._start_seconds, self._painter = 0, 0.0, painter
        self._writer = checkpoints.CheckpointWriter(folder / LAST)
        self._progress = ProgressReport(title="training", total=config.steps, enabled=config.progress)

    @property
    def env_step(self) -> int:
        """Environment steps of each seed so far."""
        return max(own.env_step for own in self.seeds)

    @property
    def is_done(self) -> bool:
        """True if every seed has reached the score to stop at."""
        return all(own.reached is not None for own in self.seeds)

    def begin(self, state: Mapping[str, Any] | None) -> None:
        """Start the clock and the curves, from a checkpoint if there is one."""
        if state is not None:
            self.clock.resume(state["seconds"])
            self._writer.resume(state)
        for k, own in enumerate(self.seeds):
            own.begin(None if state is None else state["seeds"][k])
        if state is None:
            self.save()  # from now on it can be gone on with
        self.clock.start()
        self._start_step, self._start_seconds = self.env_step, self.clock.seconds

    def after_step(self, env_step: int) -> bool:
        """What is due after a step of the loop; False when it must stop."""
        before = self.env_step
        tags = self._tags(env_step) if passed(before, env_step, self.config.log_every) else None
        if tags is not None:
            self._painter.deliver()
        for k, own in enumerate(self.seeds):
            if own.reached is None:
                own.after_step(env_step, None if tags is None else tags[k])
        if passed(before, env_step, self.config.checkpoint_every) and env_step < self.config.steps:
            self._begin_writing(cut_short=False)
        elif self._writer.is_written:
            self._finish_writing()
        if self._progress.due:
            self._progress.update(min(env_step, self.config.steps), self._text())
        return not self.is_done and self.stop.signal is None

    def finish(self) -> None:
        """Evaluate and save the end, or save and raise ``Interrupted``, with how to go on, when asked to stop."""
        for own in self.seeds:
            own.complete()
        self.save()
        self.clock.stop()
        if self.stop.signal is None:
            self._painter.finish()
        self._sync_curves()
        self.close()
        if self.stop.signal is not None:
            code = 128 + self.stop.signal if self.stop.signal != signal.SIGINT else INTERRUPTED
            line = f"stopped after {self.env_step:,} steps; go on with: {resume_command(self.folder)}"
            raise Interrupted(line, exit_code=code)

    def close(self) -> None:
        """Take the progress bar down and close the curves."""
        with contextlib.suppress(Exception):  # what went wrong was said, or is on its way
            self._writer.finish()
        self._painter.close()
        self._progress.close()
        for own in self.seeds:
            with contextlib.suppress(OSError):  # that it can't be written was said when it was to be on the disk
                own.close()

    def end(self, results: Sequence[Mapping[str, Any]] | None) -> None:
        """Tell the callbacks that the run ended, with each seed's result, or without."""
        for k, own in enumerate(self.seeds):
            own.calls.end(None if results is None else results[k])

    def save(self, *, cut_short: bool = False) -> None:
        """Write last.pt; ``cut_short`` says that the games were left in the middle of a step.

        Raises:
            WaybillError: if the weights are not finite; last.pt stays as it was.
        """
        self._begin_writing(cut_short=cut_short)
        self._finish_writing()

    def _begin_writing(self, *, cut_short: bool) -> None:
        """Begin to write last.pt; the points up to it are on the disk before it is in place."""
        self._finish_writing()
        self._writer.begin(self._state(cut_short=cut_short), first=self._sync_curves)

    def _sync_curves(self) -> None:
        for own in self.seeds:
            own.sync_curves()

    def _state(self, *, cut_short: bool) -> dict[str, Any]:
        """What last.pt holds, all tensors as copies.

        Raises:
            WaybillError: if the weights are not finite.
        """
        for own in self.seeds:
            own.check_weights()
        saved = self._writer.saved
        agent = self.agent.state_dict(saved=saved) if saved else self.agent.state_dict()
        return {
            "env_step": self.env_step,
            "seconds": self.clock.seconds,
            "seeds": [own.state_dict() for own in self.seeds],
            "agent": agent,
            "loop": {**self._loop_state(), "cut_short": cut_short},
        }

    def _finish_writing(self) -> None:
        """Wait for a checkpoint that is being written, and tell the callbacks of it."""
        if not self._writer.is_begun:
            return
        self._writer.finish()
        for own in self.seeds:
            own.calls.checkpoint(self.folder / LAST)

    def save_unfinished(self, error: Exception) -> None:
        """Save what can be saved when an error ends the run, and say so on stderr.

        What has diverged is nothing to go on with: it is kept as evidence, and last.pt stays.
        """
        self._progress.close()
        with contextlib.suppress(Exception):  # what went wrong with an earlier file must not keep this one from its try
            self._writer.finish()
        kept = f"{self.folder / LAST} is from before" if (self.folder / LAST).is_file() else "nothing to go on with"
        if isinstance(error, NotFiniteError):
            self._keep_evidence(error)
            if error.diverged:
                print(f"not saved: the weights of step {self.env_step:,}; {kept}", file=sys.stderr, flush=True)
                return
        try:
            self.save(cut_short=True)
        except Exception as other:
            print(f"not saved: {first_line(other)}; {kept}", file=sys.stderr, flush=True)
            return
        how = f"once it is mended, go on with: {resume_command(self.folder)}"
        print(f"saved after {self.env_step:,} steps; {how}", file=sys.stderr, flush=True)

    def _keep_evidence(self, error: NotFiniteError) -> None:
        """Write down what was not finite, and what it came from."""
        path = self.folder / EVIDENCE
        try:
            save_checkpoint(path, {"env_step": self.env_step, "error": str(error), **error.evidence})
        except OSError as other:
            print(f"the evidence is not saved: {first_line(other)}", file=sys.stderr, flush=True)
            return
        print(f"evidence: {path} holds {', '.join(error.evidence)}", file=sys.stderr, flush=True)

    def _tags(self, env_step: int) -> list[dict[str, float]]:
        """What the curves show of each seed's agent."""
        shared = {
            "rollout/exploration_rate": self.agent.epsilon(env_step),
            "time/fps": self._steps_per_second(env_step),
            "train/n_updates": self.agent.updates,
        }
        tags = [shared | {f"train/{name}": x for name, x in means.items()} for means in self.agent.means()]
        if isinstance(self.agent, CountsActions) and "exploration" in self.config.diagnostics.parts:
            names = self.seeds[0].setup.domain.action_groups
            for row, counts in zip(tags, self.agent.tally.take(), strict=True):
                row |= exploration_scalars(counts, names)
        for own in self.seeds:
            own.check_weights(env_step)
        return tags

    def _steps_per_second(self, env_step: int) -> float:
        return (env_step - self._start_step) / max(1e-9, self.clock.seconds - self._start_seconds)

    def _text(self) -> str:
        tags = self.seeds[0].window.tags()
        if not tags:
            return ""
        score = f"  score {tags['game/score']:.0f}" if "game/score" in tags else ""
        means = f"return {tags['rollout/ep_rew_mean']:.2f}{score}"
        return f"{means}  {self._steps_per_second(self.env_step):,.0f} steps/s"
