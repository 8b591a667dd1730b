"""Memory of states in which several actions were tried, each with the return that came of it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import torch
from torch import Tensor

from agents.memory.formats import OBS_DTYPES, check_bytes
from agents.memory.ring import SPARSE_FROM
from agents.memory.sparse import SparseRows
from groundwork.errors import WaybillError


class TriedMemory:
    """The last states, each with up to K tried actions and their returns; sampled evenly.

    Raises:
        WaybillError: in one line, if that needs more than ``memory_bytes``.
    """

    def __init__(
        self, *, capacity: int, obs_size: int, n_actions: int, tried: int, obs_dtype: str, memory_bytes: int,
        device: torch.device, generator: np.random.Generator,
    ) -> None:  # fmt: skip
        per_step = obs_size * OBS_DTYPES[obs_dtype].itemsize + n_actions + tried * 13  # action, return and a flag
        holds = f"observation {obs_size:,} x {obs_dtype}, mask {n_actions:,} bytes, {tried} tried actions"
        check_bytes(capacity, per_step, holds, memory_bytes)
        self.capacity, self.device, self.generator = capacity, device, generator
        self.obs_size, self.sparse = obs_size, None
        if device.type == "cpu" and obs_size >= SPARSE_FROM:
            dtype, all_bytes = OBS_DTYPES[obs_dtype], 2 * capacity * obs_size * OBS_DTYPES[obs_dtype].itemsize
            self.sparse = SparseRows(rows=capacity, num_envs=1, obs_size=obs_size, dtype=dtype, limit_bytes=all_bytes)
        self.columns = {
            "obs": torch.zeros(capacity, 0 if self.sparse else obs_size, dtype=OBS_DTYPES[obs_dtype], device=device),
            "mask": torch.zeros(capacity, n_actions, dtype=torch.bool, device=device),
            "a": torch.zeros(capacity, tried, dtype=torch.int64, device=device),
            "target": torch.zeros(capacity, tried, dtype=torch.float32, device=device),
            "tried": torch.zeros(capacity, tried, dtype=torch.bool, device=device),
        }
        self.cursor = self.filled = 0

    def __len__(self) -> int:
        """States in the memory."""
        return self.filled

    def add(self, obs: np.ndarray, mask: np.ndarray, a: np.ndarray, target: np.ndarray, tried: np.ndarray) -> None:
        """Remember states: obs [N, D], mask [N, A], and of the tried actions a, target, tried [N, K].

        Raises:
            WaybillError: in one line, if an observation does not fit into ``obs_dtype``.
        """
        place = (self.cursor + np.arange(len(obs))) % self.capacity
        rows = torch.from_numpy(place).to(self.device)
        seen = torch.from_numpy(np.ascontiguousarray(obs)).to(self.device, self.columns["obs"].dtype)
        if seen.dtype == torch.float16 and not bool(torch.isfinite(seen).all()):
            raise WaybillError(
                "agent.obs_dtype=float16 holds numbers up to 65504, observations have larger ones: float32"
            )
        new = {"mask": mask != 0, "a": a, "target": target, "tried": tried}
        for name, values in new.items():
            column = self.columns[name]
            column[rows] = torch.from_numpy(np.ascontiguousarray(values)).to(self.device, column.dtype)
        if self.sparse is None:
            self.columns["obs"][rows] = seen
        else:
            for k, row in enumerate(place):
                has_room = self.sparse.write(int(row), seen[k : k + 1])
                assert has_room, "a memory of this size was allowed"
        self.cursor, self.filled = int(place[-1] + 1) % self.capacity, min(self.capacity, self.filled + len(obs))

    def sample(self, count: int) -> dict[str, Tensor]:
        """States drawn evenly, with replacement: columns [count, ...]."""
        drawn = self.generator.integers(self.filled, size=count)
        rows = torch.from_numpy(drawn).to(self.device)
        found = {name: column.index_select(0, rows) for name, column in self.columns.items()}
        if self.sparse is not None:
            found["obs"] = torch.empty(count, self.obs_size)
            self.sparse.read(drawn, found["obs"].numpy())
        return found

    def state_dict(self, *, include_memory: bool, prefix: str = "", saved: Collection[str] = ()) -> dict[str, Any]:
        """Generator and counters; with ``include_memory`` copies of all that is remembered.

        See ``SparseRows.state_dict`` for ``prefix`` and what is ``saved`` already.
        """
        kept = (
            {name: column[: self.filled].clone() for name, column in self.columns.items()} if include_memory else None
        )
        state = dict(self.generator.bit_generator.state)
        packed = None
        if self.sparse is not None and include_memory:
            packed = self.sparse.state_dict(self.filled, prefix=prefix, saved=saved)
        return {"generator": state, "columns": kept, "sparse": packed, "cursor": self.cursor, "filled": self.filled}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with it; without what was remembered, empty.

        Raises:
            WaybillError: if it is of another size.
        """
        self.generator.bit_generator.state = state["generator"]
        self.cursor = self.filled = 0
        if state["columns"] is None:
            return
        for name, column in self.columns.items():
            saved = state["columns"][name]
            if len(saved) > self.capacity or saved.shape[1:] != column.shape[1:]:
                raise WaybillError(f"the saved memory does not fit: {name} is {tuple(saved.shape)} there")
            column[: len(saved)] = saved.to(column.device)
        self.cursor, self.filled = state["cursor"], state["filled"]
        if self.sparse is not None:
            self.sparse.load_state_dict(state["sparse"], self.filled)
