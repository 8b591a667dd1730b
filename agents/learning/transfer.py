"""Beginning with another agent's weights: which of them are taken over, and how far they move towards fresh ones."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from agents.learning.updater import Updater
from agents.networks.base import QNetwork
from agents.networks.weights import check_fit

MODES = ("full", "encoder", "head", "random_init")


def taken_over(network: QNetwork, mode: str) -> list[str]:
    """Names of the parameters that a mode takes over.

    ``full``: all. ``encoder``: of the layers that embed the state. ``head``: of all others, those that score actions.
    ``random_init``: none.
    """
    assert mode in MODES, mode
    names = [name for name, _ in network.named_parameters()]
    if mode == "full":
        return names
    if mode == "random_init":
        return []
    return [name for name in names if (name.partition(".")[0] in network.encoder) == (mode == "encoder")]


@torch.no_grad()
def begin_with(
    updater: Updater, saved: Mapping[str, Tensor], *, mode: str, fresh: QNetwork, shrink_perturb: float
) -> None:
    """Take over weights [S, ...] by ``mode``; the rest is that of ``fresh``. The target network follows.

    ``shrink_perturb`` moves what is taken over by that share of the way towards ``fresh`` (Ash & Adams 2020, sec. 4).
    ``fresh`` must not be what the source began with: it would be no perturbation but a step back. With ``random_init``
    the network stays as it is.

    Raises:
        WaybillError: in one line, if a tensor to take over doesn't fit.
    """
    names = taken_over(updater.network, mode)
    own = updater.network.state_dict()
    check_fit({name: own[name] for name in names}, {name: saved[name] for name in names if name in saved})
    if not names:
        return
    values = torch.cat([p.flatten(1) for p in fresh.parameters()], dim=1)  # [S, P]
    for name in names:
        part = updater.flat.slices[name]
        values[:, part] = torch.lerp(saved[name].to(values).flatten(1), values[:, part], shrink_perturb)
    updater.set_weights(values)
