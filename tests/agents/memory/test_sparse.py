"""Packed observations against plain ones, to the bit: in the ring, when room runs out, and after a round trip."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import torch
from remembered import Games, Row, make_memory, make_prioritised, naive_transition

from agents.memory.ring import SequentialMemory
from agents.memory.sparse import SparseRows

DTYPES = {"uint8": torch.uint8, "float16": torch.float16, "float32": torch.float32}
SIZES = pytest.mark.parametrize("obs_size", [1, 8, 63, 64, 129])


class Numbers(Games):
    """Games whose observations are mostly zeros, some of them all zeros, some without any; -0 and subnormals too.

    The first two numbers say which row and game it is, as everywhere.
    """

    def __init__(self, *, obs_dtype: str, obs_size: int, **options: Any) -> None:
        super().__init__(**options)
        self.obs_dtype, self.obs_size = obs_dtype, obs_size

    def row(self) -> Row:
        row, shape = super().row(), (self.n, self.obs_size)
        return row | {"obs_tm1": np.concatenate([row["obs_tm1"], numbers(self.rng, shape, self.obs_dtype)], axis=1)}


def numbers(rng: np.random.Generator, shape: tuple[int, int], obs_dtype: str) -> np.ndarray:
    filled = rng.integers(1, 256, shape).astype(float)
    if obs_dtype != "uint8":
        filled = np.where(rng.random(shape) < 0.1, -0.0, rng.normal(size=shape) * 10.0 ** rng.integers(-8, 4, shape))
    density = rng.choice([0.0, 0.02, 0.1, 1.0], p=[0.1, 0.4, 0.4, 0.1])
    return np.where(rng.random(shape) < density, filled, 0.0).astype(np.float32)


def bits(array: np.ndarray) -> np.ndarray:
    return array.view(np.uint32)


@SIZES
@pytest.mark.parametrize("obs_dtype", DTYPES)
def test_rows_are_what_was_written(obs_dtype: str, obs_size: int) -> None:
    """Round a ring of 13 rows, in blocks of four at least; no block is lost and none is written twice."""
    rng = np.random.default_rng(obs_size)
    store = SparseRows(
        rows=13, num_envs=3, obs_size=obs_size, dtype=DTYPES[obs_dtype], limit_bytes=1 << 30, block_bytes=0
    )
    held: dict[int, np.ndarray] = {}
    for number in range(100):
        row = number % 13
        obs = torch.from_numpy(numbers(rng, (3, obs_size), obs_dtype))
        assert store.write(row, obs)
        held[row] = obs.to(DTYPES[obs_dtype]).float().numpy()
        slots = rng.permutation(len(held) * 3)
        out = np.full((len(slots), obs_size), 7.0, np.float32)
        store.read(slots, out)
        assert (bits(out) == bits(np.concatenate([held[k] for k in range(len(held))])[slots])).all()
        in_use = {int(block) for block in store._block_of[store._block_of >= 0]} | {store._block_now}
        assert sorted(in_use | set(store._free)) == list(range(len(store._live)))
        assert not in_use & set(store._free)
        assert store._live.sum() == len(held)


@pytest.mark.parametrize("obs_dtype", DTYPES)
@pytest.mark.parametrize("n_step", [1, 4])
def test_a_memory_that_packs_is_one_that_does_not(obs_dtype: str, n_step: int) -> None:
    memories = [
        make_memory(
            capacity=63, obs_size=202, obs_dtype=obs_dtype, sparse=sparse, generator=np.random.default_rng(3)
        ) for sparse in (False, True)
    ]  # fmt: skip
    games = Numbers(obs_dtype=obs_dtype, obs_size=200, seed=5)
    for number in range(60):
        row = games.row()
        for memory in memories:
            memory.add(**row)
        if memories[0].can_sample(n_step) and number % 4 == 0:
            plain, packed = (memory.sample(50, n_step, 0.9) for memory in memories)
            for ours, theirs in zip(packed, plain, strict=True):
                assert ours is not None
                assert torch.equal(ours.view(torch.int32) if ours.is_floating_point() else ours,
                                   theirs.view(torch.int32) if theirs.is_floating_point() else theirs)  # fmt: skip


def test_small_observations_and_those_on_other_devices_are_not_packed() -> None:
    assert make_memory(obs_size=63).sparse is None
    assert make_memory(obs_size=64, memory_bytes=2**22).sparse is not None


def test_zeros_take_no_room() -> None:
    """A tenth of the numbers in rows of eight: about a tenth of the bytes, in blocks that are used again."""
    store = SparseRows(
        rows=64, num_envs=16, obs_size=800, dtype=torch.float16, limit_bytes=1 << 30, block_bytes=1 << 14
    )
    rng = np.random.default_rng(0)
    for number in range(300):
        obs = torch.zeros(16, 100, 8)
        obs[torch.from_numpy(rng.random((16, 100)) < 0.1)] = 1.5
        assert store.write(number % 64, obs.flatten(1))
    dense = 64 * 16 * 800 * 2
    assert 0.1 < store.used_bytes / dense < 0.2


def short_of_room(prioritised: bool) -> SequentialMemory:
    """A ring of 400 rows with room for fewer."""
    changed: dict[str, Any] = {"obs_size": 2002, "obs_dtype": "float32", "memory_bytes": 2**21}
    return make_prioritised(rows=400, longest=2, **changed) if prioritised else make_memory(capacity=1200, **changed)


@pytest.mark.parametrize("prioritised", [False, True])
def test_the_oldest_make_room_when_bytes_are_full(prioritised: bool) -> None:
    """All that is remembered is what was written; it is the newest, and bytes stay about where they must."""
    memory, games = short_of_room(prioritised), Numbers(obs_dtype="float32", obs_size=2000)
    rows: list[Row] = []
    least = 10**9
    for number in range(900):
        rows.append(games.row())
        memory.add(**rows[-1])
        if number > 500:
            least = min(least, len(memory))
    assert 100 < least < 400
    assert memory.sparse is not None
    assert memory.sparse.used_bytes <= 2**21 + 2**21
    batch = memory.sample(500, 2, 0.9)
    starts = batch.obs_tm1[:, :2].int().tolist()
    assert {k for k, _ in starts} <= set(range(900 - len(memory), 900))
    assert min(k for k, _ in starts) < 900 - len(memory) + 10
    for i, (k, g) in enumerate(starts):
        _, _, last = naive_transition(rows, k, g, 2, 0.9)
        assert (batch.obs_tm1[i].numpy() == rows[k]["obs_tm1"][g]).all()
        assert (batch.obs_t[i].numpy() == rows[last]["obs_tm1"][g]).all()


@pytest.mark.parametrize("count", [50, 700])
def test_a_round_trip_goes_on_as_before(count: int) -> None:
    """Also when the oldest rows make room: they go at the same time, as blocks lie where they lay."""
    memory, games = short_of_room(prioritised=False), Numbers(obs_dtype="float32", obs_size=2000)
    for _ in range(count):
        memory.add(**games.row())
    torch.save(memory.state_dict(), file := io.BytesIO())
    restored = short_of_room(prioritised=False)
    restored.load_state_dict(torch.load(io.BytesIO(file.getvalue()), weights_only=True))
    for _ in range(300):
        row = games.row()
        for one in (memory, restored):
            one.add(**row)
        assert len(memory) == len(restored)
    for ours, theirs in zip(restored.sample(100, 2, 0.9), memory.sample(100, 2, 0.9), strict=True):
        assert ours is not None
        assert torch.equal(ours, theirs)
