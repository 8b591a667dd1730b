"""What nothing can be learnt from: rewards, observations, losses and gradients that are not finite."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from groundwork.errors import NotFiniteError


def diverged(
    what: str, *, update: int, batch: Mapping[str, Tensor], weights: Mapping[str, Tensor], targets: Mapping[str, Tensor]
) -> NotFiniteError:  # fmt: skip
    """The error of an update whose loss or gradient is not finite, with what it was computed from.

    Args:
        what: the number, and what it is: "the loss is nan".
        update: counted from 1.
        batch: the update's, by column.
        weights: of the network before the update, by name.
        targets: of the target network, by name; empty if there is none.
    """
    named = {**weights, **{f"the target network's {name}": x for name, x in targets.items()}}
    named |= {f"the batch's {name}": x for name, x in batch.items()}  # last: targets may come of the weights
    spoilt = [where for name, x in named.items() if (where := first_not_finite(name, x)) is not None]
    size = max((float(x.abs().max()) for x in weights.values()), default=0.0)
    origin = spoilt[0] if spoilt else f"batch and weights are finite, the largest weight is {size:.3g}: it overflowed"
    line = f"training diverged in update {update:,}: {what} ({origin}); try a lower agent.learning_rate"
    evidence = {"update": update, "batch": dict(batch), "weights": dict(weights), "target_weights": dict(targets)}
    return NotFiniteError(line, evidence=evidence, diverged=True)


def first_not_finite(name: str, values: Tensor) -> str | None:
    """Where the first number that is not finite stands, and what it is; None if all are."""
    if not values.is_floating_point():
        return None
    found = (~torch.isfinite(values)).nonzero()
    if not len(found):
        return None
    place = found[0].tolist()
    return f"{name}[{', '.join(map(str, place))}] is {float(values[tuple(place)])}"


def refuse_not_finite(obs_t: np.ndarray, r_t: np.ndarray) -> None:
    """Refuse observations [N, D] and rewards [N] of a batch step that are not finite.

    Raises:
        NotFiniteError: in one line, naming the game and the column.
    """
    if not np.isfinite(r_t).all():
        game = int(np.flatnonzero(~np.isfinite(r_t))[0])
        line = f"the reward is {r_t[game]}"
    elif not np.isfinite(obs_t).all():
        game, column = (int(k) for k in np.argwhere(~np.isfinite(obs_t))[0])
        line = f"observation column {column} is {obs_t[game, column]}"
    else:
        return
    evidence = {"game": game, "r_t": np.array(r_t), "obs_t": np.array(obs_t)}
    raise NotFiniteError(f"game {game}: {line}, allowed are finite numbers", evidence=evidence, diverged=False)
