"""Rivals that are policies: games of which only the learner's rows show.

Rules play inside the engine, see ``players/scripted.py``. Policies play seats from outside: those of run folders, and
for ``self`` snapshots of the learner. In evaluations a rule stands in for ``self``, so that scores can be compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from envs.waybill.core.levels import RIVALS as RULES
from envs.waybill.vector_env import WaybillVectorEnv
from experiments.common.machine import device_of
from experiments.config import reading
from experiments.config.agents import brings_own_loop
from experiments.config.reading import Setup
from experiments.config.rivals import SELF, STAND_IN
from experiments.config.schema import WaybillConfig
from experiments.games.waybill.config import waybill_config
from experiments.games.waybill.rival_games import LevelGames, RivalGames
from experiments.games.waybill.selfplay.snapshots import SnapshotPool
from experiments.runs.domain import ActGreedily
from experiments.runs.policies import load_policy, make_actor
from groundwork.errors import WaybillError
from groundwork.nearest import meant_path


def rivals_of(setup: Setup) -> list[str]:
    """Who plays seats 1, 2, … in a run's training games: ``rivals`` of its config, else those of its level."""
    config = waybill_config(setup)
    return list(config.level.rivals if config.rivals is None else config.rivals)


def evaluation_rivals(setup: Setup) -> list[str]:
    """Who plays these seats in a run's evaluations: a rule stands in for the run's own past selves."""
    return [STAND_IN if rival == SELF else rival for rival in rivals_of(setup)]


def outside_seats(rivals: Sequence[str], *, selfplay: bool) -> list[int]:
    """Seats that policies play: those of run folders, with ``selfplay`` also the learner's snapshots."""
    return [seat for seat, rival in enumerate(rivals, 1) if rival not in RULES and (selfplay or rival != SELF)]


def has_policies(rivals: Sequence[str]) -> bool:
    """True if a run folder plays one of the seats."""
    return bool(outside_seats(rivals, selfplay=False))


def refuse_policies(rivals: Sequence[str], who: str) -> None:
    """Refuse rivals that are no rules; ``who`` can't play against others.

    Raises:
        WaybillError: in one line, if there is another.
    """
    for rival in rivals:
        if rival not in RULES:
            raise WaybillError(f"rivals={rival}: {who} plays against rules only, which are {', '.join(RULES)}")


def with_policy_rivals(setup: Setup, env: WaybillVectorEnv) -> LevelGames:
    """Games in which policies play the seats that ``env`` leaves open beside the learner's.

    Raises:
        WaybillError: in one line, if one of them isn't there or doesn't fit.
    """
    rivals = rivals_of(setup)
    cast = [rivals[seat - 1] for seat in env.batch.seats[1:]]
    if not cast:
        return env
    device = device_of(setup.config)
    pool = snapshot_pool(setup, env, device) if SELF in cast else None
    league = list(waybill_config(setup).selfplay.league) if pool is not None else []
    if STAND_IN in league and env.batch.space.groups is None:
        line = f"actions={setup.names['actions']} offers no candidates that this rule could choose from"
        raise WaybillError(f"selfplay.league={STAND_IN}: {line}")
    players: dict[str, ActGreedily | None] = {name: None for name in league if name == STAND_IN}
    for key, rival in (*(("selfplay.league", name) for name in league), *(("rivals", name) for name in cast)):
        if rival not in (SELF, *players):
            players[rival] = load_rival(rival, setup, env=env, device=device, key=key)
    return RivalGames(env=env, cast=cast, players=players, pool=pool, league=league)


def load_rival(rival: str, setup: Setup, *, env: Any, device: torch.device, key: str = "rivals") -> ActGreedily:
    """How the best policy of a run folder acts on observations as this run's games give them; ``key`` names it.

    Raises:
        WaybillError: in one line, naming the run and what differs.
    """
    try:
        theirs = policy_setup(rival)
        difference = _difference(theirs, setup)
        if difference is not None:
            raise WaybillError(f"the policy of {rival!r} does not fit: {difference}")
        return load_policy(theirs, Path(rival), env=env, device=device).greedy
    except WaybillError as error:
        raise WaybillError(f"{key}: {error}") from None


def policy_setup(folder: str) -> Setup:
    """The config of a run folder that holds a policy.

    Raises:
        WaybillError: in one line, if it isn't there, or no policy for Waybill's levels.
    """
    if not Path(folder).is_dir():
        raise WaybillError(
            f"{folder!r} is neither a run folder nor one of {', '.join(RULES)}{meant_path(folder, RULES)}"
        )
    setup = reading.read_run(Path(folder))
    if setup.player is not None:
        raise WaybillError(f"{folder!r} is a run of agent={setup.names['agent']}, write {setup.player} instead")
    if not isinstance(setup.config, WaybillConfig):
        raise WaybillError(f"{folder!r} plays env={setup.names['env']}, only runs on Waybill's levels play them")
    return setup


def _difference(theirs: Setup, ours: Setup) -> str | None:
    """The first setting by which observations and actions mean something else to a policy; None if there is none."""
    pairs = [_seen(setup) for setup in (theirs, ours)]
    for key in [*pairs[0], *pairs[1]]:
        a, b = (seen.get(key, "absent") for seen in pairs)
        if a != b:
            return f"{key}={a} there and {b} here"
    return _other_pointers(theirs, ours)


def _other_pointers(theirs: Setup, ours: Setup) -> str | None:
    """How a policy misses pointers in observations, or doesn't expect them; the candidate network passes them over."""
    there, here = (getattr(setup.network, "points", False) for setup in (theirs, ours))
    if there == here or (here and theirs.names["network"] == "candidates"):
        return None
    pointing = "with" if there else "without"
    return (
        f"network={theirs.names['network']} there sees {pointing} pointers, unlike network={ours.names['network']} here"
    )


def _seen(setup: Setup) -> dict[str, Any]:
    """What a policy's observations and actions are made of, by key."""
    options = setup.plain["encoding"]["options"]
    seen: dict[str, Any] = {name: setup.names[name] for name in ("actions", "encoding")}
    actions = setup.plain["actions"]
    seen |= {} if actions["cells"] is None else {"actions.cells": actions["cells"]}
    seen |= {"actions.hints": actions["hints"] is not False, "dated": waybill_config(setup).dated}
    return seen | {f"encoding.options.{name}": value for name, value in options.items()}


def snapshot_pool(setup: Setup, env: Any, device: torch.device) -> SnapshotPool:
    """A pool without snapshots yet.

    Raises:
        WaybillError: if the agent isn't one of ours.
    """
    if brings_own_loop(setup.agent):
        raise WaybillError(f"rivals={SELF}: agent={setup.names['agent']} cannot play itself, only dqn and pqn can")
    play = waybill_config(setup).selfplay
    return SnapshotPool(
        make_actor=partial(make_actor, setup, env=env, device=device),
        every=play.snapshot_every,
        size=play.pool,
        latest_share=play.latest_share,
        seed=setup.config.seed,
        others=len(play.league),
        others_share=play.league_share,
    )
