"""A GPU's memory, here on a CPU: transitions are those of ``SequentialMemory``, draws as often as they should be."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import torch
from remembered import Games, Row, make_memory

from agents.memory.resident import ResidentMemory
from agents.memory.transitions import TransitionBuffers, Transitions


def make(*, rows: int = 20, num_envs: int = 3, longest: int = 4, seed: int = 0, **changes: Any) -> ResidentMemory:
    values: dict[str, Any] = {
        "capacity": rows * num_envs, "num_envs": num_envs, "obs_size": 2, "n_actions": 11, "obs_dtype": "float32",
        "store_masks": True, "memory_bytes": 2**20, "device": torch.device("cpu"), "longest": longest,
        "generator": torch.Generator().manual_seed(seed),
    }  # fmt: skip
    return ResidentMemory(**(values | changes))


def fill(memory: ResidentMemory, count: int, seed: int = 1) -> list[Row]:
    games = Games(num_envs=memory.num_envs, seed=seed)
    rows = [games.row() for _ in range(count)]
    for row in rows:
        memory.add(**row | ({} if memory.stores_masks else {"mask_tm1": None}))
    return rows


@pytest.mark.parametrize("masks", [True, False])
@pytest.mark.parametrize("obs_dtype", ["float16", "float32", "uint8"])
@pytest.mark.parametrize(("count", "n_step"), [(9, 1), (20, 4), (53, 3)])
def test_transitions_are_those_of_a_cpu_s_memory(count: int, n_step: int, obs_dtype: str, masks: bool) -> None:
    """Part of a ring of 20 rows, all of it, and round it; n may be a number or a tensor."""
    memory = make(obs_dtype=obs_dtype, store_masks=masks)
    twin = make_memory(obs_dtype=obs_dtype, store_masks=masks)
    for row in fill(memory, count):
        twin.add(**row | ({} if masks else {"mask_tm1": None}))
    drawn = memory.sample(200, torch.tensor(n_step), 0.9)
    buffers = TransitionBuffers(seeds=1, batch_size=200, obs_size=2, n_actions=11, stores_masks=masks)
    for part, out in buffers.halves[0]:
        twin.read(drawn.slots[part].numpy(), None, n_step, 0.9, out)
    for name, ours, theirs in zip(Transitions._fields[:9], drawn, buffers.batch, strict=False):
        assert ours is not None
        assert theirs is not None
        torch.testing.assert_close(ours.float(), theirs[0].float(), msg=name)
    assert 0 < (drawn.discount_t == 0).sum() < 200


@pytest.mark.parametrize("exponent", [None, 0.5])
@pytest.mark.parametrize("longest", [1, 3, 7])
def test_a_start_can_be_drawn_while_its_longest_transition_is_stored(longest: int, exponent: float | None) -> None:
    memory, games, rows = make(rows=10, num_envs=2, longest=longest, exponent=exponent), Games(num_envs=2, seed=1), []
    for count in range(1, 36):
        rows.append(games.row())
        memory.add(**rows[-1])
        kept = range(max(0, count - 10), count - longest)
        expected = {(k, g) for k in kept for g in range(2) if not rows[k]["reset_rows"][g]}
        places = [divmod(slot, 2) for slot in torch.nonzero(memory.chance).flatten().tolist()]
        assert {(max(k for k in range(count) if k % 10 == row), game) for row, game in places} == expected
        if memory.can_sample(longest):
            batch = memory.sample(40, longest, 0.9)
            assert {(k, g) for k, g in batch.obs_tm1.int().tolist()} <= expected
            memory.update_priorities(batch.slots, torch.rand(40))
    assert len(expected) > 3


def test_each_start_is_drawn_equally_often() -> None:
    memory = make(rows=6, num_envs=2, longest=1)
    fill(memory, 6, seed=4)
    counts = np.bincount(memory.sample(60_000, 1, 0.9).slots.numpy(), minlength=12)
    there = memory.chance.numpy() > 0
    assert 5 <= there.sum() <= 10
    share = 60_000 / there.sum()
    assert (np.abs(counts[there] - share) < 5 * np.sqrt(share)).all()
    assert not counts[~there].any()


def test_priorities_of_a_worked_example() -> None:
    """exponent 0.5, TD errors 4, -9, 0: priorities 2, 3 and 0.001; a new slot gets the largest so far, 1 at first."""
    memory = make(rows=6, num_envs=1, longest=1, exponent=0.5)
    games = Games(num_envs=1, end_chance=0.0)
    for _ in range(4):
        memory.add(**games.row())
    assert memory.chance.tolist() == [1, 1, 1, 0, 0, 0]
    memory.update_priorities(torch.tensor([0, 1, 2, 3]), torch.tensor([4.0, -9.0, 0.0, 100.0]))
    assert memory.chance.tolist() == pytest.approx([2, 3, 0.001, 0, 0, 0], rel=1e-6)  # slot 3 can't begin yet
    memory.add(**games.row())
    assert memory.chance.tolist() == pytest.approx([2, 3, 0.001, 3, 0, 0], rel=1e-6)
    memory.update_priorities(torch.tensor([1, 0, 1]), torch.tensor([1.0, 1.0, 0.25]))  # of one twice the larger
    assert memory.chance.tolist() == pytest.approx([1, 1, 0.001, 3, 0, 0], rel=1e-5)
    for _ in range(2):
        memory.add(**games.row())
    assert memory.chance.tolist() == pytest.approx([0, 1, 0.001, 3, 3, 3], rel=1e-5)  # the first was overwritten


def test_draws_by_priority_are_stratified_and_weigh_what_they_should() -> None:
    """Priorities 1, 4 and 5 of 10: of ten draws one, four and five; weights (P over the least P)**-beta."""
    memory = make(rows=5, num_envs=1, longest=2, exponent=1.0)
    memory.filled, memory.cursor = 5, 0
    memory.chance.copy_(torch.tensor([1.0, 0.0, 4.0, 5.0, 0.0]))
    for _ in range(20):
        slots, weights = memory.draw(10, torch.tensor(0.5, dtype=torch.float64))
        assert slots.tolist() == [0, *[2] * 4, *[3] * 5]
        assert weights.tolist() == pytest.approx([1.0, *[0.5] * 4, *[0.2**0.5] * 5])
    assert memory.draw(10, 0.0)[1].tolist() == [1.0] * 10


@pytest.mark.parametrize("exponent", [None, 0.7])
@pytest.mark.parametrize("count", [8, 33])
def test_a_round_trip_goes_on_as_before(count: int, exponent: float | None) -> None:
    memory, other = make(exponent=exponent), make(exponent=exponent, seed=9)
    fill(memory, count)
    fill(other, 5, seed=3)
    batch = memory.sample(16, 4, 0.9)
    memory.update_priorities(batch.slots, torch.arange(16.0))
    file = io.BytesIO()
    torch.save(memory.state_dict(), file)
    other.load_state_dict(torch.load(io.BytesIO(file.getvalue()), weights_only=True))
    for number in range(5):
        fill(memory, 1, seed=number)
        fill(other, 1, seed=number)
        for ours, theirs in zip(memory.sample(32, 3, 0.9, beta=0.4), other.sample(32, 3, 0.9, beta=0.4), strict=True):
            assert ours is theirs is None or torch.equal(ours, theirs)
    assert torch.equal(memory.chance, other.chance)


def test_what_does_not_fit_is_refused_in_one_line() -> None:
    memory = make()
    fill(memory, 7)
    smaller = make(rows=19)
    with pytest.raises(ValueError, match=r"^the saved memory does not fit: obs is \(20, 2\) there and \(19, 2\) here$"):
        smaller.load_state_dict(memory.state_dict())
    with pytest.raises(
        ValueError, match=r"^the saved memory does not fit: it is one of a CPU, this run's is on a GPU$"
    ):
        memory.load_state_dict(make_memory().state_dict())
    with pytest.raises(
        ValueError, match=r"^the saved memory does not fit: it is one of a GPU, this run's is on a CPU$"
    ):
        make_memory().load_state_dict(memory.state_dict())
    with pytest.raises(
        ValueError, match=r"^a memory of 60 steps of 29 bytes \(observation 2 x float32, mask 11 bits\)"
    ):
        make(memory_bytes=60 * 29 - 1)
    make(memory_bytes=60 * 29)
    with pytest.raises(ValueError, match="^memory_capacity=3 is under two steps of num_envs=3 games: raise it$"):
        make(rows=1)
    halves = make(obs_dtype="float16")
    with pytest.raises(ValueError, match="^an observed 70000 does not fit into agent.obs_dtype=float16"):
        halves.add(**Games().row() | {"obs_tm1": np.full((3, 2), 7e4, np.float32)})
    with pytest.raises(ValueError, match="^this memory stores masks, but got none$"):
        memory.add(**Games().row() | {"mask_tm1": None})
