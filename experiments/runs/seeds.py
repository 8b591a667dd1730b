"""Several seeds trained in one process: each has its own run folder below the group's, and shares only the passes.

Every seed's games, agent and curves are those of its own single run. The loop's rows are seed 0's games, then seed 1's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from experiments.config.reading import Setup
from experiments.runs import checkpoints
from experiments.runs.checkpoints import LAST
from experiments.runs.domain import ActGreedily, GameBatch
from experiments.runs.session import Session, passed


def split(setup: Setup) -> list[Setup]:
    """The single runs that a setup with ``seeds=S`` stands for."""
    config, plain = setup.config, setup.plain
    seeds = range(config.seed, config.seed + config.seeds)
    return [
        replace(setup, config=replace(config, seed=seed, seeds=1), plain={**plain, "seed": seed, "seeds": 1})
        for seed in seeds
    ]


def folder_of(group: Path, setup: Setup) -> Path:
    """Where a seed of a group is kept."""
    return group / f"seed{setup.config.seed}"


class JointGames:
    """The games of several seeds as one batch; ``infos["parts"]`` holds each seed's own infos."""

    def __init__(self, parts: Sequence[GameBatch]) -> None:
        self.parts, first = list(parts), parts[0]
        self.num_envs = sum(part.num_envs for part in parts)
        self.layout, self.single_action_space = first.layout, first.single_action_space
        self.mask_is_constant, self.action_groups = first.mask_is_constant, first.action_groups

    def reset(self, *, seed: int) -> tuple[np.ndarray, dict[str, Any]]:
        """New games: the k-th seed's as a run of seed + k begins them."""
        begun = [part.reset(seed=seed + k) for k, part in enumerate(self.parts)]
        return np.concatenate([obs for obs, _ in begun]), _joined([infos for _, infos in begun])

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """One step of all games."""
        own = np.split(actions, len(self.parts))
        *columns, infos = zip(*(part.step(a) for part, a in zip(self.parts, own, strict=True)), strict=True)
        obs, r, terminated, truncated = (np.concatenate(column) for column in columns)
        return obs, r, terminated, truncated, _joined(infos)

    def state_dict(self) -> dict[str, Any]:
        """What the games need to go on; empty if they cannot."""
        states = [part.state_dict() for part in self.parts]
        return {"parts": states} if all(states) else {}

    def load_state_dict(self, saved: dict[str, Any]) -> tuple[np.ndarray, dict[str, Any]]:
        """Go on with those games, or begin new ones."""
        states = saved["parts"] if saved else [{} for _ in self.parts]
        begun = [part.load_state_dict(state) for part, state in zip(self.parts, states, strict=True)]
        return np.concatenate([obs for obs, _ in begun]), _joined([infos for _, infos in begun])


def _joined(infos: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    shared = {name for name in ("action_mask", "reset", "action_group", "advice") if name in infos[0]}
    return {name: np.concatenate([part[name] for part in infos]) for name in shared} | {"parts": list(infos)}


class SeedOfAgent:
    """One seed of an agent, as a session sees it."""

    def __init__(self, agent: Any, seed: int) -> None:
        self._agent, self._seed = agent, seed

    @property
    def updates(self) -> int:
        """Gradient updates so far."""
        return self._agent.updates

    @property
    def greedy(self) -> ActGreedily:
        """Acts with the weights of now; made once for a whole evaluation."""
        return self._agent.policy.single(self._seed).greedy

    def metrics(self) -> dict[str, float]:
        """Means since the last call."""
        return self._agent.metrics(self._seed)

    def epsilon(self, env_step: int) -> float:
        """Chance to explore."""
        return self._agent.epsilon(env_step)

    def policy_state_dict(self) -> dict[str, Any]:
        """What is needed to act."""
        return self._agent.policy_state_dict(self._seed)

    def state_dict(self, *, include_memory: bool = True) -> dict[str, Any]:
        """Nothing: the group saves all seeds at once."""
        return {}


class JointSession:
    """The sessions of all seeds, seen by the loop as one. It saves the group's last.pt; a seed that is done waits."""

    def __init__(
        self, *, folder: Path, agent: Any, sessions: Sequence[Session], loop_state: Callable[[], dict[str, Any]]
    ) -> None:
        self.folder, self.agent, self.sessions, self._loop_state = folder, agent, list(sessions), loop_state
        self.config = sessions[0].setup.config

    @property
    def env_step(self) -> int:
        """Environment steps of each seed so far."""
        return max(session.env_step for session in self.sessions)

    @property
    def seconds(self) -> float:
        """Seconds in the training loop so far."""
        return self.sessions[0].seconds

    @property
    def reached(self) -> bool | None:
        """Whether all seeds reached the score to stop at; None if not."""
        return all(session.reached is not None for session in self.sessions) or None

    def begin(self, state: Mapping[str, Any] | None) -> None:
        """Start all clocks and curves."""
        for k, session in enumerate(self.sessions):
            session.begin(None if state is None else state["sessions"][k])

    def after_step(self, env_step: int) -> bool:
        """What is due for each seed; False when all must stop."""
        before = self.env_step
        going = [session.after_step(env_step) for session in self.sessions if session.reached is None]
        if passed(before, env_step, self.config.checkpoint_every) and env_step < self.config.steps:
            self.save()
        return any(going)

    def finish(self) -> None:
        """Evaluate the end of each seed, save, and raise ``Interrupted`` when asked to stop before it."""
        for session in self.sessions:
            session.complete()
        self.save()
        self.close()
        self.sessions[0].raise_if_stopped(self.folder)

    def close(self) -> None:
        """Close all curves."""
        for session in self.sessions:
            session.close()

    def save(self) -> None:
        """Write the group's last.pt."""
        sessions = [session.state_dict() for session in self.sessions]
        state = {"env_step": self.env_step, "sessions": sessions, "agent": self.agent.state_dict(include_memory=True)}
        checkpoints.save(self.folder / LAST, state | {"loop": self._loop_state()})
