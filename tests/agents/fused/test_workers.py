"""An update's parts on threads: the same numbers for any number of them and any timing; errors come through."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest
import torch
from learners import ROWS, fill, head_named, make_learner, make_network
from states import LAYOUT

from agents.fused.workers import Portion, Workers
from agents.memory.transitions import TransitionBuffers, Transitions, halves


class Disturbed(Workers):
    """Tasks begin late, each by as much as chance will have it."""

    def run(self, tasks: Sequence[Portion]) -> None:
        def late(task: Portion) -> Portion:
            wait = random.choice([0.0, 0.0, 0.0005, 0.002])

            def do() -> None:
                time.sleep(wait)
                task()

            return do

        super().run([late(task) for task in tasks])


def trained(threads: int, head: str, seeds: int) -> torch.Tensor:
    """Weights, target weights and TD errors after some updates, all in one."""
    network = make_network(seeds, head_named(head).outputs)
    learner = make_learner(network, head, True, threads=threads)
    disturbed = Disturbed(threads)
    learner.workers.run = disturbed.run  # type: ignore[method-assign]
    buffers = TransitionBuffers(seeds=seeds, batch_size=ROWS, obs_size=LAYOUT.size, n_actions=6, stores_masks=True)
    errors = []
    for number in range(15):
        fill(buffers, number)
        errors.append(learner.update(buffers.batch, 0).clone().flatten())
    return torch.cat([learner.flat.values.flatten(), learner.target_flat.values.flatten(), *errors])


@pytest.mark.parametrize(("head", "seeds"), [("scalar", 1), ("scalar", 3), ("quantile", 2)])
def test_any_number_of_threads_and_any_timing_give_the_same_bits(head: str, seeds: int) -> None:
    """And whatever number of threads torch has for a product of its own."""
    before, stop = torch.get_num_threads(), threading.Event()
    expected = trained(1, head, seeds)

    def busy() -> None:  # takes the interpreter's lock and a core away, again and again
        while not stop.is_set():
            sum(range(2_000))

    others = [threading.Thread(target=busy) for _ in range(2)]
    for other in others:
        other.start()
    try:
        for threads, of_a_product in ((1, 2), (2, 2), (3, 1), (2, 1)):
            torch.set_num_threads(of_a_product)
            assert torch.equal(trained(threads, head, seeds), expected), (threads, of_a_product)
            assert torch.get_num_threads() == of_a_product
    finally:
        torch.set_num_threads(before)
        stop.set()
        for other in others:
            other.join()


def test_a_batch_is_halved_in_order() -> None:
    assert halves(1) == [slice(0, 1)]
    assert halves(2) == [slice(0, 1), slice(1, 2)]
    assert halves(7) == [slice(0, 4), slice(4, 7)]


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
def test_all_tasks_are_done_once_when_run_returns(threads: int) -> None:
    workers, done = Workers(threads), list[int]()
    for count in (0, 1, 2, 5):
        done.clear()
        workers.run([lambda k=k: (time.sleep(0.002), done.append(k)) for k in range(count)])  # type: ignore[misc]
        assert sorted(done) == list(range(count))


@pytest.mark.parametrize("failing", [0, 1])
def test_an_error_comes_through_once_nothing_runs_any_more(failing: int) -> None:
    workers, ended = Workers(2), list[int]()

    def task(k: int) -> None:
        if k == failing:
            raise ValueError(f"task {k}")
        time.sleep(0.05)
        ended.append(k)

    with pytest.raises(ValueError, match=f"^task {failing}$"):
        workers.run([lambda: task(0), lambda: task(1)])
    assert ended == [1 - failing]
    workers.run([lambda: ended.append(7), lambda: ended.append(8)])  # they go on working
    assert sorted(ended[1:]) == [7, 8]


def test_threads_end_with_their_workers() -> None:
    before = threading.active_count()
    workers = Workers(3)
    workers.run([lambda: None] * 3)
    assert threading.active_count() == before + 2
    del workers
    for _ in range(200):
        if threading.active_count() == before:
            return
        time.sleep(0.01)
    raise AssertionError("the threads still wait for tasks")


@pytest.mark.parametrize("threads", [1, 2])
def test_a_batch_that_is_read_along_is_learnt_as_one_read_before(threads: int) -> None:
    """Each of two seeds' halves is read by the task that learns from it; until then the buffers hold the last batch."""
    before, along = (make_learner(make_network(2, 1), "scalar", True, threads=threads) for _ in range(2))
    assert along.reads_along(0)
    given: dict[str, Any] = {"batch_size": ROWS, "obs_size": LAYOUT.size, "n_actions": 6, "stores_masks": True}
    source, room = TransitionBuffers(seeds=2, **given), TransitionBuffers(seeds=2, **given)
    for number in range(4):
        fill(source, number)
        reading = [
            partial(copy_part, own[1].batch, to[1].batch)
            for seed in zip(source.halves, room.halves, strict=True)
            for own, to in zip(*seed, strict=True)
        ]
        assert torch.equal(along.update(room.batch, 0, reading), before.update(source.batch, 0))
        assert torch.equal(room.batch.obs_tm1, source.batch.obs_tm1)
    assert torch.equal(along.flat.values, before.flat.values)


def copy_part(source: Transitions, to: Transitions) -> None:
    for column, into in zip(source, to, strict=True):
        if column is not None:
            into.copy_(column)
