"""Sequential experience memory on a CPU: a ring of T batch steps x N games, from which transitions are sampled."""

from __future__ import annotations

from collections.abc import Collection
from operator import itemgetter
from typing import Any

import numpy as np
import torch
from torch import Tensor

from agents.memory.formats import OBS_DTYPES, check_bytes, check_fits, pack_mask
from agents.memory.priorities import Priorities
from agents.memory.sampling import MemoryColumns, draw_starts, read_compiled
from agents.memory.sparse import SparseRows
from agents.memory.transitions import PartBuffers, TransitionBuffers, Transitions
from groundwork.errors import WaybillError

SPARSE_FROM = 64  # numbers of an observation: smaller ones gain nothing


class SequentialMemory:
    """The last T batch steps of N games, row by row as they were played.

    Row k holds what the agent saw and did at batch step k and what came of it. The next observation of row k is the
    observation of row k + 1, so each is stored once. Games reset by themselves one step after they ended (Gymnasium's
    NEXT_STEP): the row after an end holds the final observation and an action that was ignored; no transition starts
    there or crosses it. Rows must follow each other without gaps.
    """

    def __init__(
        self,
        *,
        capacity: int,
        num_envs: int,
        obs_size: int,
        n_actions: int,
        obs_dtype: str,
        store_masks: bool,
        memory_bytes: int,
        generator: np.random.Generator,
        priorities: Priorities | None = None,
        longest: int = 1,
        sparse: bool | None = None,
    ) -> None:
        """Room for ``capacity // num_envs`` rows; pages are touched when written.

        With ``sparse`` observations are packed (see ``SparseRows``): by default if they aren't small. Where
        ``memory_bytes`` are full before the ring is, the oldest rows are forgotten early.

        With ``priorities`` (over rows x games slots) starts are drawn by them; ``longest`` is the most steps that a
        transition will have, as a start gets its priority once these are stored.

        Raises:
            WaybillError: in one line, if that needs more than ``memory_bytes``, packed observations not counted, or
                holds fewer than two rows.
        """
        self.n_rows, self.num_envs, self.n_actions = capacity // num_envs, num_envs, n_actions
        self.generator, self.priorities, self.longest = generator, priorities, longest
        if self.n_rows < 2:
            raise WaybillError(f"memory_capacity={capacity} is under two steps of num_envs={num_envs} games: raise it")
        self.shape = (self.n_rows, num_envs)
        dtype, mask_size = OBS_DTYPES[obs_dtype], -(-n_actions // 8) if store_masks else 0
        sparse = obs_size >= SPARSE_FROM if sparse is None else sparse
        a_obs, name = (
            (16 + obs_size // 64, "packed, its numbers not counted")
            if sparse
            else (obs_size * dtype.itemsize, f"x {obs_dtype}")
        )
        per_step = a_obs + mask_size + 11  # action, reward and three flags
        holds = f"observation {obs_size:,} {name}, mask {n_actions if store_masks else 0:,} bits"
        check_bytes(capacity, per_step, holds, memory_bytes)
        self.sparse: SparseRows | None = None
        if sparse:
            room = memory_bytes - capacity * per_step
            self.sparse = SparseRows(
                rows=self.n_rows, num_envs=num_envs, obs_size=obs_size, dtype=dtype, limit_bytes=room
            )
        self.obs_size, self.obs_dtype = obs_size, dtype
        self.obs = torch.empty(*self.shape, 0 if sparse else obs_size, dtype=dtype)
        self.mask_bits = torch.empty(*self.shape, mask_size, dtype=torch.uint8) if store_masks else None
        self.a = torch.zeros(self.shape, dtype=torch.int32)
        self.r = torch.zeros(self.shape, dtype=torch.float32)
        self.terminated = torch.zeros(self.shape, dtype=torch.bool)
        self.truncated = torch.zeros(self.shape, dtype=torch.bool)
        self.valid = torch.zeros(self.shape, dtype=torch.bool)
        self.cursor = 0  # row to write next
        self.filled = 0  # rows that are remembered, at most T
        self._written = 0  # rows that were ever written to, at most T
        self._valid_slots = self.valid.view(-1).numpy()
        kept = self.obs, self.mask_bits, self.a, self.r, self.terminated, self.truncated
        self.columns = MemoryColumns(*(None if x is None else x.flatten(0, 1) for x in kept))  # [T * N, ...]
        self.arrays = self.columns.as_arrays()

    def __len__(self) -> int:
        """Rows in the memory, of ``num_envs`` steps each."""
        return self.filled

    def add(
        self,
        *,
        obs_tm1: np.ndarray,
        mask_tm1: np.ndarray | None,
        a_tm1: np.ndarray,
        r_t: np.ndarray,
        terminated_t: np.ndarray,
        truncated_t: np.ndarray,
        reset_rows: np.ndarray,
    ) -> None:
        """Append one batch step: obs [N, D], mask [N, A], the others [N]; ``reset_rows`` marks ignored actions.

        Raises:
            WaybillError: if an observation does not fit into the number format.
        """
        check_fits(obs_tm1, self.obs_dtype)
        row = self.cursor
        if self.sparse is None:
            self.obs[row].copy_(_tensor(obs_tm1))
        else:
            self._pack(row, _tensor(obs_tm1))
        if self.mask_bits is not None:
            if mask_tm1 is None:
                raise WaybillError("this memory stores masks, but got none")
            self.mask_bits[row].copy_(_tensor(pack_mask(mask_tm1)))
        for column, values in (
            (self.a, a_tm1), (self.r, r_t), (self.terminated, terminated_t), (self.truncated, truncated_t),
            (self.valid, ~np.asarray(reset_rows, np.bool_)),
        ):  # fmt: skip
            column[row].copy_(_tensor(values))
        self.cursor = (row + 1) % self.n_rows
        self.filled = min(self.filled + 1, self.n_rows)
        self._written = max(self._written, row + 1)
        if self.priorities is not None:
            self._prioritise(row)

    def _pack(self, row: int, obs: Tensor) -> None:
        """Keep packed observations; the oldest rows make room, if it must be."""
        assert self.sparse is not None
        self.filled = min(self.filled, self.n_rows - 1)  # the oldest is overwritten
        while not self.sparse.write(row, obs):
            oldest = self._oldest_row()
            self.sparse.forget(oldest)
            if self.priorities is not None:
                self.priorities.remove(oldest * self.num_envs + torch.arange(self.num_envs))
            self.filled -= 1

    def _prioritise(self, row: int) -> None:
        """Forget the row that was overwritten; the one whose longest transition is stored now can be drawn."""
        assert self.priorities is not None
        games = torch.arange(self.num_envs)
        self.priorities.remove(row * self.num_envs + games)
        ready = (row - self.longest) % self.n_rows
        if self.filled > self.longest:
            self.priorities.add((ready * self.num_envs + games)[self.valid[ready]])

    @property
    def stores_masks(self) -> bool:
        """Whether masks differ; otherwise all actions are always legal."""
        return self.mask_bits is not None

    def can_sample(self, n_step: int) -> bool:
        """Whether a transition of up to ``n_step`` steps can be drawn: its last observation must be stored."""
        window = self.filled - (n_step if self.priorities is None else self.longest)
        # A game that was reset at one row was not at the next, so two rows always hold a start.
        return window >= 2 or (window == 1 and bool(self.valid[self._oldest_row()].any()))

    def sample(self, batch_size: int, n_step: int, gamma: float, *, beta: float = 1.0) -> Transitions:
        """``batch_size`` transitions, see ``draw`` and ``read``.

        Raises:
            WaybillError: if there is nothing to draw from yet.
        """
        slots, weights = self.draw(batch_size, n_step, beta=beta)
        buffers = self.buffers(1, batch_size)
        for part, out in buffers.halves[0]:
            self.read(slots[part], None if weights is None else weights[part], n_step, gamma, out)
        return buffers.batch.map(itemgetter(0))

    def draw(self, batch_size: int, n_step: int, *, beta: float = 1.0) -> tuple[np.ndarray, Tensor | None]:
        """Where ``batch_size`` transitions start, int64 [B], and their importance weights, if starts have priorities.

        Drawn with replacement from the starts whose n-step window is stored, uniformly or by priority: then weights are
        of the exponent ``beta``.

        Raises:
            WaybillError: if there is nothing to draw from yet.
        """
        if not self.can_sample(n_step):
            raise WaybillError(f"the memory's {self.filled} rows hold no transition of {n_step} steps yet")
        if self.priorities is None:
            oldest, count = self._oldest_row() * self.num_envs, (self.filled - n_step) * self.num_envs
            valid = self._valid_slots
            return draw_starts(self.generator, valid, oldest=oldest, count=count, batch_size=batch_size), None
        drawn, chances = self.priorities.sample(batch_size)
        return drawn.numpy(), self.priorities.weights(chances, self.filled * self.num_envs, beta)

    def read(self, slots: np.ndarray, weights: Tensor | None, n_step: int, gamma: float, out: PartBuffers) -> None:
        """Read the transitions that start at ``slots`` [B] into buffers; see ``draw``."""
        read_compiled(
            self.arrays, slots, n_step=n_step, num_envs=self.num_envs, gamma=gamma, weights=weights, out=out,
            sparse=self.sparse,
        )  # fmt: skip

    def buffers(self, seeds: int, batch_size: int) -> TransitionBuffers:
        """Room for batches of as many memories like this one, for ``sample``."""
        return TransitionBuffers(
            seeds=seeds, batch_size=batch_size, obs_size=self.obs_size, n_actions=self.n_actions,
            stores_masks=self.stores_masks,
        )  # fmt: skip

    def _oldest_row(self) -> int:
        return (self.cursor - self.filled) % self.n_rows

    def _saved_columns(self) -> dict[str, Tensor]:
        names = ("obs", "a", "r", "terminated", "truncated", "valid") + (("mask_bits",) if self.stores_masks else ())
        return {name: getattr(self, name) for name in names}

    def state_dict(self, *, prefix: str = "", saved: Collection[str] = ()) -> dict[str, Any]:
        """A copy of the rows, the ring's place and the generator, as tensors and plain numbers.

        See ``SparseRows.state_dict`` for ``prefix`` and what is ``saved`` already.
        """
        rows = {name: column[: self._written].clone() for name, column in self._saved_columns().items()}
        place = {"cursor": self.cursor, "filled": self.filled, "n_rows": self.n_rows}
        packed = (
            {} if self.sparse is None else {"sparse": self.sparse.state_dict(self._written, prefix=prefix, saved=saved)}
        )
        drawn_by = {} if self.priorities is None else {"priorities": self.priorities.state_dict()}
        return {"columns": rows} | packed | place | self.generator_state() | drawn_by

    def generator_state(self) -> dict[str, Any]:
        """The generator alone, as plain numbers."""
        return {"generator": dict(self.generator.bit_generator.state)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with the rows and the generator of that state.

        Raises:
            WaybillError: in one line, if it comes from a memory of another size or kind.
        """
        if isinstance(state["generator"], Tensor):
            raise WaybillError("the saved memory does not fit: it is one of a GPU, this run's is on a CPU")
        self.generator.bit_generator.state = state["generator"]
        if "columns" not in state:
            return
        columns = self._saved_columns()
        for name, stored in state["columns"].items():
            ours = (self.n_rows, *columns[name].shape[1:]) if name in columns else "absent"
            theirs = (state["n_rows"], *stored.shape[1:])
            if ours != theirs:
                raise WaybillError(f"the saved memory does not fit: {name} is {theirs} there and {ours} here")
            columns[name][: len(stored)].copy_(stored)
        self.cursor, self.filled, self._written = state["cursor"], state["filled"], len(state["columns"]["a"])
        if self.sparse is not None:
            self.sparse.load_state_dict(state["sparse"], self._written)
        if self.priorities is not None:
            if "priorities" not in state:
                raise WaybillError("the saved memory does not fit: it has no priorities")
            self.priorities.load_state_dict(state["priorities"])


def _tensor(values: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values))
