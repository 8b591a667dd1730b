"""A prioritised memory: which starts can be drawn and how often, what their losses weigh, and its round trip."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import torch
from remembered import Games, Row, make_memory, make_prioritised, naive_transition

from agents.memory.ring import SequentialMemory
from agents.memory.transitions import Transitions


def starts(batch: Transitions) -> set[tuple[int, int]]:
    """Row and game of each."""
    return {(k, g) for k, g in batch.obs_tm1.int().tolist()}


def of_slots(slots: Any, rows: int, n_rows: int, num_envs: int) -> set[tuple[int, int]]:
    """The same of slots of a ring to which so many rows were added: the newest row with that place in the ring."""
    newest = [max(k for k in range(rows) if k % n_rows == slot // num_envs) for slot in slots]
    return {(k, slot % num_envs) for k, slot in zip(newest, slots, strict=True)}


@pytest.mark.parametrize("longest", [1, 3, 7])
def test_a_start_can_be_drawn_while_its_longest_transition_is_stored(longest: int) -> None:
    """From the row on that holds its last observation, until the start is overwritten; resets never."""
    memory, games, rows = make_prioritised(rows=10, num_envs=2, longest=longest), Games(num_envs=2, seed=1), []
    assert memory.priorities is not None
    for count in range(1, 36):
        rows.append(games.row())
        memory.add(**rows[-1])
        kept = range(max(0, count - 10), count - longest)
        expected = {(k, g) for k in kept for g in range(2) if not rows[k]["reset_rows"][g]}
        positive = torch.nonzero(memory.priorities.tree.values()).flatten().tolist()
        assert of_slots(positive, count, 10, 2) == expected
        assert memory.can_sample(1) == (len(expected) > 0)
        if expected:
            batch = memory.sample(16, longest, 0.9)
            assert starts(batch) <= expected
            # New numbers for what was drawn, though some of it is overwritten soon.
            memory.priorities.update(batch.slots, torch.rand(16, generator=torch.Generator().manual_seed(count)))
    assert len(expected) > 3


@pytest.mark.parametrize("n_step", [1, 2, 5])
def test_shorter_transitions_are_those_of_the_naive_twin(n_step: int) -> None:
    memory, games = make_prioritised(longest=5), Games(seed=2)
    rows: list[Row] = []
    for _ in range(33):
        rows.append(games.row())
        memory.add(**rows[-1])
    batch = memory.sample(2_000, n_step, 0.9)
    assert starts(batch) == {(k, g) for k in range(13, 28) for g in range(3) if not rows[k]["reset_rows"][g]}
    for i, (k, g) in enumerate(batch.obs_tm1.int().tolist()):
        total, discount, last = naive_transition(rows, k, g, n_step, 0.9)
        assert batch.r_t[i].item() == pytest.approx(total, abs=1e-5)
        assert batch.discount_t[i].item() == pytest.approx(discount)
        assert batch.obs_t[i].tolist() == [last, g]


def test_late_news_of_an_overwritten_start_changes_nothing() -> None:
    """A TD error that comes when another start, not yet ready, has taken the slot."""
    memory, games = make_prioritised(rows=5, num_envs=1, longest=2), Games(num_envs=1, end_chance=0.0)
    assert memory.priorities is not None
    for _ in range(5):
        memory.add(**games.row())
    memory.add(**games.row())  # row 5 takes slot 0
    memory.priorities.update(torch.tensor([0, 1]), torch.tensor([100.0, 0.5]))
    assert memory.priorities.tree.values().tolist() == pytest.approx([0, 0.5 + 1e-6, 1, 1, 0])
    assert 0.0 not in memory.sample(50, 1, 0.9).obs_tm1[:, 0].tolist()


def test_a_window_of_resets_alone_cannot_be_sampled() -> None:
    memory, games = make_prioritised(num_envs=1, longest=2), Games(num_envs=1, end_chance=0.0)
    memory.add(**games.row() | {"reset_rows": np.ones(1, bool)})
    for _ in range(2):
        memory.add(**games.row())
    assert not memory.can_sample(2)
    with pytest.raises(ValueError, match="3 rows hold no transition of 2 steps yet"):
        memory.sample(1, 2, 0.9)
    memory.add(**games.row())
    assert memory.can_sample(2)
    assert memory.sample(9, 2, 0.9).obs_tm1[:, 0].tolist() == [1.0] * 9


def with_errors() -> tuple[SequentialMemory, np.ndarray]:
    """Five rows of one game, TD errors 1, 2, 3 and 4 of its starts (the last row is no start)."""
    memory, games = make_prioritised(rows=8, num_envs=1), Games(num_envs=1, end_chance=0.0)
    for _ in range(5):
        memory.add(**games.row())
    assert memory.priorities is not None
    memory.priorities.update(torch.arange(4), torch.tensor([1.0, 2.0, 3.0, 4.0]))
    return memory, np.array([0.1, 0.2, 0.3, 0.4])


def test_starts_are_drawn_by_their_errors() -> None:
    memory, chances = with_errors()
    counts = np.bincount(memory.sample(40_000, 1, 0.9).obs_tm1[:, 0].int().numpy(), minlength=4)
    assert counts / 40_000 == pytest.approx(chances, abs=0.01)


@pytest.mark.parametrize("beta", [0.0, 0.4, 1.0])
def test_importance_weights_are_literal_numbers(beta: float) -> None:
    """(N P)**-beta over the batch's largest: of the start that is drawn least."""
    memory, chances = with_errors()
    batch = memory.sample(1_000, 1, 0.9, beta=beta)
    expected = (chances / 0.1) ** -beta
    assert batch.weights.numpy() == pytest.approx(expected[batch.slots.numpy()], rel=1e-4)
    assert batch.weights.max() == 1


def test_round_trip_goes_on_as_before() -> None:
    """Priorities, draws and what can be drawn, before and after the ring is full."""
    for count in (9, 33):
        memory, restored, games = make_prioritised(longest=3), make_prioritised(longest=3, seed=9), Games()
        for _ in range(count):
            memory.add(**games.row())
        drawn = memory.sample(16, 2, 0.9)
        assert memory.priorities is not None
        assert restored.priorities is not None
        memory.priorities.update(drawn.slots, drawn.r_t.abs())
        torch.save(memory.state_dict(), file := io.BytesIO())
        restored.load_state_dict(torch.load(io.BytesIO(file.getvalue()), weights_only=True))
        for _ in range(30):
            row = games.row()
            batches = []
            for each in (memory, restored):
                each.add(**row)
                batches.append(each.sample(8, 2, 0.9, beta=0.5))
                assert each.priorities is not None
                each.priorities.update(batches[-1].slots, batches[-1].r_t.abs())
            assert all(torch.equal(*pair) for pair in zip(*batches, strict=True))
        assert torch.equal(memory.priorities.tree.nodes, restored.priorities.tree.nodes)


def test_states_with_and_without_priorities() -> None:
    """A state that has none is refused; one that has some serves a memory without."""
    plain, prioritised = make_memory(), make_prioritised(longest=2)
    games = Games()
    for _ in range(6):
        row = games.row()
        plain.add(**row)
        prioritised.add(**row)
    with pytest.raises(ValueError, match="the saved memory does not fit: it has no priorities"):
        make_prioritised().load_state_dict(plain.state_dict())
    other = make_memory()
    other.load_state_dict(prioritised.state_dict())
    assert torch.equal(other.obs[:6], plain.obs[:6])


def test_without_its_rows_a_restored_memory_is_empty() -> None:
    memory, games = make_prioritised(longest=2), Games()
    for _ in range(6):
        memory.add(**games.row())
    restored = make_prioritised(longest=2, seed=5)
    restored.load_state_dict(memory.generator_state())
    assert len(restored) == 0
    assert not restored.can_sample(1)
    for _ in range(4):
        restored.add(**games.row())
    assert restored.sample(5, 2, 0.9).obs_tm1[:, 0].min() >= 6
