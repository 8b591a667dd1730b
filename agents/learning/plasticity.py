"""Plasticity, a network's ability to learn: counts dormant units, recycles them, restarts all weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from agents.learning.learner import QLearner
from agents.memory.transitions import Transitions
from agents.networks.base import QNetwork, Units
from agents.networks.weights import flat_values

DORMANT = 0.025  # share of its layer's mean activation below which a unit counts as dormant (Sokar et al. 2023, sec. 3)


@torch.no_grad()
def activity(network: QNetwork, batch: Transitions) -> list[tuple[Units, Tensor]]:
    """Each layer's units and their mean absolute activation over a batch, as a share of the layer's mean: [S, H].

    This is the dormancy score of Sokar et al. 2023, eq. 1.
    """
    seen: list[tuple[Units, Tensor]] = []
    hooks = []
    for units in network.units():

        def keep(module: Any, inputs: Any, output: Tensor, units: Units = units) -> None:
            mean = output.flatten(1, -2).abs().mean(1)  # [S, H]
            seen.append((units, mean / mean.mean(1, keepdim=True).clamp(min=1e-9)))

        hooks.append(units.module.register_forward_hook(keep))
    try:
        network(batch.obs_tm1, batch.mask_tm1)
    finally:
        for hook in hooks:
            hook.remove()
    return seen


@torch.no_grad()
def recycle(learner: QLearner, batch: Transitions, fresh: QNetwork, threshold: float) -> Tensor:
    """Give dormant units the incoming weights of ``fresh`` and outgoing weights of 0 (ReDo, Sokar et al. 2023, alg. 1).

    Returns how many there were, [S]. The optimiser forgets what it knew of those weights.
    """
    others = {id(own): new for own, new in zip(learner.network.modules(), fresh.modules(), strict=True)}
    restarted = {id(p): torch.zeros_like(p, dtype=torch.bool) for p in learner.network.parameters()}
    count = torch.zeros(len(learner.flat.values), dtype=torch.int64, device=learner.flat.values.device)
    for units, score in activity(learner.network, batch):
        dormant = score <= threshold  # [S, H]
        count += dormant.sum(1)
        for layer in units.incoming:
            new = dict(others[id(layer)].named_parameters())
            for name, parameter in layer.named_parameters():
                chosen = dormant.unsqueeze(1).expand_as(parameter)
                parameter.copy_(torch.where(chosen, new[name], parameter))
                restarted[id(parameter)] |= chosen
        for layer, first, before, after in units.outgoing:
            weight = layer.weight
            chosen = dormant[:, None, :, None].expand(-1, before, -1, after).flatten(1).unsqueeze(2)  # [S, inputs, 1]
            part = slice(first, first + chosen.shape[1])
            weight[:, part] = torch.where(chosen, 0.0, weight[:, part])
            restarted[id(weight)][:, part] |= chosen
    learner.optimizer.forget(torch.cat([restarted[id(p)].flatten(1) for p in learner.network.parameters()], dim=1))
    return count


@torch.no_grad()
def restart(learner: QLearner, fresh: QNetwork, share: float) -> None:
    """Move all weights towards ``fresh`` ones: all the way with share 1, shrink-and-perturb with less.

    Nikishin et al. 2022, sec. 4; Ash & Adams 2020, sec. 4. The target network becomes a copy, the optimiser forgets.
    """
    learner.move_towards(flat_values(fresh), share, slice(None))


class Plasticity:
    """Recycles dormant units and restarts all weights, each every so many updates (None: never), with new weights."""

    def __init__(
        self,
        *,
        make_fresh: Callable[[int], QNetwork],
        redo_every: int | None,
        redo_threshold: float,
        reset_every: int | None,
        reset_share: float,
        last_reset: int,
    ) -> None:
        """``make_fresh(k)`` gives the k-th fresh network of all seeds; no reset after update ``last_reset``."""
        self.make_fresh, self.redo_every, self.redo_threshold = make_fresh, redo_every, redo_threshold
        self.reset_every, self.reset_share, self.last_reset = reset_every, reset_share, last_reset
        self.drawn = 0  # fresh networks so far

    def after_update(self, learner: QLearner, batch: Transitions) -> None:
        """Do what is due after this update."""
        if self.redo_every is not None and learner.updates % self.redo_every == 0:
            recycle(learner, batch, self._fresh(), self.redo_threshold)
        due = self.reset_every is not None and learner.updates % self.reset_every == 0
        if due and learner.updates <= self.last_reset:
            restart(learner, self._fresh(), self.reset_share)

    def _fresh(self) -> QNetwork:
        self.drawn += 1
        return self.make_fresh(self.drawn)

    def metrics(self, network: QNetwork, batch: Transitions | None) -> list[dict[str, float]]:
        """The share of dormant units in the batch, for each seed; nothing without a batch or without hidden units."""
        if batch is None or not network.units():
            return [{} for _ in next(network.parameters())]
        scores = torch.cat([score for _, score in activity(network, batch)], dim=1)
        return [{"dormant": share} for share in (scores <= DORMANT).float().mean(1).tolist()]

    def state_dict(self) -> dict[str, Any]:
        """The counter."""
        return {"drawn": self.drawn}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on counting."""
        self.drawn = state["drawn"]
