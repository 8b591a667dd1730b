"""Sequential experience memory: a ring of T batch steps x N games; n-step transitions are made when sampling."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from agents import losses
from agents.kernels import gather
from agents.memory.batch import Batch, Buffers, Part
from agents.memory.priorities import Priorities

OBS_DTYPES = {"uint8": torch.uint8, "float16": torch.float16, "float32": torch.float32}
_LARGEST = {torch.uint8: 255.0, torch.float16: 65504.0}


def pack_mask(mask: np.ndarray) -> np.ndarray:
    """Eight actions to a byte: [N, A] bool or int8 -> uint8 [N, ceil(A / 8)]."""
    return np.packbits(np.ascontiguousarray(mask).view(np.bool_), axis=1, bitorder="little")


def unpack_mask(bits: Tensor, n_actions: int) -> Tensor:
    """The inverse: uint8 [B, ceil(A / 8)] -> bool [B, A]."""
    if bits.device.type == "cpu":  # several times faster than shifting
        return torch.from_numpy(np.unpackbits(bits.numpy(), axis=1, count=n_actions, bitorder="little").view(np.bool_))
    shifts = torch.arange(8, device=bits.device, dtype=torch.uint8)
    return ((bits.unsqueeze(2) >> shifts) & 1).flatten(1)[:, :n_actions].bool()


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
        device: torch.device,
        generator: np.random.Generator,
        priorities: Priorities | None = None,
        longest: int = 1,
    ) -> None:
        """Room for ``capacity // num_envs`` rows; pages are touched when written.

        With ``priorities`` (over rows x games slots) starts are drawn by them; ``longest`` is the most steps that a
        transition will have, as a start gets its priority once these are stored.

        Raises:
            ValueError: in one line, if that needs more than ``memory_bytes`` or holds fewer than two rows.
        """
        self.n_rows, self.num_envs, self.n_actions = capacity // num_envs, num_envs, n_actions
        self.device, self.generator = device, generator
        self.priorities, self.longest = priorities, longest
        if self.n_rows < 2:
            raise ValueError(f"memory_capacity={capacity} is under two steps of num_envs={num_envs} games: raise it")
        self.shape = (self.n_rows, num_envs)
        dtype, mask_size = OBS_DTYPES[obs_dtype], -(-n_actions // 8) if store_masks else 0
        _check_bytes(capacity, obs_size, obs_dtype, n_actions if store_masks else 0, memory_bytes)
        self.obs = torch.empty(*self.shape, obs_size, dtype=dtype, device=device)
        self.mask_bits = torch.empty(*self.shape, mask_size, dtype=torch.uint8, device=device) if store_masks else None
        self.a = torch.zeros(self.shape, dtype=torch.int32, device=device)
        self.r = torch.zeros(self.shape, dtype=torch.float32, device=device)
        self.terminated = torch.zeros(self.shape, dtype=torch.bool, device=device)
        self.truncated = torch.zeros(self.shape, dtype=torch.bool, device=device)
        self.valid = torch.zeros(self.shape, dtype=torch.bool)  # on the CPU, where starts are drawn
        self.cursor = 0  # row to write next
        self.filled = 0  # rows written so far, at most T
        self._valid_slots = self.valid.view(-1).numpy()
        on_cpu = device.type == "cpu"
        columns = self._columns() if on_cpu else {}
        self._arrays = {name: x.view(-1, *x.shape[2:]).numpy() for name, x in columns.items()}  # over slots, [T * N]

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
        obs_there: Tensor | None = None,
    ) -> None:
        """Append one batch step: obs [N, D], mask [N, A], the others [N]; ``reset_rows`` marks ignored actions.

        ``obs_there`` is obs on the memory's device, if it has been sent there already.

        Raises:
            ValueError: if an observation does not fit into the number format.
        """
        self._check_fits(obs_tm1)
        row = self.cursor
        self.obs[row].copy_(_tensor(obs_tm1) if obs_there is None else obs_there)
        if self.mask_bits is not None:
            if mask_tm1 is None:
                raise ValueError("this memory stores masks, but got none")
            self.mask_bits[row].copy_(_tensor(pack_mask(mask_tm1)))
        for column, values in (
            (self.a, a_tm1), (self.r, r_t), (self.terminated, terminated_t), (self.truncated, truncated_t),
            (self.valid, ~np.asarray(reset_rows, np.bool_)),
        ):  # fmt: skip
            column[row].copy_(_tensor(values))
        self.cursor = (row + 1) % self.n_rows
        self.filled = min(self.filled + 1, self.n_rows)
        if self.priorities is not None:
            self._prioritise(row)

    def _check_fits(self, obs: np.ndarray) -> None:
        limit = _LARGEST.get(self.obs.dtype)
        if limit is None:
            return
        low, high, is_bytes = float(obs.min()), float(obs.max()), self.obs.dtype == torch.uint8
        if not (high <= limit and low >= (0 if is_bytes else -limit)):
            name, worst = str(self.obs.dtype).removeprefix("torch."), high if high > limit else low
            raise ValueError(f"an observed {worst:g} does not fit into obs_dtype={name}: use obs_dtype=float32")
        if is_bytes and (obs != np.trunc(obs)).any():
            raise ValueError("observed fractions do not fit into obs_dtype=uint8: use obs_dtype=float16")

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
        return window >= 2 or (window == 1 and bool(self.valid[self._row(0)].any()))

    def sample(
        self, batch_size: int, n_step: int, gamma: float, *, beta: float = 1.0, out: Part | None = None
    ) -> Batch:
        """``batch_size`` transitions, with replacement, from the starts whose n-step window is stored.

        Starts are drawn uniformly, or by priority: then ``weights`` are importance weights with the exponent ``beta``.
        On a CPU the batch is read into ``out`` if given (a part of ``Buffers``).

        Raises:
            ValueError: if there is nothing to draw from yet.
        """
        if not self.can_sample(n_step):
            raise ValueError(f"the memory's {self.filled} rows hold no transition of {n_step} steps yet")
        if self.priorities is None:
            slots, weights = self._draw_slots(batch_size, self.filled - n_step), None
        else:
            drawn, chances = self.priorities.sample(batch_size)
            weights = self.priorities.weights(chances, self.filled * self.num_envs, beta)
            slots = drawn.cpu().numpy()
        if self.device.type == "cpu":
            return self._read(slots, n_step, gamma, weights, self._room(batch_size) if out is None else out)
        return self.read_tensors(torch.from_numpy(slots).to(self.device), n_step, gamma, weights)

    def _room(self, batch_size: int) -> Part:
        return Buffers(
            seeds=1, batch_size=batch_size, obs_size=self.obs.shape[2], n_actions=self.n_actions,
            stores_masks=self.stores_masks,
        ).parts[0]  # fmt: skip

    def _read(self, slots: np.ndarray, n_step: int, gamma: float, weights: Tensor | None, out: Part) -> Batch:
        """Transitions that start at ``slots`` [B], by compiled passes."""
        own, to, last = self._arrays, out.arrays, np.empty_like(slots)
        gather.n_step(
            slots, n_step, self.num_envs, gamma ** np.arange(n_step + 1), own["r"], own["terminated"],
            own["truncated"], own["a"], last, to.r_t, to.discount_t, to.a_tm1,
        )  # fmt: skip
        for rows, obs, mask in ((slots, to.obs_tm1, to.mask_tm1), (last, to.obs_t, to.mask_t)):
            gather.obs_rows(own["obs"], rows, obs)
            if self.mask_bits is not None:
                gather.mask_rows(own["mask_bits"], rows, mask)
        if weights is not None:
            out.batch.weights.copy_(weights)
        to.slots[:] = slots
        return out.batch

    def read_tensors(self, slots: Tensor, n_step: int, gamma: float, weights: Tensor | None) -> Batch:
        """Transitions that start at ``slots`` [B], by tensor operations on the memory's device."""
        steps_on = torch.arange(n_step, device=slots.device) * self.num_envs
        flat = (slots.unsqueeze(1) + steps_on) % (self.n_rows * self.num_envs)  # [B, n]
        r, terminated, truncated = (c.view(-1)[flat] for c in (self.r, self.terminated, self.truncated))  # [B, n]
        r_t, discount_t, steps = losses.n_step_return(r, terminated, truncated, gamma)
        last = (slots + steps * self.num_envs) % (self.n_rows * self.num_envs)  # the row after the window, wrapped
        return Batch(
            obs_tm1=self._obs(slots), mask_tm1=self._mask(slots), a_tm1=self.a.view(-1)[slots].long(),
            r_t=r_t, discount_t=discount_t, obs_t=self._obs(last), mask_t=self._mask(last),
            weights=torch.ones_like(r_t) if weights is None else weights.to(r_t), slots=slots,
        )  # fmt: skip

    def _draw_slots(self, batch_size: int, window: int) -> np.ndarray:
        """Slots [B] of valid starts among the oldest ``window`` rows."""
        valid, steps = self._valid_slots, window * self.num_envs
        oldest = (self.cursor - self.filled) % self.n_rows * self.num_envs
        drawn = self.generator.integers(0, steps, size=batch_size)
        slots, bad = np.empty_like(drawn), np.empty_like(drawn)
        for _ in range(64):  # few rows are resets, so redrawing them is cheaper than listing all others
            count = gather.find_starts(drawn, oldest, valid, slots, bad)
            if count == 0:
                return slots
            drawn[bad[:count]] = self.generator.integers(0, steps, size=count)
        starts = (np.arange(steps) + oldest) % len(valid)
        starts = starts[valid[starts]]
        return starts[self.generator.integers(0, len(starts), size=batch_size)]

    def _row(self, age: Any) -> Any:
        """Row in the ring of an age (int, array or tensor)."""
        return (age + self.cursor - self.filled) % self.n_rows

    def _obs(self, flat: Tensor) -> Tensor:
        return self.obs.view(-1, self.obs.shape[2]).index_select(0, flat)

    def _mask(self, flat: Tensor) -> Tensor:
        if self.mask_bits is None:
            return torch.ones(1, 1, dtype=torch.bool, device=self.device).expand(len(flat), self.n_actions)
        return unpack_mask(self.mask_bits.view(-1, self.mask_bits.shape[2]).index_select(0, flat), self.n_actions)

    def _columns(self) -> dict[str, Tensor]:
        names = ("obs", "a", "r", "terminated", "truncated", "valid") + (("mask_bits",) if self.stores_masks else ())
        return {name: getattr(self, name) for name in names}

    def state_dict(self) -> dict[str, Any]:
        """A copy of the filled rows, the ring's place and the generator, as tensors and plain numbers."""
        rows = {name: column[: self.filled].clone() for name, column in self._columns().items()}
        place = {"cursor": self.cursor, "filled": self.filled, "n_rows": self.n_rows}
        drawn_by = {} if self.priorities is None else {"priorities": self.priorities.state_dict()}
        return {"columns": rows} | place | self.generator_state() | drawn_by

    def generator_state(self) -> dict[str, Any]:
        """The generator alone, as plain numbers."""
        return {"generator": dict(self.generator.bit_generator.state)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with the rows and the generator of that state.

        Raises:
            ValueError: in one line, if it comes from a memory of another size.
        """
        self.generator.bit_generator.state = state["generator"]
        if "columns" not in state:
            return
        columns = self._columns()
        for name, stored in state["columns"].items():
            ours = (self.n_rows, *columns[name].shape[1:]) if name in columns else "absent"
            theirs = (state["n_rows"], *stored.shape[1:])
            if ours != theirs:
                raise ValueError(f"the saved memory does not fit: {name} is {theirs} there and {ours} here")
            columns[name][: state["filled"]].copy_(stored)
        self.cursor, self.filled = state["cursor"], state["filled"]
        if self.priorities is not None:
            if "priorities" not in state:
                raise ValueError("the saved memory does not fit: it has no priorities")
            self.priorities.load_state_dict(state["priorities"])


def _tensor(values: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values))


def _check_bytes(capacity: int, obs_size: int, obs_dtype: str, mask_size: int, memory_bytes: int) -> None:
    per_step = obs_size * OBS_DTYPES[obs_dtype].itemsize + -(-mask_size // 8) + 11  # action, reward and three flags
    if capacity * per_step > memory_bytes:
        raise ValueError(
            f"a memory of {capacity:,} steps of {per_step:,} bytes (observation {obs_size:,} x {obs_dtype}, "
            f"mask {mask_size:,} bits) needs {capacity * per_step / 2**30:.1f} GiB, but memory_bytes is "
            f"{memory_bytes / 2**30:.1f} GiB: lower memory_capacity to {memory_bytes // per_step:,}"
        )
