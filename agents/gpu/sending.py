"""Arrays sent to a device together: one copy costs a GPU less than several, and waits for nothing if it is pinned."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

_ALIGNED = 16  # bytes: where a column begins in what is sent


def send(device: torch.device, *arrays: np.ndarray) -> list[Tensor]:
    """Tensors on the device of the same shapes and numbers; on a CPU they share the arrays' memory where that is in
    one piece.
    """
    whole = [np.ascontiguousarray(array).reshape(array.shape) for array in arrays]
    if device.type == "cpu":
        return [torch.from_numpy(array) for array in whole]
    starts, size = [], 0
    for array in whole:
        starts.append(size)
        size += -(-array.nbytes // _ALIGNED) * _ALIGNED
    packed = torch.empty(size, dtype=torch.uint8, pin_memory=True)  # kept from being used again until it is copied
    room = packed.numpy()
    for start, array in zip(starts, whole, strict=True):
        room[start : start + array.nbytes] = array.reshape(-1).view(np.uint8)
    there = packed.to(device, non_blocking=True)
    parts = zip(starts, whole, strict=True)
    return [there[start : start + x.nbytes].view(_DTYPES[x.dtype.str]).view(x.shape) for start, x in parts]


_DTYPES = {
    np.dtype(name).str: kind for name, kind in (
        ("bool", torch.bool), ("uint8", torch.uint8), ("int8", torch.int8), ("int32", torch.int32),
        ("int64", torch.int64), ("float32", torch.float32), ("float64", torch.float64),
    )
}  # fmt: skip
