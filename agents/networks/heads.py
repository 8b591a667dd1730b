"""Value heads: what a network's Z outputs for an action mean, and how they are fitted.

``[...]`` is any leading shape, [B] or [S, B]. A new head is one class here, a dataclass that derives from ``Head`` and
has a ``name``: ``agent.head=NAME`` finds it, and its fields are the agent's settings of the same names.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import torch
from torch import Tensor

from agents import losses
from groundwork.errors import WaybillError
from groundwork.nearest import meant


class Head:
    """A value head. Losses are per sample; TD errors are the target's mean less the own, detached."""

    name: ClassVar[str]  # as in agent.head=NAME
    takes_returns: ClassVar[bool] = False  # a given return [...] is a target for ``loss``
    has_risk: ClassVar[bool] = False  # actions may be chosen by their ``lowest`` returns
    has_ends: ClassVar[bool] = False  # what it can express has ends: see ``at_ends``

    @property
    def outputs(self) -> int:
        """Number Z of outputs for each action."""
        raise NotImplementedError

    def mean(self, outputs: Tensor) -> Tensor:
        """The Q-value [...] of outputs [..., Z]."""
        raise NotImplementedError

    def bootstrap(self, r_t: Tensor, discount_t: Tensor, out_t: Tensor) -> Tensor:
        """The target of ``r_t + discount_t Z_t`` as ``loss`` takes it: a return [...], or several numbers [..., M].

        Args:
            r_t, discount_t: [...]; where the discount is 0 the target is r_t alone and out_t may be anything.
            out_t: [..., Z], the target network's outputs for the next action.
        """
        raise NotImplementedError

    def loss(self, *, out_tm1: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Loss [...] and TD error [...] of the outputs out_tm1 [..., Z] for the action taken.

        ``target`` is what ``bootstrap`` makes; where ``takes_returns``, that is a return [...].
        """
        raise NotImplementedError

    def preference(self, outputs: Tensor) -> Tensor:
        """What actions are chosen by [...], in acting and for the target: Q-values, unless a head says otherwise."""
        return self.mean(outputs)

    def at_ends(self, target: Tensor) -> Tensor:
        """What share of a target lies at or beyond the lowest or highest value that the head can express, [...].

        Only where it ``has_ends``.
        """
        raise NotImplementedError

    def _check(self, per_sample: Tensor, *outputs: Tensor) -> None:
        for each in outputs:
            assert each.shape == (*per_sample.shape, self.outputs), (self.name, each.shape, per_sample.shape)


@dataclass(frozen=True)
class ScalarHead(Head):
    """One output, the Q-value itself, under a Huber loss."""

    huber_delta: float

    name: ClassVar[str] = "scalar"
    takes_returns: ClassVar[bool] = True

    @property
    def outputs(self) -> int:
        """One."""
        return 1

    def mean(self, outputs: Tensor) -> Tensor:
        """See ``Head``."""
        return outputs.squeeze(-1)

    def bootstrap(self, r_t: Tensor, discount_t: Tensor, out_t: Tensor) -> Tensor:
        """See ``Head``: a return [...]."""
        self._check(r_t, out_t)
        return losses.bootstrap(r_t, discount_t, self.mean(out_t))

    def loss(self, *, out_tm1: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """See ``Head``."""
        self._check(target, out_tm1)
        td_error = target.detach() - self.mean(out_tm1)
        return losses.huber(td_error, self.huber_delta), td_error.detach()


@dataclass(frozen=True)
class QuantileHead(Head):
    """Equally likely quantiles of the return, ``atoms`` of them (QR-DQN: Dabney, Rowland, Bellemare & Munos 2018).

    With ``lowest`` actions are chosen by the mean of that share of the lowest ones (CVaR).
    """

    atoms: int
    huber_delta: float
    lowest: float | None = None

    name: ClassVar[str] = "quantile"
    has_risk: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _check_atoms(self.atoms)

    @property
    def outputs(self) -> int:
        """One for each quantile."""
        return self.atoms

    def mean(self, outputs: Tensor) -> Tensor:
        """See ``Head``."""
        return outputs.mean(-1)

    def bootstrap(self, r_t: Tensor, discount_t: Tensor, out_t: Tensor) -> Tensor:
        """See ``Head``: the quantiles [..., Z] of the target (eq. 13 and algorithm 1)."""
        self._check(r_t, out_t)
        return losses.bootstrap(r_t.unsqueeze(-1), discount_t.unsqueeze(-1), out_t)

    def loss(self, *, out_tm1: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """See ``Head``."""
        self._check(target[..., 0], out_tm1, target)
        target = target.detach()
        loss = losses.quantile_huber(out_tm1, target, self.huber_delta)
        return loss, self.mean(target) - self.mean(out_tm1).detach()

    def preference(self, outputs: Tensor) -> Tensor:
        """See ``Head``."""
        return self.mean(outputs) if self.lowest is None else losses.lower_tail_mean(outputs, self.lowest)


@dataclass(frozen=True)
class HistogramHead(Head):
    """A head whose outputs are logits of a distribution over fixed values between v_min and v_max."""

    atoms: int
    v_min: float
    v_max: float

    has_ends: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _check_atoms(self.atoms)
        if not -math.inf < self.v_min < self.v_max < math.inf:
            raise WaybillError(
                f"agent.v_min={self.v_min} is not below agent.v_max={self.v_max}, or one of them is no finite number"
            )

    @property
    def outputs(self) -> int:
        """One for each atom."""
        return self.atoms

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
class CategoricalHead(HistogramHead):
    """Logits of atoms from v_min to v_max (C51: Bellemare, Dabney & Munos 2017)."""

    name: ClassVar[str] = "categorical"

    def values(self, outputs: Tensor) -> Tensor:
        """The atoms [Z]."""
        return _linspace(self.v_min, self.v_max, self.atoms, outputs)

    def bootstrap(self, r_t: Tensor, discount_t: Tensor, out_t: Tensor) -> Tensor:
        """See ``Head``: probabilities [..., Z] of the atoms (algorithm 1).

        The target's mean is that of its projection: returns beyond the support count as its ends.
        """
        self._check(r_t, out_t)
        r_t, discount_t, atoms = r_t.unsqueeze(-1), discount_t.unsqueeze(-1), self.values(out_t)
        probabilities = torch.where(discount_t > 0, out_t, 0.0).softmax(-1)
        return losses.categorical_projection(probabilities, losses.bootstrap(r_t, discount_t, atoms), atoms)

    def at_ends(self, target: Tensor) -> Tensor:
        """See ``Head``: the probability of the two outermost atoms."""
        return target[..., 0] + target[..., -1]

    def loss(self, *, out_tm1: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """See ``Head``."""
        self._check(target[..., 0], out_tm1, target)
        return self._cross_entropy(out_tm1, target.detach())


@dataclass(frozen=True)
class HLGaussHead(HistogramHead):
    """Logits of bins between v_min and v_max, fitted to a blurred target (HL-Gauss: Farebrother et al. 2024, sec. 3.1).

    The mean is that of the bins' centres. It can't reach v_min or v_max: leave a bin of room beyond the returns.
    """

    sigma_share: float = 0.75  # of a bin's width

    name: ClassVar[str] = "hl_gauss"
    takes_returns: ClassVar[bool] = True

    @property
    def width(self) -> float:
        """Width of a bin."""
        return (self.v_max - self.v_min) / self.atoms

    def values(self, outputs: Tensor) -> Tensor:
        """The bins' centres [Z]."""
        half = self.width / 2
        return _linspace(self.v_min + half, self.v_max - half, self.atoms, outputs)

    def bootstrap(self, r_t: Tensor, discount_t: Tensor, out_t: Tensor) -> Tensor:
        """See ``Head``: a return [...]."""
        self._check(r_t, out_t)
        return losses.bootstrap(r_t, discount_t, self.mean(out_t))

    def at_ends(self, target: Tensor) -> Tensor:
        """See ``Head``: 1 where a return lies in the lowest or highest bin or beyond."""
        return ((target < self.v_min + self.width) | (target > self.v_max - self.width)).float()

    def loss(self, *, out_tm1: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """See ``Head``. The target's mean is that of its histogram: returns beyond the support count as its ends."""
        self._check(target, out_tm1)
        edges = _linspace(self.v_min, self.v_max, self.atoms + 1, out_tm1)
        return self._cross_entropy(
            out_tm1, losses.gauss_histogram(target.detach(), edges, self.sigma_share * self.width)
        )


def _linspace(start: float, end: float, steps: int, like: Tensor) -> Tensor:
    return torch.linspace(start, end, steps, device=like.device, dtype=like.dtype)


def _check_atoms(atoms: int) -> None:
    if atoms < 2:
        raise WaybillError(f"agent.atoms={atoms} is below 2")


def _heads(module: str = __name__) -> dict[str, type[Head]]:
    """All classes in this module, and in that of an agent's settings, that derive from ``Head`` and have a name."""
    things = [*globals().values(), *vars(sys.modules[module]).values()]
    classes = [x for x in things if isinstance(x, type) and issubclass(x, Head)]
    return {head.name: head for head in classes if hasattr(head, "name")}


def heads_with(quality: str) -> str:
    """The names of all heads with ``takes_returns`` or ``has_risk``, for messages: "scalar or hl_gauss"."""
    return " or ".join(name for name, head in _heads().items() if getattr(head, quality))


def make_head(name: str, module: str = __name__, /, **settings: Any) -> Head:
    """The head of that name, its fields taken from the settings; a field that isn't among these keeps its default.

    ``module`` is that of the agent's settings: a head of a user's own lies beside them.

    Raises:
        WaybillError: in one line, if the name is unknown or a number that the head needs makes no sense.
    """
    known = _heads(module)
    if name not in known:
        raise WaybillError(f"agent.head={name} is not one of {', '.join(known)}{meant(name, known)}")
    own: Any = known[name]
    return own(**{field.name: settings[field.name] for field in fields(own) if field.name in settings})
