"""Pure functions of value learning, one equation each. ``finfo.min`` marks illegal actions: no infinities, no NaN."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional


def masked_max(q: Tensor, mask: Tensor) -> Tensor:
    """Largest q [B] over the legal actions of q [B, A], mask [B, A] bool; ``finfo.min`` where none is legal."""
    return torch.where(mask, q, torch.finfo(q.dtype).min).amax(1)


def masked_argmax(q: Tensor, mask: Tensor) -> Tensor:
    """Legal action [B] with the largest q [B, A], the first of equals; 0 where mask [B, A] has none."""
    return torch.where(mask, q, torch.finfo(q.dtype).min).argmax(1)


def n_step_return(r: Tensor, terminated: Tensor, truncated: Tensor, gamma: float) -> tuple[Tensor, Tensor, Tensor]:
    """Rewards of up to n steps, cut at the end of the episode (Sutton & Barto 2018, eq. 12.1).

    Args:
        r, terminated, truncated: [B, n], of n steps in a row; what follows an end is ignored.

    Returns:
        The discounted sum of rewards [B], the discount of the value that follows [B] (gamma to the number of steps, 0
        after a termination; a truncation goes on counting) and the number of steps taken [B], 1..n.
    """
    ended = terminated | truncated  # [B, n]
    alive = torch.ones_like(ended)  # step i counts if no step before it ended
    alive[:, 1:] = ended[:, :-1].cumsum(1) == 0
    powers = gamma ** torch.arange(r.shape[1] + 1, device=r.device, dtype=r.dtype)  # [n + 1]
    steps = alive.sum(1)  # [B]
    discount = powers[steps] * ~(terminated & alive).any(1)
    return (r * alive * powers[:-1]).sum(1), discount, steps


def bootstrap(r_t: Tensor, discount_t: Tensor, q_t: Tensor) -> Tensor:
    """Target ``r_t + discount_t q_t`` [B] (Sutton & Barto 2018, eq. 6.8); exactly ``r_t`` where the discount is 0."""
    return r_t + discount_t * torch.where(discount_t > 0, q_t, 0.0)


def double_q_target(
    *, r_t: Tensor, discount_t: Tensor, q_online_t: Tensor, mask_t: Tensor, q_target_of: Callable[[Tensor], Tensor]
) -> Tensor:
    """Double Q-learning target [B] (van Hasselt, Guez & Silver 2016, eq. 4), over the next state's legal actions.

    Args:
        r_t, discount_t: [B], n-step rewards and the discount of what follows (0 after a termination).
        q_online_t, mask_t: [B, A], the online network's values of the next state, which choose the action.
        q_target_of: the target network's value [B] of one action [B] per row: only the chosen one has to be scored.
    """
    return bootstrap(r_t, discount_t, q_target_of(masked_argmax(q_online_t, mask_t)))


def q_target(*, r_t: Tensor, discount_t: Tensor, q_target_t: Tensor, mask_t: Tensor) -> Tensor:
    """DQN's target [B] (Mnih et al. 2015, eq. 2), over the next state's legal actions: q_target_t, mask_t [B, A]."""
    return bootstrap(r_t, discount_t, masked_max(q_target_t, mask_t))


def huber(td_error: Tensor, delta: float = 1.0) -> Tensor:
    """Mean Huber loss of td_error [B]: quadratic up to delta, then linear (Huber 1964; Mnih et al. 2015, methods)."""
    return functional.huber_loss(td_error, torch.zeros_like(td_error), delta=delta)
