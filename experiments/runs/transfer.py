"""Beginning a run with what another has learnt: where that is, whether it fits, and taking it over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from experiments.common.machine import device_of
from experiments.config import reading
from experiments.config.agents import brings_own_loop
from experiments.config.reading import Setup
from experiments.runs import checkpoints, seeds
from experiments.runs.checkpoints import POLICY
from experiments.runs.policies import level_of, misfit, other_sizes
from groundwork.errors import WaybillError


class Source(NamedTuple):
    """A run of one seed to take from."""

    folder: Path
    setup: Setup
    weights: dict[str, Any]  # of its best policy, [1, ...] each


def agent_settings(setup: Setup) -> Any:
    """The agent's settings, with a start of exploration that suits weights that act well already."""
    start = setup.transfer.epsilon_start
    if setup.transfer.source is None or start is None:
        return setup.agent
    return replace(setup.agent, epsilon_start=start)


def sources(setup: Setup) -> list[Source]:
    """Whom each of the run's seeds takes from: seed k from seed k of a group, all from one run. Empty without transfer.

    Raises:
        WaybillError: in one line, if there is nothing there to take, or its settings don't fit.
    """
    if setup.transfer.source is None:
        return []
    folder = Path(setup.transfer.source)
    try:
        given = reading.read_run(folder)
        if given.player is not None or brings_own_loop(given.agent):
            raise WaybillError(f"{str(folder)!r} is a run of agent={given.names['agent']}, only dqn's and pqn's fit")
        difference = misfit(given, setup, head=setup.transfer.mode != "encoder" or setup.transfer.teaches)
        if difference is not None:
            raise WaybillError(f"{str(folder)!r} does not fit: {difference}")
        folders = [_folder_for(folder, given, one) for one in seeds.split(setup)]
        read = {own: _weights(own) for own in dict.fromkeys(folders)}
    except WaybillError as error:
        raise WaybillError(f"transfer.from: {error}") from None
    return [Source(own, given, read[own]) for own in folders]


def _folder_for(folder: Path, given: Setup, one: Setup) -> Path:
    """Where the source of one seed is."""
    there, seed = seeds.folders(folder, given), one.config.seed
    if len(there) == 1:
        return there[0]
    if seed - given.config.seed not in range(len(there)):
        last = given.config.seed + len(there) - 1
        raise WaybillError(f"{str(folder)!r} holds seeds {given.config.seed} to {last}, not seed {seed}")
    return there[seed - given.config.seed]


def _weights(folder: Path) -> dict[str, Any]:
    weights = checkpoints.read_policy(folder)["policy"].get("network")
    if not isinstance(weights, dict):
        raise WaybillError(f"{str(folder / POLICY)!r} holds no network")
    return weights


def take_over(setup: Setup, loop: Any, found: Sequence[Source]) -> None:
    """Let the agent of a ``BatchLoop`` begin with the sources' weights, one of each seed.

    Raises:
        WaybillError: in one line, if a tensor doesn't fit.
    """
    device, own = device_of(setup.config), [one.config.seed for one in seeds.split(setup)]
    fresh = setup.agent.fresh_network(loop.make_network, own, device)
    given = setup.transfer
    try:
        loop.agent.begin_with(
            [source.weights for source in found], mode=given.mode, fresh=fresh, shrink_perturb=given.shrink_perturb
        )
    except WaybillError as error:
        why = other_sizes(setup, level_of(found[0].setup), level_of(setup))
        raise WaybillError(f"transfer.from: {str(found[0].folder)!r} does not fit: {why}{error}") from None
