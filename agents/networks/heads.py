"""Value heads: what a network's Z outputs for an action mean, and how they are fitted.

``[...]`` is any leading shape, [B] or [S, B]. A new head is one class here and one line in ``_HEADS``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from agents import losses


class Head:
    """What every value head offers. Losses are per sample; TD errors are the target's mean less the own, detached."""

    name: ClassVar[str]
    takes_scalar_targets: ClassVar[bool] = False
    has_risk: ClassVar[bool] = False

    @property
    def outputs(self) -> int:
        """Z."""
        raise NotImplementedError

    def mean(self, outputs: Tensor) -> Tensor:
        """The Q-value [...] of outputs [..., Z]."""
        raise NotImplementedError

    def loss(self, *, out_tm1: Tensor, r_t: Tensor, discount_t: Tensor, out_t: Tensor) -> tuple[Tensor, Tensor]:
        """Loss [...] and TD error [...] against ``r_t + discount_t Z_t``.

        Args:
            out_tm1: [..., Z], the network's outputs for the action taken.
            r_t, discount_t: [...]; where the discount is 0 the target is r_t alone and out_t may be anything.
            out_t: [..., Z], the target network's outputs for the next action.
        """
        raise NotImplementedError

    def scalar_loss(self, *, out_tm1: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Loss [...] and TD error [...] of out_tm1 [..., Z] against a given return, target [...].

        Raises:
            ValueError: if the head learns more than a mean.
        """
        raise ValueError(f"head={self.name} has no scalar target: it learns a distribution; take scalar or hl_gauss")

    def risk(self, outputs: Tensor, alpha: float) -> Tensor:
        """Mean [...] of the lowest share alpha of the returns that outputs [..., Z] expect.

        Raises:
            ValueError: if the head has no quantiles.
        """
        raise ValueError(f"head={self.name} has no risk: only head=quantile knows the lowest returns")

    def _check(self, per_sample: Tensor, *outputs: Tensor) -> None:
        for each in outputs:
            assert each.shape == (*per_sample.shape, self.outputs), (self.name, each.shape, per_sample.shape)


@dataclass(frozen=True)
class ScalarHead(Head):
    """One output, the Q-value itself, under a Huber loss."""

    huber_delta: float

    name: ClassVar[str] = "scalar"
    takes_scalar_targets: ClassVar[bool] = True

    @property
    def outputs(self) -> int:
        """1."""
        return 1

    def mean(self, outputs: Tensor) -> Tensor:
        """See ``Head``."""
        return outputs.squeeze(-1)

    def loss(self, *, out_tm1: Tensor, r_t: Tensor, discount_t: Tensor, out_t: Tensor) -> tuple[Tensor, Tensor]:
        """See ``Head``."""
        self._check(r_t, out_tm1, out_t)
        return self.scalar_loss(out_tm1=out_tm1, target=losses.bootstrap(r_t, discount_t, self.mean(out_t)))

    def scalar_loss(self, *, out_tm1: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """See ``Head``."""
        self._check(target, out_tm1)
        td_error = target.detach() - self.mean(out_tm1)
        return losses.huber(td_error, self.huber_delta), td_error.detach()


@dataclass(frozen=True)
class QuantileHead(Head):
    """N quantiles of the return, equally likely (QR-DQN: Dabney, Rowland, Bellemare & Munos 2018)."""

    quantiles: int
    huber_delta: float

    name: ClassVar[str] = "quantile"
    has_risk: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _check_atoms(self.quantiles)

    @property
    def outputs(self) -> int:
        """N."""
        return self.quantiles

    def mean(self, outputs: Tensor) -> Tensor:
        """See ``Head``."""
        return outputs.mean(-1)

    def loss(self, *, out_tm1: Tensor, r_t: Tensor, discount_t: Tensor, out_t: Tensor) -> tuple[Tensor, Tensor]:
        """See ``Head``."""
        self._check(r_t, out_tm1, out_t)
        target = losses.bootstrap(r_t.unsqueeze(-1), discount_t.unsqueeze(-1), out_t.detach())  # [..., N]
        loss = losses.quantile_huber(out_tm1, target, self.huber_delta)
        return loss, self.mean(target) - self.mean(out_tm1).detach()

    def risk(self, outputs: Tensor, alpha: float) -> Tensor:
        """See ``Head``."""
        return losses.lower_tail_mean(outputs, alpha)


class _HistogramHead(Head):
    """Outputs are logits of a distribution over fixed values."""

    def values(self, outputs: Tensor) -> Tensor:
        """The return [Z] that each output stands for."""
        raise NotImplementedError

    def mean(self, outputs: Tensor) -> Tensor:
        """See ``Head``."""
        return (outputs.softmax(-1) * self.values(outputs)).sum(-1)

    def _cross_entropy(self, out_tm1: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Loss [...] and TD error [...] against probabilities, target [..., Z]; both are least where they are equal."""
        loss = -(target * out_tm1.log_softmax(-1)).sum(-1)
        return loss, (target * self.values(target)).sum(-1) - self.mean(out_tm1).detach()


@dataclass(frozen=True)
class CategoricalHead(_HistogramHead):
    """Logits of atoms from v_min to v_max (C51: Bellemare, Dabney & Munos 2017)."""

    atoms: int
    v_min: float
    v_max: float

    name: ClassVar[str] = "categorical"

    def __post_init__(self) -> None:
        _check_atoms(self.atoms)
        _check_support(self.v_min, self.v_max)

    @property
    def outputs(self) -> int:
        """Z."""
        return self.atoms

    def values(self, outputs: Tensor) -> Tensor:
        """The atoms [Z]."""
        return _linspace(self.v_min, self.v_max, self.atoms, outputs)

    def loss(self, *, out_tm1: Tensor, r_t: Tensor, discount_t: Tensor, out_t: Tensor) -> tuple[Tensor, Tensor]:
        """See ``Head``. The target's mean is that of its projection: returns beyond the support count as its ends."""
        self._check(r_t, out_tm1, out_t)
        follows = discount_t.unsqueeze(-1) > 0
        probabilities = torch.where(follows, out_t.detach(), 0.0).softmax(-1)
        atoms = self.values(out_tm1)
        moved = r_t.unsqueeze(-1) + discount_t.unsqueeze(-1) * atoms  # [..., Z]
        return self._cross_entropy(out_tm1, losses.categorical_projection(probabilities, moved, atoms))


@dataclass(frozen=True)
class HLGaussHead(_HistogramHead):
    """Logits of bins between v_min and v_max, fitted to a blurred target (HL-Gauss: Farebrother et al. 2024, sec. 3.1).

    The mean is that of the bins' centres. It can't reach v_min or v_max: leave a bin of room beyond the returns.
    """

    bins: int
    v_min: float
    v_max: float
    sigma_share: float = 0.75  # of a bin's width

    name: ClassVar[str] = "hl_gauss"
    takes_scalar_targets: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _check_atoms(self.bins)
        _check_support(self.v_min, self.v_max)

    @property
    def outputs(self) -> int:
        """Z."""
        return self.bins

    @property
    def width(self) -> float:
        """Width of a bin."""
        return (self.v_max - self.v_min) / self.bins

    def values(self, outputs: Tensor) -> Tensor:
        """The bins' centres [Z]."""
        half = self.width / 2
        return _linspace(self.v_min + half, self.v_max - half, self.bins, outputs)

    def loss(self, *, out_tm1: Tensor, r_t: Tensor, discount_t: Tensor, out_t: Tensor) -> tuple[Tensor, Tensor]:
        """See ``Head``."""
        self._check(r_t, out_tm1, out_t)
        return self.scalar_loss(out_tm1=out_tm1, target=losses.bootstrap(r_t, discount_t, self.mean(out_t)))

    def scalar_loss(self, *, out_tm1: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """See ``Head``. The target's mean is that of its histogram: returns beyond the support count as its ends."""
        self._check(target, out_tm1)
        edges = _linspace(self.v_min, self.v_max, self.bins + 1, out_tm1)
        return self._cross_entropy(
            out_tm1, losses.gauss_histogram(target.detach(), edges, self.sigma_share * self.width)
        )


def _linspace(start: float, end: float, steps: int, like: Tensor) -> Tensor:
    return torch.linspace(start, end, steps, device=like.device, dtype=like.dtype)


def _check_atoms(atoms: int) -> None:
    if atoms < 2:
        raise ValueError(f"agent.atoms={atoms} is below 2")


def _check_support(v_min: float, v_max: float) -> None:
    if not -math.inf < v_min < v_max < math.inf:
        raise ValueError(f"agent.v_min={v_min} is not below agent.v_max={v_max}, or one of them is no finite number")


_HEADS: dict[str, Callable[[int, float, float, float], Head]] = {
    "scalar": lambda atoms, v_min, v_max, huber_delta: ScalarHead(huber_delta),
    "quantile": lambda atoms, v_min, v_max, huber_delta: QuantileHead(atoms, huber_delta),
    "categorical": lambda atoms, v_min, v_max, huber_delta: CategoricalHead(atoms, v_min, v_max),
    "hl_gauss": lambda atoms, v_min, v_max, huber_delta: HLGaussHead(atoms, v_min, v_max),
}


def make_head(name: str, *, atoms: int, v_min: float, v_max: float, huber_delta: float) -> Head:
    """The head of that name, from those of the numbers that it needs.

    Raises:
        ValueError: in one line, if the name is unknown or a number that the head needs makes no sense.
    """
    if name not in _HEADS:
        raise ValueError(f"agent.head={name} is not one of {', '.join(_HEADS)}")
    return _HEADS[name](atoms, v_min, v_max, huber_delta)
