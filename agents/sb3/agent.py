"""A Stable-Baselines3 model behind the same calls as our own agents; its states are tensors and plain data."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection
from typing import Any, TypeAlias

import numpy as np
import torch
from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from stable_baselines3 import DQN
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.dqn.policies import DQNPolicy
from torch import Tensor

from agents.networks.weights import load_weights
from groundwork.errors import WaybillError

Score: TypeAlias = Callable[[Any, Tensor, Tensor], Tensor]  # policy, obs [N, D], mask [N, A] -> [N, A]


def dqn_scores(policy: DQNPolicy, obs: Tensor, mask: Tensor) -> Tensor:
    """Q-values [N, A] of obs [N, D] as SB3's DQN sees them: it knows no masks, so neither does this."""
    return policy.q_net(obs)


def ppo_scores(policy: MaskableActorCriticPolicy, obs: Tensor, mask: Tensor) -> Tensor:
    """Log-probabilities [N, A] of the legal actions, -inf for the others; obs [N, D], mask [N, A] bool."""
    distribution: Any = policy.get_distribution(obs, action_masks=mask.cpu().numpy()).distribution
    return torch.where(mask, distribution.logits, -torch.inf)


class SB3Policy:
    """Acts with an SB3 policy: the action with the largest score."""

    def __init__(self, *, policy: BasePolicy, score: Score, device: torch.device) -> None:
        self.policy, self.score, self.device = policy, score, device
        self.value_name = "log-probabilities" if score is ppo_scores else "Q-values"

    @torch.inference_mode()
    def q_values(self, obs: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
        """float32 [N, A] from obs [N, D] and mask [N, A].

        Q-values of all actions for DQN, which ignores the mask; log-probabilities of the legal ones for MaskablePPO.
        """
        return self._scores(obs, mask).float().cpu().numpy()

    @torch.inference_mode()
    def greedy(self, obs: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
        """The best action of each row, int64 [N]. SB3's DQN ignores the mask here as it does in training."""
        return self._scores(obs, mask).argmax(1).cpu().numpy()

    __call__ = greedy

    def policy_state_dict(self) -> dict[str, Any]:
        """Copies of the policy's weights."""
        return {"network": {name: value.clone() for name, value in self.policy.state_dict().items()}}

    def load_policy(self, state: dict[str, Any]) -> None:
        """Act with the weights of ``policy_state_dict``, or of a whole agent's ``state_dict``.

        Raises:
            WaybillError: in one line, if they belong to a network of another shape.
        """
        load_weights(self.policy, state["network"])

    def _scores(self, obs: np.ndarray, mask: np.ndarray | None) -> Tensor:
        actions: Any = self.policy.action_space
        legal = np.ones((len(obs), int(actions.n)), np.bool_) if mask is None else np.asarray(mask, np.bool_)
        batch = torch.from_numpy(np.ascontiguousarray(obs, np.float32)).to(self.device)
        return self.score(self.policy, batch, torch.from_numpy(legal).to(self.device))


class _TrainingValues(Logger):
    """SB3's logger without any output that adds up what training reports."""

    def __init__(self) -> None:
        super().__init__(folder=None, output_formats=[])
        self.values: dict[str, list[float]] = {}

    def record(self, key: str, value: Any, exclude: Any = None) -> None:
        """See ``Logger.record``."""
        super().record(key, value, exclude)
        group, _, name = key.partition("/")
        if group == "train" and name != "n_updates" and value is not None:
            self.values.setdefault(name, []).append(float(value))


class _StepCallback(BaseCallback):
    """Tells a plain function about each step; SB3 stops when it returns False."""

    def __init__(self, on_step: Callable[[dict[str, Any]], bool]) -> None:
        super().__init__()
        self.on_step_taken = on_step

    def _on_step(self) -> bool:
        return self.on_step_taken(
            {
                "num_timesteps": self.num_timesteps,
                "infos": self.locals["infos"],
                "dones": self.locals["dones"],
                "rewards": self.locals["rewards"],
                "exploration_rate": getattr(self.model, "exploration_rate", 0.0),
            }
        )


class SB3Agent:
    """An SB3 model that trains on its own environment."""

    _COUNTERS = ("num_timesteps", "_episode_num", "_n_updates", "_n_calls", "exploration_rate")
    _COLUMNS = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")

    def __init__(self, *, model: DQN | MaskablePPO, score: Score, total_steps: int) -> None:
        self.model, self.total_steps = model, total_steps
        self.policy = SB3Policy(policy=model.policy, score=score, device=model.device)
        self._log = _TrainingValues()
        model.set_logger(self._log)

    @property
    def updates(self) -> int:
        """Gradient updates so far."""
        if isinstance(self.model, MaskablePPO):  # it counts passes over the rollout
            rollout, batch_size = self.model.n_steps * self.model.n_envs, self.model.batch_size or 1
            return self.model._n_updates * -(-rollout // batch_size)
        return self.model._n_updates

    def learn(self, total_steps: int, on_step: Callable[[dict[str, Any]], bool]) -> None:
        """Train until ``total_steps`` environment steps in all, or until ``on_step`` returns False.

        ``on_step`` gets num_timesteps, infos (a list of N dicts), dones [N], rewards [N] and the exploration rate of
        each batch step. Call it again, also after ``load_state_dict``, to go on where it stopped. MaskablePPO always
        finishes a rollout, also beyond ``total_steps``, and drops an unfinished one when stopped.
        """
        remaining = total_steps - self.model.num_timesteps
        if remaining > 0:  # SB3 wants the steps to add, and counts on if it isn't told to begin anew
            self.model.learn(remaining, callback=_StepCallback(on_step), reset_num_timesteps=False)

    def means(self) -> list[dict[str, float]]:
        """For its one seed, means of what training logged since the last call (loss, learning_rate, ...) or nothing."""
        means = {name: float(np.mean(values)) for name, values in self._log.values.items()}
        self._log.values.clear()
        return [means]

    def epsilon(self, env_step: int) -> float:
        """Chance to explore at that step; 0 for MaskablePPO, which samples from its policy instead."""
        if isinstance(self.model, MaskablePPO):
            return 0.0
        return float(self.model.exploration_schedule(1.0 - env_step / self.total_steps))

    def q_values(self, obs: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
        """float32 [N, A], see ``SB3Policy.q_values``."""
        return self.policy.q_values(obs, mask)

    def greedy(self, obs: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
        """int64 [N], see ``SB3Policy.greedy``."""
        return self.policy.greedy(obs, mask)

    def greedy_policy(self, seed: int) -> SB3Policy:
        """Acts greedily with the weights of now, see ``SB3Policy.greedy``; there is one seed."""
        return self.policy

    def policy_state_dict(self, seed: int = 0) -> dict[str, Any]:
        """Just what is needed to act, for ``SB3Policy.load_policy``; there is one seed."""
        return self.policy.policy_state_dict()

    def load_policy(self, state: dict[str, Any]) -> None:
        """Act with those weights, see ``SB3Policy.load_policy``."""
        self.policy.load_policy(state)

    def state_dict(self, *, include_memory: bool = True, saved: Collection[str] = ()) -> dict[str, Any]:
        """Weights, optimiser, counters and the memory's filled part, as tensors and plain data; no generators.

        Nothing of it counts as ``saved``.
        """
        state = self.policy_state_dict() | {
            "optimizer": copy.deepcopy(self.model.policy.optimizer.state_dict()),
            "counters": {name: getattr(self.model, name) for name in self._COUNTERS if hasattr(self.model, name)},
        }
        buffer: Any = getattr(self.model, "replay_buffer", None)
        if include_memory and buffer is not None:
            filled = {name: getattr(buffer, name)[: buffer.size()] for name in self._COLUMNS}
            columns = {name: torch.from_numpy(column).clone() for name, column in filled.items()}
            state["memory"] = {"columns": columns, "pos": buffer.pos, "full": buffer.full}
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from that state, in new games and with new random numbers.

        Raises:
            WaybillError: in one line, if it belongs to a network or memory of another size.
        """
        self.load_policy(state)
        model: Any = self.model
        model.policy.optimizer.load_state_dict(state["optimizer"])
        for name, value in state["counters"].items():
            setattr(model, name, value)
        model.set_env(model.get_env(), force_reset=True)
        if "memory" not in state:
            return
        buffer = model.replay_buffer
        for name, stored in state["memory"]["columns"].items():
            column = getattr(buffer, name)
            fits = len(stored) == len(column) if state["memory"]["full"] else len(stored) < len(column)
            if not fits or stored.shape[1:] != column.shape[1:]:
                theirs = tuple(stored.shape)
                raise WaybillError(f"the saved memory does not fit: {name} is {theirs} there and {column.shape} here")
            column[: len(stored)] = stored.numpy()
        buffer.pos, buffer.full = state["memory"]["pos"], state["memory"]["full"]
