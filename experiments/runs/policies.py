"""A trained policy, read from a run folder, for acting only."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch

from agents.settings import QSettings
from experiments.config.agents import brings_own_loop
from experiments.config.reading import Setup
from experiments.config.schema import UNUSED
from experiments.runs import checkpoints
from experiments.runs.checkpoints import POLICY
from experiments.runs.domain import Policy, n_actions_of, network_layout
from experiments.runs.own_parts import note_changes
from experiments.runs.seeds import only_folder
from groundwork.errors import WaybillError

_BESIDE = 2**24  # bytes of a policy's file that aren't weights: the plain data in it, and agents' own


def load_policy(setup: Setup, folder: Path, *, env: Any, device: torch.device) -> Policy:
    """The best policy of a run, for observations as ``env`` gives them.

    Raises:
        WaybillError: in one line, if the checkpoint is missing or damaged, or doesn't fit the environment.
    """
    actor, saved = load_actor(setup, folder, env=env, device=device)
    return Policy(actor.greedy, actor.q_values, POLICY, saved["env_step"], saved["score"], actor.value_name)


def load_actor(setup: Setup, folder: Path, *, env: Any, device: torch.device) -> tuple[Any, dict[str, Any]]:
    """What ``make_actor`` makes, with the weights of a run's best policy; and the checkpoint that holds them.

    Raises:
        WaybillError: see ``load_policy``.
    """
    own = only_folder(folder, setup)
    note_changes(own, setup)
    try:
        actor = make_actor(setup, env=env, device=device)
        saved = checkpoints.read_policy(own, most_bytes=_BESIDE + 2 * _bytes_of(actor))
        actor.load_policy(saved["policy"])
    except WaybillError as error:
        why = other_sizes(setup, level_of(setup), getattr(getattr(env, "level", None), "name", None))
        where = setup.domain.name_of(env)
        raise WaybillError(f"the policy of {str(folder)!r} does not fit {where}: {why}{error}") from None
    except KeyError as error:
        raise WaybillError(f"{str(own / POLICY)!r} lacks {error}") from None
    return actor, saved


def _bytes_of(actor: Any) -> int:
    """Bytes of the weights that an actor acts with."""
    weights = [module.state_dict() for module in vars(actor).values() if isinstance(module, torch.nn.Module)]
    return sum(one.numel() * one.element_size() for own in weights for one in own.values())


def make_actor(setup: Setup, *, env: Any, device: torch.device) -> Any:
    """An untrained actor of the run's kind, with ``greedy``, ``q_values`` and ``load_policy``."""
    layout, n_actions = network_layout(env), n_actions_of(env)
    if brings_own_loop(setup.agent):
        return setup.agent.build_policy(obs_size=layout.size, n_actions=n_actions, device=device)
    make_network = partial(setup.network.build, layout=layout, n_actions=n_actions)
    if isinstance(setup.agent, QSettings):
        setup.agent.check_room(make_network, networks=2)
    return setup.agent.build_policy(make_network=make_network, n_actions=n_actions, device=device)


def misfit(theirs: Setup, ours: Setup, *, head: bool = True) -> str | None:
    """The first setting by which one run's weights don't fit another's network, or mean something else in it.

    None if there is none; tensors may differ all the same, where sizes are those of the level. ``head=False`` leaves
    out what the values are.
    """
    pairs = _settings(theirs, head), _settings(ours, head)
    widened = isinstance(theirs.network, getattr(ours.network, "widens", ()))
    for key in [*pairs[0], *pairs[1]]:
        a, b = (settings.get(key, "absent") for settings in pairs)
        if widened and (key == "network" or key not in pairs[0]):
            continue  # what the wider network has beside
        if key == "dated" and b is True and getattr(ours.network, "adopts_columns", False):
            continue  # columns at the end of rows, of which it makes nothing at first
        if a != b:
            return f"{key}={a} there and {b} here"
    return None


def _settings(setup: Setup, head: bool) -> dict[str, Any]:
    """What a network's weights belong to, by key."""
    found: dict[str, Any] = {name: setup.names[name] for name in ("env", "network")}
    found |= {f"network.{name}": value for name, value in asdict(setup.network).items()}
    if setup.names["encoding"] != UNUSED:
        found["encoding"] = setup.names["encoding"]
        found |= {f"encoding.options.{name}": x for name, x in setup.plain["encoding"]["options"].items()}
        found["dated"] = setup.plain["dated"]
    if head:
        names = ("head", "dueling", *(() if setup.agent.head == "scalar" else ("atoms", "v_min", "v_max")))
        found |= {f"agent.{name}": getattr(setup.agent, name) for name in names}
        found["agent.noisy"] = setup.agent.has_noise
    return found


def level_of(setup: Setup) -> str | None:
    """The level that a run is trained on; None for other games."""
    return None if setup.names["level"] == UNUSED else setup.names["level"]


def other_sizes(setup: Setup, theirs: str | None, ours: str | None) -> str:
    """Why tensors of a network with that setup's settings may differ in size, to be put before how they do."""
    if theirs == ours:
        return ""
    fits = setup.names["network"] in ("candidates", "relational")
    hint = "" if fits else "; network=candidates fits every level"
    return f"level={theirs} there and {ours} here, with network={setup.names['network']}{hint}; "
