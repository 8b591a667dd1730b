"""The training loop: act → step → observe → learn. Stable-Baselines3 brings its own and reports to the same session."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from agents.acting.rollouts import Branches
from agents.learning.finite import refuse_not_finite
from agents.settings import QSettings, Task
from experiments.common.compiling import announce_compilation
from experiments.common.files import refuse_misfit
from experiments.common.machine import device_of, threads_of
from experiments.common.stopping import StopRequest
from experiments.config.agents import brings_own_loop
from experiments.config.reading import Setup
from experiments.diagnostics.painter import Painter
from experiments.runs import seeds, transfer
from experiments.runs.checkpoints import LAST
from experiments.runs.domain import Curriculum, Evaluator, GameBatch, SelfPlay, n_actions_of, network_layout
from experiments.runs.seed_run import Clock, SeedRun
from experiments.runs.session import Session
from groundwork.errors import NotFiniteError

_COPIES = 6  # of a network's weights in training: online and target, gradients, two moments, what is being saved


class BatchLoop:
    """Our own agents on a batch of games.

    A resumed loop goes on bit for bit as if it had never stopped, where the games can be saved; otherwise in new games.
    """

    def __init__(self, *, setup: Setup, validation: Evaluator) -> None:
        self.config = setup.config
        self._setups = setups = seeds.split(setup)
        seeds.check_room(setups)
        games: list[GameBatch] = [one.domain.training_games(one) for one in setups]
        self.games, self.env_step = games, 0
        self.env = seeds.SeedGames(games)
        layout, n_actions = network_layout(self.env), n_actions_of(self.env)
        self.make_network = partial(setup.network.build, layout=layout, n_actions=n_actions)
        if isinstance(setup.agent, QSettings):
            setup.agent.check_room(self.make_network, networks=_COPIES * len(setups))
        task = Task(
            make_network=self.make_network,
            num_envs=self.config.num_envs,
            obs_size=layout.size,
            n_actions=n_actions,
            total_steps=self.config.scheduled,
            gamma=setup.gamma,
            device=device_of(self.config),
            seeds=[one.config.seed for one in setups],
            store_masks=not self.env.mask_is_constant,
            obs_dtype="float16" if layout.entities else "float32",  # a level's numbers are scaled, others may be any
            threads=threads_of(self.config),
            teacher=setup.transfer.teaching(),
            branches=self._branches() if getattr(setup.agent, "tries_actions", False) else None,
        )
        self.agent = transfer.agent_settings(setup).build(task)
        self.windows = [setup.domain.window(own) for own in games]
        self._selfplay = [(k, own) for k, own in enumerate(games) if isinstance(own, SelfPlay)]
        self.obs, infos = self.env.reset(seed=self.config.seed)  # [N, D]
        self.mask, self.groups, self.advice = self._legal(infos)  # [N, A]; [N, A] or [A]; [N]

    def _branches(self) -> list[Branches]:
        """Copies of each seed's games."""
        return [one.domain.branches(one, own) for one, own in zip(self._setups, self.games, strict=True)]

    def _legal(self, infos: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
        return infos["action_mask"], infos.get("action_group", self.env.action_groups), infos.get("advice")

    def run(self, session: Session) -> None:
        """Train until the config's last step, or until asked to stop."""
        self.env_step = session.env_step
        while self.env_step < self.config.steps:
            self.env_step += self._step(self.env_step)
            if not session.after_step(self.env_step):
                break

    def _step(self, env_step: int) -> int:
        """One batch step; returns the steps of one seed (that of a game that only resets counts, too)."""
        agent, obs_tm1, mask_tm1 = self.agent, self.obs, self.mask
        for k, own in self._selfplay:
            own.take_snapshot(env_step, partial(agent.policy_state_dict, k))
        a_tm1 = agent.act(obs_tm1, mask_tm1, self.groups, env_step=env_step, advice=self.advice)
        try:
            obs_t, r_t, terminated_t, truncated_t, infos = self.env.step(a_tm1)
            refuse_not_finite(obs_t, r_t)
        except NotFiniteError as error:
            before = {"obs_tm1": obs_tm1, "mask_tm1": mask_tm1, "a_tm1": a_tm1}
            error.evidence |= {name: np.array(x) for name, x in before.items()}
            raise
        self.obs = obs_t
        self.mask, self.groups, self.advice = self._legal(infos)
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
        ends = np.split(terminated_t | truncated_t, len(self.windows))
        for window, part, ended in zip(self.windows, infos["parts"], ends, strict=True):
            window.add(part, part.get("_finished", ended))  # not every game that is cut off has ended
        agent.learn(env_step + self.config.num_envs)
        return self.config.num_envs

    def state_dict(self) -> dict[str, Any]:
        """Games and what the agent sees of them."""
        mask = None if self.env.mask_is_constant else self.mask
        groups = None if self.env.action_groups is not None else self.groups
        seen = {"obs": self.obs, "mask": mask, "groups": groups, "advice": self.advice}
        return {"env": self.env.state_dict(), **seen, "env_step": self.env_step}

    def begins_anew(self, state: Mapping[str, Any]) -> str | None:
        """What of a saved state cannot be gone on with; None if the run goes on bit for bit."""
        left = "the games were left in the middle of a step" if state.get("cut_short") else None
        why = left if state["env"] else "games like these cannot be saved"
        return why and f"{why}: they begin anew, all else goes on"

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on with those games."""
        obs, infos = self.env.load_state_dict(state["env"])
        if self.begins_anew(state) is not None:
            self._leave_games(state["obs"], self.mask if state["mask"] is None else state["mask"], state["env_step"])
            self.obs, (self.mask, self.groups, self.advice) = obs, self._legal(infos)
            return
        self.obs = state["obs"]
        self.mask = self.mask if state["mask"] is None else state["mask"]
        self.groups = self.groups if state["groups"] is None else state["groups"]
        self.advice = state["advice"]

    def curriculum(self, setup: Setup, seed: int) -> Curriculum | None:
        """The way of the loop's ``seed``-th run, ``setup``, through several levels."""

        def shrink_perturb(draw: int, share: float) -> dict[str, float]:
            agent = self.agent
            before = agent.dormant(seed)
            if share > 0:
                seeds = [one.config.seed for one in self._setups]
                device = device_of(self.config)
                fresh = setup.agent.fresh_network(self.make_network, seeds, device, draw=draw)
                agent.shrink_perturb(fresh, share, seed)
            found = {"dormant_before": before, "dormant_after": agent.dormant(seed)}
            return {name: value for name, value in found.items() if value is not None}

        return setup.domain.curriculum(setup, self.games[seed], shrink_perturb)

    def _leave_games(self, obs: np.ndarray, mask: np.ndarray, env_step: int) -> None:
        """Tell the agent that the games it remembers were cut off at ``obs``, so that none goes on in a new one.

        As if each had ended there: its last observation comes in rows that are no transitions (see ``reset_rows``); the
        first of them ends every n-step return, the second is what such a return ends with.
        """
        rows = len(obs)
        for truncated in (True, False):
            a_tm1 = self.agent.act(obs, mask, self.env.action_groups, env_step=env_step)
            self.agent.observe(
                obs_tm1=obs,
                mask_tm1=mask,
                a_tm1=a_tm1,
                r_t=np.zeros(rows, np.float32),
                terminated_t=np.zeros(rows, np.bool_),
                truncated_t=np.full(rows, truncated),
                reset_rows=np.ones(rows, np.bool_),
            )
            self.agent.learn(env_step)


class SB3Loop:
    """Stable-Baselines3's own loop. Resumed, it keeps parameters, optimiser, memory and counters; its games are new."""

    def __init__(self, *, setup: Setup, validation: Evaluator) -> None:
        self.config = setup.config
        self.env = setup.domain.sb3_games(setup)
        self.agent = setup.agent.build(
            env=self.env,
            gamma=setup.gamma,
            device=device_of(self.config),
            seed=self.config.seed,
            total_steps=self.config.steps,
            schedule_steps=self.config.scheduled,
        )
        self.windows = [setup.domain.window(validation.env)]

    def run(self, session: Session) -> None:
        """Train until the config's last step, or until asked to stop."""

        def on_step(values: Mapping[str, Any]) -> bool:
            for i in np.flatnonzero(values["dones"]):
                self.windows[0].add_one(values["infos"][i])
            return session.after_step(int(values["num_timesteps"]))

        if session.env_step < self.config.steps:
            self.agent.learn(self.config.steps, on_step)

    def curriculum(self, setup: Setup, seed: int) -> None:
        """Stable-Baselines3's games are of one level."""

    def state_dict(self) -> dict[str, Any]:
        """Nothing: the games start anew."""
        return {}

    def begins_anew(self, state: Mapping[str, Any]) -> str:
        """See ``BatchLoop``."""
        return "Stable-Baselines3's games and random numbers begin anew; weights, optimiser, memory and counters go on"

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Nothing to go on with."""


Loop = BatchLoop | SB3Loop


def make_loop(setup: Setup, *, validation: Evaluator) -> Loop:
    """Environment and agent of a run, ready to go.

    Raises:
        WaybillError: in one line, if agent, network and environment don't fit together.
    """
    announce_compilation()
    return (SB3Loop if brings_own_loop(setup.agent) else BatchLoop)(setup=setup, validation=validation)


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

    If it comes to its end, whoever measures the result ends the session (``Session.end``).

    Raises:
        Interrupted: after saving, if asked to stop.
        Exception: of a game or of anybody's code, after saving what can be saved.
    """
    session = session_of(setup, folder, loop, validation, stop)
    if state is not None:
        with refuse_misfit(folder / LAST):
            loop.agent.load_state_dict(state["agent"])
            if (anew := loop.begins_anew(state["loop"])) is not None:
                print(f"note: {anew}; the run ends otherwise than one that was never interrupted", flush=True)
            loop.load_state_dict(state["loop"])
    is_whole = state is None
    try:
        session.begin(state)
        is_whole = True
        if not session.is_done:  # stopped by hand just when it was
            loop.run(session)
        session.finish()
    except BaseException as error:
        if isinstance(error, Exception) and is_whole:  # what can't be gone on with stays as it is
            session.save_unfinished(error)
        session.end(None)
        raise
    finally:
        session.close()
    return session


def session_of(setup: Setup, folder: Path, loop: Loop, validation: Evaluator, stop: StopRequest) -> Session:
    """The session that a loop reports to, with a part for each of the run's seeds."""
    clock, painter = Clock(), Painter()
    own = [
        SeedRun(
            seed=k,
            setup=one,
            folder=own_folder,
            agent=loop.agent,
            validation=validation,
            window=loop.windows[k],
            curriculum=loop.curriculum(one, k),
            clock=clock,
            painter=painter,
        )
        for k, (one, own_folder) in enumerate(zip(seeds.split(setup), seeds.folders(folder, setup), strict=True))
    ]
    return Session(
        config=setup.config,
        folder=folder,
        agent=loop.agent,
        seeds=own,
        clock=clock,
        painter=painter,
        loop_state=loop.state_dict,
        stop=stop,
    )
