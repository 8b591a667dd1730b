"""What a run tells those who watch it: the protocol of callbacks, and the read-only views that they get."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np

from groundwork.errors import WaybillError

Tags = Mapping[str, float]


class Learner(Protocol):
    """What a view shows of a seed's agent."""

    @property
    def updates(self) -> int:
        """Gradient updates so far."""

    def policy_state_dict(self, seed: int) -> dict[str, Any]:
        """What one seed needs to act."""

    def greedy_policy(self, seed: int) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
        """Acts greedily with one seed's weights of now."""


class Watched(Protocol):
    """What a view shows of a seed's run."""

    @property
    def agent(self) -> Learner:
        """The agent of all seeds."""

    @property
    def seed(self) -> int:
        """Which of the agent's seeds it is, from 0."""

    @property
    def env_step(self) -> int:
        """Environment steps so far."""

    @property
    def best_score(self) -> float | None:
        """The best mean score on the validation games so far."""

    @property
    def best_step(self) -> int:
        """The environment step of the best score."""

    @property
    def seconds(self) -> float:
        """Seconds of training so far."""


class RunView:
    """What a callback sees of one seed's run, always as it is now. Nothing in it can be changed.

    ``folder`` is where the seed's files lie, ``config`` what ``config.yaml`` holds, ``choices`` the name chosen in each
    group, ``steps`` the environment steps that the run shall take.
    """

    def __init__(
        self, watched: Watched, *, folder: Path, config: Mapping[str, Any], choices: Mapping[str, str]
    ) -> None:
        self._watched = watched
        self.folder = folder
        self.config: Mapping[str, Any] = _frozen(config)
        self.choices: Mapping[str, str] = MappingProxyType(dict(choices))

    @property
    def seed(self) -> int:
        """The run's seed."""
        return int(self.config["seed"])

    @property
    def steps(self) -> int:
        """Environment steps that the run shall take."""
        return int(self.config["steps"])

    @property
    def env_step(self) -> int:
        """Environment steps so far."""
        return self._watched.env_step

    @property
    def updates(self) -> int:
        """Gradient updates so far."""
        return self._watched.agent.updates

    @property
    def seconds(self) -> float:
        """Seconds of training so far, those before a resumption included."""
        return self._watched.seconds

    @property
    def best_score(self) -> float | None:
        """The best mean score on the validation games so far, None before there is one."""
        return self._watched.best_score

    @property
    def best_step(self) -> int:
        """The environment step of the best score."""
        return self._watched.best_step

    def weights(self) -> dict[str, np.ndarray]:
        """Copies of the network's parameters by name, on the CPU and not writable; empty if it has none by names."""
        found = dict(_arrays(self._watched.agent.policy_state_dict(self._watched.seed)))
        for array in found.values():
            array.flags.writeable = False
        return found

    def greedy(self, obs: np.ndarray, action_mask: np.ndarray) -> np.ndarray:
        """The best legal action [N] for observations [N, D] with masks [N, A] by the weights of now."""
        return np.array(self._watched.agent.greedy_policy(self._watched.seed)(obs, action_mask))


@dataclass(frozen=True)
class Evaluation:
    """One evaluation on the validation games.

    ``score`` is their mean, ``scores`` [E] float64, not writable, one a game; ``is_best`` says that the policy was kept
    as the best policy, ``tags`` are all that the curves get of it.
    """

    score: float
    scores: np.ndarray
    is_best: bool
    tags: Tags


class Callback:
    """Something that watches a run: subclass it as a dataclass, its fields are the keys of its config file.

    Each seed has an instance of its own. ``step`` and ``evaluation`` may return further scalars (tag → number): they
    join the TensorBoard curves, and ``scalars`` of all callbacks. What a callback raises ends the run, after saving it.
    """

    def begin(self, run: RunView) -> None:
        """Training begins, or goes on from a checkpoint: ``run.env_step`` says from where."""

    def step(self, run: RunView) -> Tags | None:
        """A batch step was made: ``num_envs`` environment steps."""

    def evaluation(self, run: RunView, evaluation: Evaluation) -> Tags | None:
        """The policy of now was measured on the validation games."""

    def scalars(self, run: RunView, tags: Tags) -> None:
        """The curves got a point at ``run.env_step`` for each tag."""

    def checkpoint(self, run: RunView, path: Path) -> None:
        """A checkpoint was written whole: ``policy.safetensors`` or ``last.pt``, which may be of some steps before."""

    def end(self, run: RunView, result: Mapping[str, Any] | None) -> None:
        """The run ended: with what ``result.json`` holds, or None if it was stopped, failed or is a search's trial."""


class NoLearner:
    """What a view shows of a run that doesn't learn: it stays at step 0."""

    def __init__(self) -> None:
        self.agent: Learner = self
        self.seed = self.env_step = self.best_step = self.updates = 0
        self.best_score: float | None = None
        self.seconds = 0.0

    def policy_state_dict(self, seed: int) -> dict[str, Any]:
        """No weights."""
        return {}

    def greedy_policy(self, seed: int) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
        """There is none.

        Raises:
            WaybillError: in one line.
        """
        raise WaybillError("a run whose agent does not learn has no weights to act by")


def _frozen(value: Any) -> Any:
    """Nested data that cannot be changed: mappings are read-only, lists tuples."""
    if isinstance(value, Mapping):
        return MappingProxyType({str(key): _frozen(own) for key, own in value.items()})
    return tuple(_frozen(own) for own in value) if isinstance(value, list | tuple) else value


def _arrays(state: Any, name: str = "") -> Any:
    """All tensors in nested data as arrays of their own, with their names."""
    if isinstance(state, Mapping):
        for key, value in state.items():
            yield from _arrays(value, f"{name}.{key}" if name else str(key))
    elif hasattr(state, "detach"):
        yield name, np.array(state.detach().cpu().float().numpy())
