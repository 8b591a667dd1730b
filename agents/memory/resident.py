"""Experience memory on a GPU: rows, priorities, drawing and reading stay on the device, and a CUDA graph can hold them.

It remembers what ``SequentialMemory`` does, in the same rows, and gives the same transitions; its random numbers are a
device's. Starts are drawn by cumulative sums over all slots (a pass over memory, which a GPU makes at once).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from agents.gpu.sending import send
from agents.kernels.sum_tree import SMALLEST
from agents.memory.formats import OBS_DTYPES, check_bytes, check_fits, pack_mask
from agents.memory.sampling import MemoryColumns, read_tensors
from agents.memory.transitions import Transitions
from groundwork.errors import WaybillError


class ResidentMemory:
    """The last T batch steps of N games, on a device; see ``SequentialMemory`` for rows.

    ``chance`` float64 [T * N] is what starts are drawn by: 1, or with an ``exponent`` the priority of a slot (Schaul et
    al. 2016); 0 where none may begin. A start is drawn once the ``longest`` transition from it is stored.
    """

    def __init__(
        self, *, capacity: int, num_envs: int, obs_size: int, n_actions: int, obs_dtype: str, store_masks: bool,
        memory_bytes: int, device: torch.device, generator: torch.Generator, longest: int,
        exponent: float | None = None,
    ) -> None:  # fmt: skip
        """Room for ``capacity // num_envs`` rows.

        Raises:
            WaybillError: in one line, if that needs more than ``memory_bytes``, or holds fewer than two rows.
        """
        self.n_rows, self.num_envs, self.n_actions = capacity // num_envs, num_envs, n_actions
        self.device, self.generator, self.longest, self.exponent = device, generator, longest, exponent
        if self.n_rows < 2:
            raise WaybillError(f"memory_capacity={capacity} is under two steps of num_envs={num_envs} games: raise it")
        dtype, mask_size = OBS_DTYPES[obs_dtype], -(-n_actions // 8) if store_masks else 0
        holds = f"observation {obs_size:,} x {obs_dtype}, mask {n_actions if store_masks else 0:,} bits"
        # Beside them action, reward, three flags and a chance.
        check_bytes(capacity, obs_size * dtype.itemsize + mask_size + 19, holds, memory_bytes)
        slots = self.n_rows * num_envs

        def column(dtype: torch.dtype, *shape: int) -> Tensor:  # zeros: a slot that was never written is read as finite
            return torch.zeros(slots, *shape, dtype=dtype, device=device)

        self.columns = MemoryColumns(
            obs=column(dtype, obs_size), mask_bits=column(torch.uint8, mask_size) if store_masks else None,
            a=column(torch.int32), r=column(torch.float32), terminated=column(torch.bool),
            truncated=column(torch.bool),
        )  # fmt: skip
        self.valid, self.chance = column(torch.bool), column(torch.float64)
        self.largest = torch.ones((), dtype=torch.float64, device=device)  # priority so far, and that of new slots
        self.cursor = 0  # row to write next
        self.filled = 0  # rows that are remembered, at most T

    def __len__(self) -> int:
        """Rows in the memory, of ``num_envs`` steps each."""
        return self.filled

    @property
    def stores_masks(self) -> bool:
        """Whether masks differ; otherwise all actions are always legal."""
        return self.columns.mask_bits is not None

    def add(
        self, *, obs_tm1: np.ndarray, mask_tm1: np.ndarray | None, a_tm1: np.ndarray, r_t: np.ndarray,
        terminated_t: np.ndarray, truncated_t: np.ndarray, reset_rows: np.ndarray, obs_there: Tensor | None = None,
    ) -> None:  # fmt: skip
        """Append one batch step, sent in one copy: see ``SequentialMemory.add``.

        ``obs_there`` is obs on the memory's device, if it has been sent there already.

        Raises:
            WaybillError: if an observation does not fit into the number format.
        """
        check_fits(obs_tm1, self.columns.obs.dtype)
        given: dict[str, np.ndarray] = {
            "a": np.asarray(a_tm1, np.int32), "r": np.asarray(r_t, np.float32),
            "terminated": np.asarray(terminated_t, np.bool_), "truncated": np.asarray(truncated_t, np.bool_),
            "valid": ~np.asarray(reset_rows, np.bool_),
        }  # fmt: skip
        if self.stores_masks:
            if mask_tm1 is None:
                raise WaybillError("this memory stores masks, but got none")
            given["mask_bits"] = pack_mask(mask_tm1)
        if obs_there is None:
            given["obs"] = np.asarray(obs_tm1)
        there = dict(zip(given, send(self.device, *given.values()), strict=True))
        slots = self._slots(self.cursor)
        for name, column in {**self.columns._asdict(), "valid": self.valid}.items():
            if column is not None:
                column[slots].copy_(obs_there if name == "obs" and obs_there is not None else there[name])
        self._let_begin()
        self.cursor = (self.cursor + 1) % self.n_rows
        self.filled = min(self.filled + 1, self.n_rows)

    def _let_begin(self) -> None:
        """Nothing begins in the row that was written; what has become a whole transition by it can be drawn."""
        self.chance[self._slots(self.cursor)].zero_()
        if self.filled >= self.longest:
            ready = self._slots((self.cursor - self.longest) % self.n_rows)
            self.chance[ready].copy_(torch.where(self.valid[ready], self.largest, 0.0))

    def _slots(self, row: int) -> slice:
        return slice(row * self.num_envs, (row + 1) * self.num_envs)

    def can_sample(self, n_step: int) -> bool:
        """Whether a transition can be drawn: of two rows one holds a start, as no game is reset twice in a row."""
        return self.filled - self.longest >= 2

    def sample(
        self, batch_size: int, n_step: int | Tensor, gamma: float, *, beta: float | Tensor = 1.0
    ) -> Transitions:  # fmt: skip
        """``batch_size`` transitions of up to ``n_step`` steps, drawn with replacement; ``can_sample`` first.

        With priorities by strata, weights being of the exponent ``beta`` (Schaul et al. 2016, sec. 3.4 and appendix
        B.2.1). Nothing is launched that depends on numbers: these may be tensors [] on the device.
        """
        slots, weights = self.draw(batch_size, beta)
        return read_tensors(
            self.columns, slots, n_step=n_step, longest=self.longest, num_envs=self.num_envs, gamma=gamma,
            weights=weights, n_actions=self.n_actions,
        )  # fmt: skip

    def draw(self, batch_size: int, beta: float | Tensor) -> tuple[Tensor, Tensor]:
        """Slots int64 [B] and importance weights float32 [B]."""
        sums = self.chance.cumsum(0)
        total, points = sums[-1], torch.rand(
            batch_size, dtype=torch.float64, device=self.device, generator=self.generator
        )  # fmt: skip
        if self.exponent is not None:
            points = (torch.arange(batch_size, dtype=torch.float64, device=self.device) + points) / batch_size
        slots = torch.searchsorted(sums, points * total, right=True).clamp(max=len(sums) - 1)
        chance = self.chance[slots]
        # A device adds in any order: at a border of rounded sums a slot of chance 0 may be found. It counts nothing.
        there = chance > 0
        if self.exponent is None:
            return slots, there.float()
        weights = torch.where(there, (chance / total) ** -beta, 0.0)  # the number of slots cancels with the largest
        return slots, (weights / weights.amax()).float()

    def update_priorities(self, slots: Tensor, td_error: Tensor) -> None:
        """New priorities of drawn slots, both [B]: (|TD error| + 1e-6)**exponent; of one drawn twice the larger."""
        if self.exponent is None:
            return
        found = (td_error.abs().double() + SMALLEST) ** self.exponent
        found = torch.where(self.chance[slots] > 0, found, 0.0)
        self.chance.scatter_reduce_(0, slots, found, "amax", include_self=False)
        self.largest.copy_(torch.maximum(self.largest, found.amax()))

    def state_dict(self, *, prefix: str = "", saved: Any = ()) -> dict[str, Any]:
        """A copy of the rows on the CPU, the ring's place, the generator, and what starts are drawn by."""
        rows = {name: x.cpu() for name, x in self._saved().items()}
        place = {"cursor": self.cursor, "filled": self.filled, "n_rows": self.n_rows}
        return {"resident": rows, "largest": self.largest.cpu()} | place | self.generator_state()

    def _saved(self) -> dict[str, Tensor]:
        """What of each column was ever written, [rows * N, ...]."""
        written = slice(0, self.filled * self.num_envs)
        named = {**self.columns._asdict(), "valid": self.valid, "chance": self.chance}
        return {name: column[written] for name, column in named.items() if column is not None}

    def generator_state(self) -> dict[str, Any]:
        """The generator alone."""
        return {"generator": self.generator.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with the rows and the generator of that state.

        Raises:
            WaybillError: in one line, if it comes from a memory of another size or kind.
        """
        if not isinstance(state["generator"], Tensor):
            raise WaybillError("the saved memory does not fit: it is one of a CPU, this run's is on a GPU")
        self.generator.set_state(state["generator"])
        if "resident" not in state:
            return
        self.cursor, self.filled = state["cursor"], state["filled"]
        for name, own in self._saved().items():
            theirs = state["resident"].get(name, torch.zeros(0))
            if state["n_rows"] != self.n_rows or own.shape != theirs.shape:
                there, here = ((rows, *x.shape[1:]) for rows, x in ((state["n_rows"], theirs), (self.n_rows, own)))
                raise WaybillError(f"the saved memory does not fit: {name} is {there} there and {here} here")
            own.copy_(theirs)
        self.largest.copy_(state["largest"])
