"""How a memory keeps numbers, and what it refuses because it would not fit."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from groundwork.errors import WaybillError
from groundwork.limits import need_memory

OBS_DTYPES = {"uint8": torch.uint8, "float16": torch.float16, "float32": torch.float32}
_LARGEST = {torch.uint8: 255.0, torch.float16: 65504.0}


def check_fits(obs: np.ndarray, dtype: torch.dtype) -> None:
    """Refuse observations that a number format can't hold.

    Raises:
        WaybillError: in one line, with the number and a format that can.
    """
    limit = _LARGEST.get(dtype)
    if limit is None:
        return
    low, high, is_bytes = float(obs.min()), float(obs.max()), dtype == torch.uint8
    if not (high <= limit and low >= (0 if is_bytes else -limit)):
        name, worst = str(dtype).removeprefix("torch."), high if high > limit else low
        raise WaybillError(
            f"an observed {worst:g} does not fit into agent.obs_dtype={name}: use agent.obs_dtype=float32"
        )
    if is_bytes and (obs != np.trunc(obs)).any():
        raise WaybillError("observed fractions do not fit into agent.obs_dtype=uint8: use agent.obs_dtype=float16")


def check_bytes(capacity: int, per_step: int, holds: str, memory_bytes: int, *, key: str = "memory_capacity") -> None:
    """Refuse a memory of so many steps of ``per_step`` bytes that doesn't fit into ``memory_bytes`` or this machine.

    ``holds`` says what a step is, ``key`` is the setting that says how many.

    Raises:
        WaybillError: in one line, with the most steps that fit.
    """
    if capacity * per_step > memory_bytes:
        raise WaybillError(
            f"a memory of {capacity:,} steps of {per_step:,} bytes ({holds}) needs "
            f"{capacity * per_step / 2**30:.1f} GiB, but memory_bytes is {memory_bytes / 2**30:.1f} GiB: "
            f"lower {key} to {memory_bytes // per_step:,}"
        )
    need_memory(capacity * per_step, f"agent.{key}={capacity}: so many steps of {per_step:,} bytes ({holds})")


def pack_mask(mask: np.ndarray) -> np.ndarray:
    """Eight actions to a byte: [N, A] bool or int8 -> uint8 [N, ceil(A / 8)]."""
    return np.packbits(np.ascontiguousarray(mask).view(np.bool_), axis=1, bitorder="little")


def unpack_mask(bits: Tensor, n_actions: int) -> Tensor:
    """The inverse of ``pack_mask``, on any device: uint8 [B, ceil(A / 8)] -> bool [B, A]."""
    if bits.device.type == "cpu":  # several times faster than shifting
        return torch.from_numpy(np.unpackbits(bits.numpy(), axis=1, count=n_actions, bitorder="little").view(np.bool_))
    shifts = torch.arange(8, device=bits.device, dtype=torch.uint8)
    return ((bits.unsqueeze(2) >> shifts) & 1).flatten(1)[:, :n_actions].bool()
