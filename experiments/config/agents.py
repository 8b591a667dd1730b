"""What a config may ask of an agent: players and agents with loops of their own can't do all that ours can."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from experiments.config.errors import need
from experiments.config.groups import TransferSettings
from experiments.config.schema import Config, PlayerSettings, WaybillConfig
from groundwork.errors import WaybillError


def brings_own_loop(settings: Any) -> bool:
    """True for the settings of an agent that is built on an environment, trains itself and has a network of its own."""
    return "env" in inspect.signature(settings.build).parameters


def check_agent(config: Config, domain: Any, agent: Any, transfer: TransferSettings, names: Mapping[str, str]) -> None:
    """Refuse what the config asks of an agent that cannot do it.

    Raises:
        WaybillError: in one line.
    """
    name = names["agent"]
    _check_search(config, agent, names)
    if isinstance(agent, PlayerSettings) and agent.player not in domain.players:
        known = ", ".join(domain.players)
        raise WaybillError(f"agent={name}: env={names['env']} has no such player, known are {known}")
    if isinstance(agent, PlayerSettings) or brings_own_loop(agent):
        need(config.seeds == 1, "seeds", config.seeds, f"1 with agent={name}: only dqn and pqn train several")
        if transfer.source is not None:
            line = f"agent={name} takes over no weights, only dqn and pqn do"
            raise WaybillError(f"transfer.from={transfer.source}: {line}")
        _refuse_growth(config, name)


def _check_search(config: Config, agent: Any, names: Mapping[str, str]) -> None:
    """Refuse a search in the result where there can be none."""
    given = f"evaluation.search={config.evaluation.search}"
    if config.evaluation.search is None:
        return
    if isinstance(agent, PlayerSettings):
        raise WaybillError(f"{given}: agent={names['agent']} is a player, only a trained policy can search")
    if not isinstance(config, WaybillConfig):
        raise WaybillError(f"{given}: games of env={names['env']} can't be copied, Waybill's levels can")
    if brings_own_loop(agent):
        raise WaybillError(f"{given}: agent={names['agent']} is measured so by python evaluate.py RUN --search")


def _refuse_growth(config: Config, agent: str) -> None:
    """Refuse games that change in training for an agent that steps its games itself, or doesn't train."""
    if not isinstance(config, WaybillConfig):
        return
    start, line = config.actions.candidates_start, f"agent={agent} has games of its own, only dqn and pqn can"
    if config.curriculum.moves_up:
        raise WaybillError(f"curriculum={config.curriculum.name}: {line}")
    if start is not None:
        raise WaybillError(f"actions.candidates_start={start}: {line}")
