"""A trained policy, read from a run folder, for acting only."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from experiments import checkpoints
from experiments.config import Setup, brings_own_loop
from experiments.domain import ActGreedily, layout_of, n_actions_of
from experiments.seeds import folder_of
from experiments.session import BEST


class Policy(NamedTuple):
    """How to act, and where that was learnt."""

    greedy: ActGreedily  # obs [N, D], mask [N, A] → int64 [N]
    q_values: Callable[[np.ndarray, np.ndarray], np.ndarray]  # → float32 [N, A], -inf where illegal
    checkpoint: str
    env_step: int
    validation_score: float


def load_policy(setup: Setup, folder: Path, *, env: Any, device: torch.device) -> Policy:
    """The best policy of a run, for observations as ``env`` gives them.

    Raises:
        ValueError: in one line, if the checkpoint is missing or damaged, or doesn't fit the environment.
    """
    if setup.config.seeds > 1:
        one = str(folder_of(folder, setup))
        raise ValueError(f"{str(folder)!r} holds {setup.config.seeds} seeds: name one, {one!r}")
    saved = checkpoints.load(folder / BEST)
    try:
        actor = make_actor(setup, env=env, device=device)
        actor.load_policy(saved["policy"])
    except ValueError as error:
        raise ValueError(f"the policy of {str(folder)!r} does not fit {setup.domain.name_of(env)}: {error}") from None
    except KeyError as error:
        raise ValueError(f"checkpoint {str(folder / BEST)!r} lacks {error}") from None
    return Policy(actor.greedy, actor.q_values, BEST, saved["env_step"], saved["score"])


def make_actor(setup: Setup, *, env: Any, device: torch.device) -> Any:
    """An untrained actor of the run's kind, with ``greedy``, ``q_values`` and ``load_policy``."""
    layout, n_actions = layout_of(env), n_actions_of(env)
    if brings_own_loop(setup.agent):
        return setup.agent.build_policy(obs_size=layout.size, n_actions=n_actions, device=device)
    return setup.agent.build_policy(
        make_network=partial(setup.network.build, layout=layout, n_actions=n_actions),
        n_actions=n_actions,
        device=device,
    )
