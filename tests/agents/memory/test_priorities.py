"""The sum tree against a list, and the draws of proportional prioritisation against exact chances."""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from agents.memory.priorities import Priorities
from agents.memory.sum_tree import SumTree


def make_tree(slots: int, values: list[float] | None = None) -> SumTree:
    tree = SumTree(slots=slots)
    if values is not None:
        tree.set(torch.arange(slots), doubles(values))
    return tree


def make(slots: int = 8, *, exponent: float = 0.5, seed: int = 0) -> Priorities:
    return Priorities(slots=slots, exponent=exponent, generator=np.random.default_rng(seed))


def ints(values: Any) -> Tensor:
    return torch.tensor(values, dtype=torch.int64)


def doubles(values: Any) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


class NaiveTree:
    """A list, searched from its beginning."""

    def __init__(self, slots: int) -> None:
        self.values = [0.0] * slots

    def set(self, indices: list[int], values: list[float]) -> None:
        for index, value in zip(indices, values, strict=True):
            self.values[index] = value

    def find(self, point: float) -> int:
        for index, value in enumerate(self.values):
            if point < value:
                return index
            point -= value
        return max(index for index, value in enumerate(self.values) if value > 0)

    def borders(self) -> list[float]:
        return [0.0, *np.cumsum(self.values).tolist()]


def assert_consistent(tree: SumTree) -> None:
    """Every sum is that of its children, to the last bit, however many changes came before."""
    sums, children = tree.nodes[1 : tree.size], tree.nodes[2:]
    assert torch.equal(sums, children[::2] + children[1::2])


@pytest.mark.parametrize("slots", [1, 2, 3, 8, 13, 100])
def test_the_tree_is_its_naive_twin(slots: int) -> None:
    """Eighths add up exactly, so slots agree even where a point lies on a border."""
    rng = np.random.default_rng(slots)
    tree, twin = make_tree(slots), NaiveTree(slots)
    for _ in range(400):
        size = int(rng.integers(1, 9))
        indices = rng.integers(0, slots, size).tolist()  # often twice the same
        values = (rng.integers(0, 50, size) * (rng.random(size) < 0.6) / 8).tolist()
        tree.set(ints(indices), doubles(values))
        twin.set(indices, values)
        assert tree.values().tolist() == twin.values
        assert tree.get(ints(indices)).tolist() == [twin.values[index] for index in indices]
        assert tree.total() == sum(twin.values)
        if tree.total() > 0:
            points = [*twin.borders(), *(rng.random(8) * tree.total()).tolist()]
            assert tree.find(doubles(points)).tolist() == [twin.find(point) for point in points]


def test_nothing_drifts() -> None:
    rng = np.random.default_rng(0)
    tree = make_tree(77)
    for step in range(1500):
        tree.set(
            torch.from_numpy(rng.integers(0, 77, 20)),
            torch.from_numpy(10.0 ** rng.uniform(-12, 12, 20) * (rng.random(20) < 0.8)),
        )
        if step % 100 == 0:
            assert_consistent(tree)
    assert tree.total() == pytest.approx(math.fsum(tree.values().tolist()), rel=1e-14)
    loaded = make_tree(77)
    loaded.load(tree.values())
    assert torch.equal(loaded.nodes, tree.nodes)


def test_a_slot_of_value_zero_is_never_found() -> None:
    """Neither at the borders nor one rounding step beside them, nor at the total or beyond it."""
    rng = np.random.default_rng(1)
    for _ in range(150):
        slots = int(rng.integers(1, 40))
        values = 10.0 ** rng.uniform(-20, 20, slots) * (rng.random(slots) < 0.4)
        values[rng.integers(slots)] = rng.random() + 1e-9
        tree = make_tree(slots, values.tolist())
        borders = np.concatenate((values.cumsum(), values[::-1].cumsum(), [tree.total()]))
        points = np.concatenate((borders, np.nextafter(borders, np.inf), np.nextafter(borders, 0), [0.0]))
        found = tree.find(torch.from_numpy(points))
        assert (tree.get(found) > 0).all()
        assert (found < slots).all()


def test_one_slot() -> None:
    tree = make_tree(1, [3.0])
    assert tree.total() == 3.0
    assert tree.find(doubles([0.0, 1.5, 3.0])).tolist() == [0, 0, 0]
    tree.set(ints([0, 0, 0]), doubles([1.0, 5.0, 2.0]))
    assert tree.total() == 2.0  # the last one holds


def test_tiny_and_huge_values() -> None:
    least, most = 5e-324, 1e308
    tree = make_tree(5, [least, 0.0, 0.0, least, 0.0])
    assert tree.find(doubles([0.0, least, 2 * least])).tolist() == [0, 3, 3]
    tree.set(ints([1]), doubles([most]))
    assert tree.total() == most
    assert tree.find(doubles([0.0, least, most / 2, most])).tolist() == [0, 1, 1, 3]
    tree.set(ints([1]), doubles([0.0]))
    assert tree.total() == 2 * least  # nothing of the huge value stays behind


def test_what_does_not_fit_the_tree_is_refused_in_one_line() -> None:
    tree = make_tree(5, [1.0] * 5)
    for indices in ([0, 5], [-1, 0]):
        with pytest.raises(ValueError, match="^a priority is set for a slot that does not exist$"):
            tree.set(ints(indices), doubles([9.0, 9.0]))
    for value in (-1e-9, math.nan):
        with pytest.raises(ValueError, match="^a priority is negative or not a number$"):
            tree.set(ints([0, 1]), doubles([9.0, value]))
    assert tree.values().tolist() == [1.0] * 5  # all or nothing
    with pytest.raises(ValueError, match="^priorities need a slot, but slots=0$"):
        SumTree(slots=0)


def test_priorities_of_a_worked_example() -> None:
    """exponent 0.5 and TD errors 4, 9, 0: priorities 2, 3 and 0.001; a new slot gets the largest so far, 1 at first."""
    made = make(5)
    made.add(ints([0, 1, 2]))
    assert made.tree.values().tolist() == [1.0, 1.0, 1.0, 0.0, 0.0]
    made.update(ints([0, 1, 2, 3]), torch.tensor([4.0, 9.0, 0.0, 100.0], requires_grad=True))
    assert made.tree.values().tolist() == pytest.approx([2.0, 3.0, 0.001, 0.0, 0.0], rel=1e-6)  # slot 3 was not in
    made.update(ints([1]), torch.tensor([1.0]))
    made.add(ints([3]))
    made.add(ints([]))
    assert made.tree.values().tolist() == pytest.approx([2.0, 1.0, 0.001, 3.0, 0.0], rel=1e-6)
    made.remove(ints([3, 0, 4]))
    made.update(ints([3, 0]), torch.tensor([7.0, 7.0]))
    assert made.tree.values().tolist() == pytest.approx([0.0, 1.0, 0.001, 0.0, 0.0], rel=1e-6)
    made.update(ints([1, 2, 1]), torch.tensor([4.0, 1.0, 16.0]))  # of a slot named twice the last one holds
    assert made.tree.values().tolist() == pytest.approx([0.0, 4.0, 1.0, 0.0, 0.0], rel=1e-6)


def test_slots_are_drawn_as_often_as_their_priorities_say() -> None:
    made = make(11, exponent=0.7, seed=3)
    td = np.random.default_rng(5).exponential(size=11)
    made.add(torch.arange(11))
    made.update(torch.arange(11), torch.from_numpy(td))
    made.remove(ints([4, 10]))
    priority = (td + 1e-6) ** 0.7
    priority[[4, 10]] = 0
    exact, counts, draws = priority / priority.sum(), np.zeros(11), 4000
    for _ in range(draws):
        indices, probabilities = made.sample(7)
        assert (indices.dtype, probabilities.dtype) == (torch.int64, torch.float64)
        assert probabilities.tolist() == pytest.approx(exact[indices].tolist(), rel=1e-12)
        counts += np.bincount(indices, minlength=11)
    n = 7 * draws  # stratified draws vary less than independent ones
    assert (np.abs(counts - n * exact) <= 4 * np.sqrt(n * exact * (1 - exact))).all()
    assert counts[4] == counts[10] == 0


def test_draws_are_stratified() -> None:
    """Eight equal slots and eight draws: one of each, in order."""
    made = make(8)
    made.add(torch.arange(8))
    for _ in range(20):
        assert made.sample(8)[0].tolist() == list(range(8))
    indices, _ = made.sample(4)
    assert (indices // 2).tolist() == [0, 1, 2, 3]


def test_importance_weights_are_literal_numbers() -> None:
    """N = 10: N * P is 1, 4 and 0.25, so with beta 0.5 the weights are 1, 0.5 and 2, over the largest."""
    made = make()
    weights = made.weights(doubles([0.1, 0.4, 0.025]), filled=10, beta=0.5)
    assert weights.dtype == torch.float32
    assert weights.tolist() == pytest.approx([0.5, 0.25, 1.0])
    assert made.weights(doubles([0.1, 0.4]), filled=10, beta=1.0).tolist() == pytest.approx([1.0, 0.25])
    assert made.weights(doubles([0.1, 0.4]), filled=10, beta=0.0).tolist() == [1.0, 1.0]


def test_nothing_to_sample_is_said_in_one_line() -> None:
    made = make()
    with pytest.raises(ValueError, match="^there is nothing to sample: all priorities are zero$"):
        made.sample(4)
    made.add(ints([2]))
    assert made.sample(4)[0].tolist() == [2] * 4
    made.remove(ints([2]))
    with pytest.raises(ValueError, match="all priorities are zero"):
        made.sample(4)
    for bad in (math.nan, math.inf):
        made.add(ints([2, 3]))
        made.update(ints([2]), torch.tensor([bad]))
        with pytest.raises(ValueError, match=f"^the priorities add up to {bad}: a TD error was not finite$"):
            made.sample(4)
        made = make()


def play(made: Priorities, *, steps: int, seed: int) -> list[tuple[Tensor, Tensor]]:
    """Random steps of a memory: slots come and go, batches are drawn and get new priorities."""
    rng, drawn = np.random.default_rng(seed), []
    slots = made.tree.slots
    for _ in range(steps):
        made.remove(torch.from_numpy(rng.integers(0, slots, 2)))
        made.add(torch.from_numpy(rng.integers(0, slots, 3)))
        drawn.append(made.sample(6))
        td_error_abs = torch.from_numpy(rng.exponential(size=6).astype(np.float32))
        made.update(drawn[-1][0].cpu(), td_error_abs)
    return drawn


def assert_same_draws(ours: list[tuple[Tensor, Tensor]], theirs: list[tuple[Tensor, Tensor]], rel: float) -> None:
    for (indices, probabilities), (other, others) in zip(ours, theirs, strict=True):
        assert torch.equal(indices.cpu(), other.cpu())
        torch.testing.assert_close(probabilities.cpu(), others.cpu(), rtol=rel, atol=0.0)


def test_round_trip_goes_on_as_before() -> None:
    made, restored = make(13), make(13, seed=99)
    play(made, steps=50, seed=1)
    play(restored, steps=9, seed=2)
    file = io.BytesIO()
    torch.save(made.state_dict(), file)
    file.seek(0)
    restored.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(restored.tree.nodes, made.tree.nodes)
    state = made.state_dict()
    assert_same_draws(play(made, steps=50, seed=3), play(restored, steps=50, seed=3), rel=0.0)
    restored.load_state_dict(state)  # a copy, which what came later left alone
    assert not torch.equal(restored.tree.nodes, made.tree.nodes)


def test_priorities_of_another_size_are_refused() -> None:
    made, other = make(8), make(9)
    other.add(ints([0]))
    with pytest.raises(ValueError, match="^the saved priorities do not fit: they are of 9 slots there and 8 here$"):
        made.load_state_dict(other.state_dict())
    assert made.tree.total() == 0  # nothing was taken over
