"""Reading batches on a CPU: compiled passes against tensor operations, number formats, buffers that are used again."""

from __future__ import annotations

from operator import itemgetter
from typing import Any

import numpy as np
import pytest
import torch
from remembered import Games, make_memory, make_prioritised
from torch import Tensor

from agents.kernels import gather
from agents.memory.ring import SequentialMemory
from agents.memory.sampling import read_tensors
from agents.memory.transitions import TransitionBuffers, Transitions


class Numbers(Games):
    """Games whose observations fill the number format: bytes, or floats among which are subnormal halves and -0."""

    def __init__(self, *, obs_dtype: str, obs_size: int, **options: Any) -> None:
        super().__init__(**options)
        self.obs_dtype, self.obs_size = obs_dtype, obs_size

    def row(self) -> dict[str, Any]:
        row, shape = super().row(), (self.n, self.obs_size)
        if self.obs_dtype == "uint8":
            return row | {"obs_tm1": self.rng.integers(0, 256, shape).astype(np.float32)}
        numbers = self.rng.normal(size=shape) * 10.0 ** self.rng.integers(-8, 4, shape)
        return row | {"obs_tm1": np.where(self.rng.random(shape) < 0.2, -0.0, numbers).astype(np.float32)}


def assert_same(compiled: Transitions, tensors: Transitions) -> None:
    """All that both give; the compiled way adds observations side by side."""
    for name in ("obs_tm1", "obs_t"):
        ours, theirs = getattr(compiled, name), getattr(tensors, name).float()
        assert ours.dtype == torch.float32
        assert torch.equal(ours.view(torch.int32), theirs.view(torch.int32)), name  # to the bit: 0 is not -0
    for name in ("mask_tm1", "mask_t", "a_tm1", "slots"):
        assert torch.equal(getattr(compiled, name), getattr(tensors, name)), name
    for name in ("r_t", "discount_t", "weights"):
        torch.testing.assert_close(getattr(compiled, name), getattr(tensors, name), msg=name)


def filled(obs_dtype: str, masks: bool, rows: int, seed: int) -> SequentialMemory:
    memory = make_memory(
        capacity=42, num_envs=2, obs_size=5, obs_dtype=obs_dtype, store_masks=masks,
        generator=np.random.default_rng(seed),
    )  # fmt: skip
    games = Numbers(obs_dtype=obs_dtype, obs_size=5, num_envs=2, seed=seed, end_chance=0.3)
    for _ in range(rows):
        memory.add(**games.row() | ({} if masks else {"mask_tm1": None}))
    return memory


def by_tensors(memory: SequentialMemory, slots: Tensor, n_step: int, weights: Tensor | None = None) -> Transitions:
    weights = torch.ones(len(slots)) if weights is None else weights
    return read_tensors(
        memory.columns, slots, n_step=n_step, longest=6, num_envs=memory.num_envs, gamma=0.9, weights=weights,
        n_actions=11,
    )  # fmt: skip


@pytest.mark.parametrize("obs_dtype", ["float16", "float32", "uint8"])
@pytest.mark.parametrize("masks", [True, False])
@pytest.mark.parametrize("rows", [9, 21, 50])
@pytest.mark.parametrize("n_step", [1, 4])
def test_the_compiled_way_is_the_tensor_way(obs_dtype: str, masks: bool, rows: int, n_step: int) -> None:
    """Part of a ring of 21 rows, all of it, and round it."""
    memory = filled(obs_dtype, masks, rows, seed=rows + n_step)
    batch = memory.sample(300, n_step, 0.9)
    assert 0 < (batch.discount_t == 0).sum() < 300
    assert_same(batch, by_tensors(memory, batch.slots, n_step))
    if rows == 50:  # some transitions begin at the end of the ring and end at its beginning
        assert (batch.slots >= (21 - n_step) * 2).any()


def test_importance_weights_come_both_ways() -> None:
    memory, games = make_prioritised(longest=2), Games()
    for _ in range(20):
        memory.add(**games.row())
    weights = torch.rand(4, generator=torch.Generator().manual_seed(0))
    slots = torch.tensor([5, 3, 9, 30])
    buffers = TransitionBuffers(seeds=1, batch_size=4, obs_size=2, n_actions=11, stores_masks=True)
    for part, out in buffers.halves[0]:
        memory.read(slots[part].numpy(), weights[part], 2, 0.9, out)
    assert_same(buffers.batch.map(itemgetter(0)), by_tensors(memory, slots, 2, weights))


def test_every_half_is_converted_exactly() -> None:
    """All 63,488 finite bit patterns: subnormal numbers and negative zero too."""
    bits = np.arange(2**16, dtype=np.uint32).astype(np.uint16)
    column = bits[np.isfinite(bits.view(np.float16))].view(np.float16).reshape(8, -1)
    out, rows = np.empty((8, column.shape[1]), np.float32), np.array([3, 0, 7, 1, 2, 4, 5, 6])
    gather.obs_rows(column, rows, out)
    assert column.size == 63_488
    assert (out.view(np.uint32) == column[rows].astype(np.float32).view(np.uint32)).all()


@pytest.mark.parametrize("stores_masks", [True, False])
def test_seeds_are_read_side_by_side(stores_masks: bool) -> None:
    """Each seed's part of the buffers is its own batch; rows t follow rows tm1; new batches take the same room."""
    buffers = TransitionBuffers(seeds=2, batch_size=6, obs_size=5, n_actions=11, stores_masks=stores_masks)
    memories, twins = ([filled("float16", stores_masks, 15, seed) for seed in (1, 2)] for _ in range(2))
    for beginning in (0, 1):
        for memory, halves in zip(memories, buffers.halves, strict=True):
            slots, weights = memory.draw(6, 3)
            assert weights is None
            assert [part for part, _ in halves] == [slice(0, 3), slice(3, 6)]
            for part, out in halves:
                memory.read(slots[part], None, 3, 0.9, out)
        for s, twin in enumerate(twins):
            alone = twin.sample(6, 3, 0.9)
            for name, ours, theirs in zip(Transitions._fields, buffers.batch, alone, strict=True):
                assert ours is not None
                assert torch.equal(ours[s], theirs), (beginning, name)
    batch = buffers.batch
    assert batch.obs is not None
    assert batch.mask is not None
    assert torch.equal(batch.obs, torch.cat([batch.obs_tm1, batch.obs_t], 1))
    assert torch.equal(batch.mask, torch.cat([batch.mask_tm1, batch.mask_t], 1))
    assert batch.obs.data_ptr() == batch.obs_tm1.data_ptr()


def test_constant_masks_take_no_room() -> None:
    buffers = TransitionBuffers(seeds=2, batch_size=4096, obs_size=1, n_actions=187_201, stores_masks=False)
    assert buffers.batch.mask_t.shape == (2, 4096, 187_201)
    assert buffers.mask.untyped_storage().nbytes() == 1


def test_every_half_is_read_as_what_it_is() -> None:
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    column = halves[np.isfinite(halves)][None]
    out = np.empty(column.shape, np.float32)
    gather.obs_rows(column, np.zeros(1, np.int64), out)
    assert (out.view(np.uint32) == column.astype(np.float32).view(np.uint32)).all()
