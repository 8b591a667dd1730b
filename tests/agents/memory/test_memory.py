"""The memory against a naive twin, its borders, and its round trip."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import torch
from remembered import Games, Row, make_memory, naive_transition

from agents.memory.formats import pack_mask, unpack_mask


@pytest.mark.parametrize("seed", range(12))
def test_samples_are_those_of_the_naive_twin(seed: int) -> None:
    """Every transition sampled is the one that plain loops give, and every valid start is sampled."""
    rng = np.random.default_rng(seed)
    n_step, num_envs, n_rows = int(rng.integers(1, 6)), int(rng.integers(1, 5)), int(rng.integers(8, 30))
    memory = make_memory(capacity=n_rows * num_envs, num_envs=num_envs, generator=rng)
    games = Games(num_envs=num_envs, seed=seed)
    rows: list[Row] = []
    for _ in range(int(rng.integers(n_step + 2, 70))):
        rows.append(games.row())
        memory.add(**rows[-1])
    kept = range(max(0, len(rows) - n_rows), len(rows) - n_step)
    expected = {(k, g) for k in kept for g in range(num_envs) if not rows[k]["reset_rows"][g]}
    batch = memory.sample(4000, n_step, gamma=0.9)
    starts = batch.obs_tm1.int().tolist()
    assert batch.slots.tolist() == [k % n_rows * num_envs + g for k, g in starts]
    assert set(batch.weights.tolist()) == {1.0}
    assert {(k, g) for k, g in starts} == expected
    for i, (k, g) in enumerate(starts):
        total, discount, last = naive_transition(rows, k, g, n_step, 0.9)
        assert batch.r_t[i].item() == pytest.approx(total, abs=1e-5)
        assert batch.discount_t[i].item() == pytest.approx(discount)
        assert batch.obs_t[i].tolist() == [last, g]
        assert batch.a_tm1[i].item() == rows[k]["a_tm1"][g]
        assert batch.mask_tm1[i].tolist() == rows[k]["mask_tm1"][g].astype(bool).tolist()
        assert batch.mask_t[i].tolist() == rows[last]["mask_tm1"][g].astype(bool).tolist()


def test_starts_are_uniform() -> None:
    memory, games = make_memory(), Games()
    rows = [games.row() for _ in range(20)]
    for row in rows:
        memory.add(**row)
    valid = sum(int((~row["reset_rows"]).sum()) for row in rows[:-2])
    batch = memory.sample(100_000, 2, gamma=0.9)
    counts = np.bincount((batch.obs_tm1[:, 0] * 3 + batch.obs_tm1[:, 1]).int().numpy(), minlength=54)
    assert np.abs(counts[counts > 0] - 100_000 / valid).max() < 5 * np.sqrt(100_000 / valid)


def test_the_newest_observation_must_be_stored_before_sampling() -> None:
    memory, games = make_memory(), Games(end_chance=0.0)
    for rows in range(1, 5):
        memory.add(**games.row())
        assert memory.can_sample(3) == (rows > 3)
        assert memory.can_sample(1) == (rows > 1)
    with pytest.raises(ValueError, match="4 rows hold no transition of 4 steps yet"):
        memory.sample(1, 4, 0.9)


def test_a_window_of_resets_alone_cannot_be_sampled() -> None:
    memory, games = make_memory(num_envs=1, capacity=10), Games(num_envs=1, end_chance=0.0)
    reset = games.row() | {"reset_rows": np.ones(1, bool)}
    memory.add(**reset)
    memory.add(**games.row())
    assert not memory.can_sample(1)
    memory.add(**games.row())
    assert memory.can_sample(1)
    assert memory.sample(50, 1, 0.9).obs_tm1[:, 0].tolist() == [1.0] * 50


def test_rare_starts_are_found() -> None:
    """One valid row among many resets: redrawing gives up and the starts are listed instead."""
    memory, games = make_memory(num_envs=1, capacity=3000), Games(num_envs=1, end_chance=0.0)
    for k in range(2500):
        memory.add(**games.row() | {"reset_rows": np.array([k != 1234])})
    assert set(memory.sample(20, 1, 0.9).obs_tm1[:, 0].tolist()) == {1234.0}


def test_constant_masks_are_not_stored() -> None:
    memory, games = make_memory(store_masks=False), Games()
    for _ in range(5):
        memory.add(**games.row() | {"mask_tm1": None})
    batch = memory.sample(6, 2, 0.9)
    assert batch.mask_t.shape == (6, 11)
    assert batch.mask_t.all()
    assert "mask_bits" not in memory.state_dict()["columns"]


@pytest.mark.parametrize("n_actions", [1, 8, 13, 187_201])
def test_mask_bits_round_trip(n_actions: int) -> None:
    mask = np.random.default_rng(0).random((3, n_actions)) < 0.5
    bits = torch.from_numpy(pack_mask(mask.astype(np.int8)))
    assert bits.shape == (3, -(-n_actions // 8))
    assert (unpack_mask(bits, n_actions).numpy() == mask).all()
    shifted = ((bits.unsqueeze(2) >> torch.arange(8, dtype=torch.uint8)) & 1).flatten(1)[:, :n_actions].bool()
    assert (shifted.numpy() == mask).all()  # the way it is done on other devices


@pytest.mark.parametrize(
    ("obs_dtype", "value", "message"),
    [
        (
            "float16",
            -70_000,
            "an observed -70000 does not fit into agent.obs_dtype=float16: use agent.obs_dtype=float32",
        ),
        ("float16", np.inf, "an observed inf does not fit into agent.obs_dtype=float16"),
        ("float16", np.nan, "an observed nan does not fit into agent.obs_dtype=float16"),
        ("uint8", 256, "an observed 256 does not fit into agent.obs_dtype=uint8: use agent.obs_dtype=float32"),
        ("uint8", -1, "an observed -1 does not fit into agent.obs_dtype=uint8"),
        ("uint8", 0.5, "observed fractions do not fit into agent.obs_dtype=uint8: use agent.obs_dtype=float16"),
        ("uint8", np.nan, "does not fit into agent.obs_dtype=uint8"),
    ],
)
def test_what_does_not_fit_the_number_format_is_refused(obs_dtype: str, value: float, message: str) -> None:
    """In one line, and the memory stays as it was; what just fits is kept exactly."""
    memory, games = make_memory(obs_dtype=obs_dtype), Games()
    row = games.row()
    row["obs_tm1"][1, 0] = value
    with pytest.raises(ValueError, match=message) as error:
        memory.add(**row)
    assert "\n" not in str(error.value)
    assert len(memory) == 0
    largest = {"float16": 65504.0, "uint8": 255.0}[obs_dtype]
    for number in (largest, 0.0):
        row["obs_tm1"][:, :] = number
        memory.add(**row | {"terminated_t": np.zeros(3, bool), "truncated_t": np.zeros(3, bool)})
    batch = memory.sample(4, 1, 0.9)
    assert batch.obs_tm1.tolist() == [[largest] * 2] * 4
    assert batch.obs_t.tolist() == [[0.0] * 2] * 4


def test_too_large_a_memory_is_refused_in_one_line_with_sizes() -> None:
    with pytest.raises(ValueError, match="lower memory_capacity to") as error:
        make_memory(capacity=1_000_000, obs_size=2740, memory_bytes=2**30, obs_dtype="float16", n_actions=32,
                    sparse=False)  # fmt: skip
    message = str(error.value)
    assert "\n" not in message
    for part in ("1,000,000 steps of 5,495 bytes", "needs 5.1 GiB", "memory_bytes is 1.0 GiB", "195,403"):
        assert part in message
    with pytest.raises(
        ValueError,
        match=r"10,000,000 steps of 73 bytes \(observation 2,740 packed, its numbers not counted, mask 32 bits\)",
    ):
        make_memory(capacity=10_000_000, obs_size=2740, memory_bytes=2**29, n_actions=32)
    with pytest.raises(ValueError, match="memory_capacity=5 is under two steps of num_envs=3"):
        make_memory(capacity=5)


def save_and_load(state: dict[str, Any]) -> dict[str, Any]:
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@pytest.mark.parametrize("rows", [7, 33])
def test_round_trip_goes_on_as_before(rows: int) -> None:
    """Before and after the ring is full; the copy is independent of what is added later."""
    memory, games = make_memory(), Games()
    for _ in range(rows):
        memory.add(**games.row())
    state = memory.state_dict()
    assert len(state["columns"]["obs"]) == min(rows, 20)
    more = [games.row() for _ in range(9)]
    restored = make_memory(generator=np.random.default_rng(99))
    for row in more[:1]:
        memory.add(**row)
    restored.load_state_dict(save_and_load(state))
    restored.add(**more[0])
    for row in more[1:]:
        memory.add(**row)
        restored.add(**row)
        for ours, theirs in zip(memory.sample(8, 2, 0.9), restored.sample(8, 2, 0.9), strict=True):
            assert torch.equal(ours, theirs)


def test_a_memory_of_another_size_is_refused() -> None:
    memory = make_memory()
    memory.add(**Games().row())
    with pytest.raises(ValueError, match=r"obs is \(20, 3, 2\) there and \(10, 3, 2\) here"):
        make_memory(capacity=30).load_state_dict(memory.state_dict())
    with pytest.raises(ValueError, match=r"mask_bits is \(20, 3, 2\) there and absent here"):
        make_memory(store_masks=False).load_state_dict(memory.state_dict())
