"""The training loop: act → step → observe → learn. Stable-Baselines3 brings its own and reports to the same session."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from envs.waybill.maps import VALIDATION_SEEDS
from envs.waybill.state import VERBS
from experiments import environments
from experiments.config import Setup, brings_own_loop
from experiments.evaluation import Evaluator
from experiments.logging import EpisodeWindow
from experiments.session import Session, StopRequest


class BatchLoop:
    """Our own agents on the batch engine; a resumed loop goes on bit for bit as if it had never stopped."""

    def __init__(self, *, setup: Setup, validation: Evaluator) -> None:
        self.config = setup.config
        self.env = environments.training_env(setup)
        layout, n_actions = environments.layout_of(self.env), environments.n_actions_of(self.env)
        self.agent = setup.agent.build(
            make_network=lambda: setup.network.build(layout=layout, n_actions=n_actions),
            num_envs=self.config.num_envs,
            obs_size=layout.size,
            n_actions=n_actions,
            total_steps=self.config.steps,
            gamma=setup.gamma,
            device=environments.device_of(self.config),
            seed=self.config.seed,
            store_masks=not self.env.mask_is_constant,
        )
        self.window = EpisodeWindow(verbs=VERBS, stages=self.env.stages)
        self.obs, infos = self.env.reset(seed=self.config.seed)  # [N, D]
        self.mask, self.groups = self._legal(infos)  # [N, A]; [N, A] or [A]

    def _legal(self, infos: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray | None]:
        return infos["action_mask"], infos.get("action_group", self.env.action_groups)

    def run(self, session: Session) -> None:
        """Train until the config's last step, or until asked to stop."""
        env_step = session.env_step
        while env_step < self.config.steps:
            env_step += self._step(env_step)
            if not session.after_step(env_step):
                break

    def _step(self, env_step: int) -> int:
        """One batch step; returns how many orders were played (a game that ended resets instead)."""
        agent, obs_tm1, mask_tm1 = self.agent, self.obs, self.mask
        a_tm1 = agent.act(obs_tm1, mask_tm1, self.groups, env_step=env_step)
        self.obs, r_t, terminated_t, truncated_t, infos = self.env.step(a_tm1)
        self.mask, self.groups = self._legal(infos)
        reset_rows = infos["reset"]
        agent.observe(
            obs_tm1=obs_tm1,
            mask_tm1=mask_tm1,
            a_tm1=a_tm1,
            r_t=r_t,
            terminated_t=terminated_t,
            truncated_t=truncated_t,
            reset_rows=reset_rows,
        )
        self.window.add(infos, terminated_t | truncated_t)
        played = len(r_t) - int(np.count_nonzero(reset_rows))
        agent.learn(env_step + played)
        return played

    def state_dict(self) -> dict[str, Any]:
        """Games and what the agent sees of them."""
        mask = None if self.env.mask_is_constant else self.mask
        groups = None if self.env.action_groups is not None else self.groups
        return {"env": self.env.state_dict(), "obs": self.obs, "mask": mask, "groups": groups}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on with those games."""
        self.env.load_state_dict(state["env"])
        self.obs = state["obs"]
        self.mask = self.mask if state["mask"] is None else state["mask"]
        self.groups = self.groups if state["groups"] is None else state["groups"]


class SB3Loop:
    """Stable-Baselines3's own loop. Resumed, it keeps parameters, optimiser, memory and counters; its games are new."""

    def __init__(self, *, setup: Setup, validation: Evaluator) -> None:
        self.config = setup.config
        self.env = environments.sb3_env(setup)
        self.agent = setup.agent.build(
            env=self.env,
            gamma=setup.gamma,
            device=environments.device_of(self.config),
            seed=self.config.seed,
            total_steps=self.config.steps,
        )
        self.window = EpisodeWindow(verbs=VERBS, stages=validation.env.stages)

    def run(self, session: Session) -> None:
        """Train until the config's last step, or until asked to stop."""

        def on_step(values: Mapping[str, Any]) -> bool:
            for i in np.flatnonzero(values["dones"]):
                self.window.add_one(values["infos"][i])
            return session.after_step(int(values["num_timesteps"]))

        if session.env_step < self.config.steps:
            self.agent.learn(self.config.steps, on_step)

    def state_dict(self) -> dict[str, Any]:
        """Nothing: the games start anew."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Nothing to go on with."""


Loop = BatchLoop | SB3Loop


def make_loop(setup: Setup, *, validation: Evaluator) -> Loop:
    """Environment and agent of a run, ready to go.

    Raises:
        ValueError: in one line, if agent, network and environment don't fit together.
    """
    return (SB3Loop if brings_own_loop(setup.agent) else BatchLoop)(setup=setup, validation=validation)


def validation_maps(setup: Setup) -> Evaluator:
    """The maps that choose the best policy of a run."""
    return Evaluator(setup=setup, first_map=VALIDATION_SEEDS, maps=setup.config.evaluation.maps)


def train(
    *,
    setup: Setup,
    folder: Path,
    loop: Loop,
    validation: Evaluator,
    state: Mapping[str, Any] | None,
    stop: StopRequest,
) -> Session:
    """Train in a run folder, from the start or from the ``state`` of its last.pt.

    Raises:
        Interrupted: after saving, if asked to stop.
    """
    session = Session(
        setup=setup,
        folder=folder,
        agent=loop.agent,
        validation=validation,
        window=loop.window,
        stop=stop,
        loop_state=loop.state_dict,
    )
    if state is not None:
        loop.agent.load_state_dict(state["agent"])
        loop.load_state_dict(state["loop"])
    session.begin(state)
    try:
        loop.run(session)
        session.finish()
    finally:
        session.close()
    return session
