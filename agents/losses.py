"""Pure functions of value learning, one equation each. ``finfo.min`` marks illegal actions: no infinities, no NaN.

``[...]`` is any leading shape, [B] or [S, B]. No shape depends on the data and nothing waits for a device, so that all
of them can be part of a CUDA graph.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional


def masked_max(q: Tensor, mask: Tensor) -> Tensor:
    """Largest q [...] over the legal actions of q [..., A], mask [..., A] bool; ``finfo.min`` where none is legal."""
    return torch.where(mask, q, torch.finfo(q.dtype).min).amax(-1)


def masked_argmax(q: Tensor, mask: Tensor) -> Tensor:
    """Legal action [...] with the largest q [..., A], the first of equals; 0 where mask [..., A] has none."""
    return torch.where(mask, q, torch.finfo(q.dtype).min).argmax(-1)


def n_step_return(
    r: Tensor, terminated: Tensor, truncated: Tensor, gamma: float, *, at_most: int | Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """Rewards of up to n steps, cut at the end of the episode (Sutton & Barto 2018, eq. 12.1).

    Args:
        r, terminated, truncated: [B, n], of n steps in a row; what follows an end is ignored.
        at_most: only so many of the n steps are taken, 1..n; None: all.

    Returns:
        The discounted sum of rewards [B], the discount of the value that follows [B] (gamma to the number of steps, 0
        after a termination; a truncation goes on counting) and the number of steps taken [B], 1..n.
    """
    ended = terminated | truncated  # [B, n]
    alive = torch.ones_like(ended)  # step i counts if no step before it ended
    alive[:, 1:] = ended[:, :-1].cumsum(1) == 0
    if at_most is not None:
        alive &= torch.arange(r.shape[1], device=r.device) < at_most
    powers = gamma ** torch.arange(r.shape[1] + 1, device=r.device, dtype=r.dtype)  # [n + 1]
    steps = alive.sum(1)  # [B]
    discount = powers[steps] * ~(terminated & alive).any(1)
    return (r * alive * powers[:-1]).sum(1), discount, steps


def bootstrap(r_t: Tensor, discount_t: Tensor, q_t: Tensor) -> Tensor:
    """Target ``r_t + discount_t q_t`` [...] (Sutton & Barto 2018, eq. 6.8); exactly ``r_t`` where the discount is 0."""
    return r_t + discount_t * torch.where(discount_t > 0, q_t, 0.0)


def q_learning_target(
    *,
    r_t: Tensor,
    discount_t: Tensor,
    q_t: Tensor,
    mask_t: Tensor,
    outputs_of: Callable[[Tensor], Tensor],
    bootstrap_outputs: Callable[[Tensor, Tensor, Tensor], Tensor] = bootstrap,
) -> Tensor:
    """DQN's target ``r_t + discount_t Q'(s_t, argmax_a q_t)``, with the target network's Q' and over legal actions.

    If q_t is the target network's as well, this is the target of DQN (Mnih et al. 2015, algorithm 1); if it is the
    online network's, that of double DQN (van Hasselt, Guez & Silver 2016, eq. 4). All ways of an update use this
    function, but for those of single values on a CPU: ``kernels.mlp.best_legal``, ``kernels.candidates.best_packed``
    and ``kernels.mlp.td_errors`` restate it.

    Args:
        r_t, discount_t: [...], n-step rewards and the discount of what follows (0 after a termination).
        q_t, mask_t: [..., A], the values of the next state that choose the next action, and which actions are legal.
        outputs_of: the target network's outputs, [...] or [..., Z], for one action [...] of each row: only the chosen
            one has to be scored.
        bootstrap_outputs: makes the target of r_t, discount_t and these outputs; a value head's if there are Z of them.
    """
    return bootstrap_outputs(r_t, discount_t, outputs_of(masked_argmax(q_t, mask_t)))


def huber(td_error: Tensor, delta: float = 1.0) -> Tensor:
    """Huber loss of each td_error [...]: quadratic up to delta, then linear (Huber 1964; Mnih et al. 2015, methods)."""
    return functional.huber_loss(td_error, torch.zeros_like(td_error), delta=delta, reduction="none")


def quantile_huber(theta_tm1: Tensor, target: Tensor, delta: float) -> Tensor:
    """Quantile Huber loss [...] (Dabney, Rowland, Bellemare & Munos 2018, eq. 10 and algorithm 1).

    Args:
        theta_tm1: [..., N], predicted quantiles at the midpoints (i + 0.5) / N of N equal shares (there lemma 2).
        target: [..., M], equally likely values: the loss is their mean and the sum over predicted quantiles.
        delta: kappa there; with a small one the loss is delta times the pinball loss.
    """
    n = theta_tm1.shape[-1]
    tau_hat = (torch.arange(n, device=theta_tm1.device, dtype=theta_tm1.dtype).unsqueeze(-1) + 0.5) / n  # [N, 1]
    with torch.no_grad():  # all pairs, with their slope by hand: half the time of autograd
        error = target.unsqueeze(-2) - theta_tm1.unsqueeze(-1)  # [..., N, M]
        slope = error.clamp(-delta, delta)  # of the Huber loss, which is slope * (error - slope / 2)
        weighted = torch.where(error < 0, 1 - tau_hat, tau_hat) * slope
        loss = (weighted * (error - slope / 2)).mean(-1)  # [..., N]
        weighted = weighted.mean(-1)
    return (loss + (theta_tm1.detach() - theta_tm1) * weighted).sum(-1)  # adds 0, and the gradient


def lower_tail_mean(quantiles: Tensor, alpha: float) -> Tensor:
    """Conditional value at risk [...]: mean of the lowest share alpha (0..1] of equally likely quantiles [..., N].

    Where alpha ends within a quantile's share, the part below counts (Rockafellar & Uryasev 2000; as a risk measure for
    acting: Dabney, Ostrovski, Silver & Munos 2018, IQN).
    """
    n = quantiles.shape[-1]
    rank = torch.arange(n, device=quantiles.device, dtype=quantiles.dtype)
    weight = (alpha * n - rank).clamp(0, 1) / (alpha * n)  # [N], sums to 1
    return (quantiles.sort(-1).values * weight).sum(-1)


def categorical_projection(probabilities: Tensor, values: Tensor, atoms: Tensor) -> Tensor:
    """Probabilities [..., Z] of equally spaced atoms [Z] in place of those of any values [..., Y].

    Each value, clipped into the support, shares its probability among its two neighbours so that the mean stays
    (Bellemare, Dabney & Munos 2017, eq. 7 and algorithm 1).
    """
    last = len(atoms) - 1
    place = ((values - atoms[0]) / (atoms[-1] - atoms[0])).clamp(0, 1) * last  # [..., Y], in atoms
    below = place.floor()
    share = place - below  # of the atom above
    lower = below.long()
    projected = probabilities.new_zeros(*probabilities.shape[:-1], len(atoms))
    projected = projected.scatter_add(-1, lower, probabilities * (1 - share))
    return projected.scatter_add(-1, (lower + 1).clamp(max=last), probabilities * share)


def gauss_histogram(target: Tensor, edges: Tensor, sigma: float) -> Tensor:
    """Probability [..., Z] of each bin under a normal distribution around target [...] that is cut off at the support.

    Edges of the bins are [Z + 1]; targets beyond them are clipped (Imani & White 2018; as HL-Gauss in value
    learning: Farebrother et al. 2024, sec. 3.1).
    """
    inside = torch.minimum(torch.maximum(target, edges[0]), edges[-1]).unsqueeze(-1)
    below = torch.erf((edges - inside) / (math.sqrt(2) * sigma))  # [..., Z + 1], twice the distribution function less 1
    return below.diff(dim=-1) / (below[..., -1:] - below[..., :1])


def _below_best(q: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Largest legal q [...], and q [..., A] less that: 0 for illegal actions."""
    best = masked_max(q, mask)
    return best, torch.where(mask, q - best.unsqueeze(-1), 0.0)


def _legal(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """Number of legal actions [...], at least 1."""
    return mask.sum(-1).clamp(min=1).to(dtype)


def soft_value(q: Tensor, mask: Tensor, temperature: float, correct: bool) -> Tensor:
    """Soft maximum [...] of q [..., A] over legal actions: ``temperature log sum exp(q / temperature)``; 0 without any.

    It exceeds the maximum by up to temperature times the logarithm of their number n, a reward for having many legal
    actions. ``correct`` takes the mean in place of the sum: the policy is then regularised towards the uniform one, not
    by its entropy, and n equal q's are worth exactly that q (sum: Haarnoja et al. 2017, theorem 1; mean: mellowmax of
    Asadi & Littman 2017).
    """
    best, below = _below_best(q, mask)
    total = torch.where(mask, (below / temperature).exp(), 0.0).sum(-1).clamp(min=1)
    value = best + temperature * (total / _legal(mask, q.dtype) if correct else total).log()
    return torch.where(mask.any(-1), value, 0.0)


def log_policy(q: Tensor, mask: Tensor, temperature: float) -> Tensor:
    """Log-probabilities [..., A] of ``softmax(q / temperature)`` over legal actions; ``finfo.min`` for the others."""
    scaled = _below_best(q, mask)[1] / temperature
    total = torch.where(mask, scaled.exp(), 0.0).sum(-1, keepdim=True).clamp(min=1)
    return torch.where(mask, scaled - total.log(), torch.finfo(q.dtype).min)


def distillation(q: Tensor, q_teacher: Tensor, mask: Tensor, temperature: float) -> Tensor:
    """Cross-entropy [...] of a student's policy under its teacher's, over the legal actions; 0 where none is legal.

    Both policies are ``softmax(q / temperature)`` of q, q_teacher [..., A] (QDagger, Agarwal et al. 2022, sec. 4). The
    least it can be is the entropy of the teacher's policy.
    """
    teacher = torch.where(mask, log_policy(q_teacher, mask, temperature).exp(), 0.0)
    return -torch.where(mask, teacher * log_policy(q, mask, temperature), 0.0).sum(-1)


def munchausen_target(
    *,
    r_t: Tensor,
    discount_t: Tensor,
    q_tm1: Tensor,
    mask_tm1: Tensor,
    a_tm1: Tensor,
    q_t: Tensor,
    mask_t: Tensor,
    alpha: float,
    temperature: float,
    lowest: float,
    correct: bool,
) -> Tensor:
    """Munchausen-DQN's target [...] (Vieillard, Pietquin & Geist 2020, eq. 2).

    That is ``r_t + alpha bonus + discount_t soft_value``, with the bonus ``temperature log pi(a_tm1)``, not below
    ``lowest`` (there sec. 4). With ``correct`` pi is measured by the uniform policy u over the n legal actions, in the
    soft value and so in the bonus, ``temperature log(pi / u)``: 0 for u, up to temperature log n for the best action.
    That is no gain, it only gives back what the soft value of a state with n actions lacks, and must not be cut off.

    Args:
        r_t, discount_t, a_tm1: [...], n-step rewards, the discount of what follows, the action taken.
        q_tm1, mask_tm1, q_t, mask_t: [..., A], the target network's values before and after it.
    """
    log_pi = log_policy(q_tm1, mask_tm1, temperature).gather(-1, a_tm1.unsqueeze(-1)).squeeze(-1)
    if correct:
        log_pi = log_pi + _legal(mask_tm1, log_pi.dtype).log()
    bonus = (temperature * log_pi).clamp(min=lowest)
    return bootstrap(r_t + alpha * bonus, discount_t, soft_value(q_t, mask_t, temperature, correct))


def q_lambda_returns(r: Tensor, discount: Tensor, v: Tensor, lambda_: float, ended: Tensor) -> Tensor:
    """Returns G [T, N] of Q(lambda), backwards (Peng & Williams 1996; so in PQN, Gallici et al. 2024).

    ``G_t = r_t + discount_t (lambda G_tp1 + (1 - lambda) v_t)``; at the end of an episode or of the rows it is
    ``r_t + discount_t v_t``, and r_t alone where the discount is 0.

    Args:
        r, discount, ended: [T, N], of T steps in a row; an end is a termination (discount 0) or a truncation.
        v: [T, N], the largest q of the state that step t led to.
    """
    following, returns = v[-1], []
    for t in reversed(range(len(r))):
        mixed = torch.where(ended[t], v[t], torch.lerp(v[t], following, lambda_))
        following = bootstrap(r[t], discount[t], mixed)
        returns.append(following)
    return torch.stack(returns[::-1])
