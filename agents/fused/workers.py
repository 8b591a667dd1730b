"""An update's independent parts, on several threads: what comes out doesn't depend on how many there are."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any

import torch

Portion = Callable[[], Any]


class Workers:
    """This thread and ``threads - 1`` others, each with products on one core: so small they gain nothing from two.

    A library adds in another order on two cores, so this thread's have one, too, whatever ``torch`` is set to.

    A queue each is all they need: to hand out a task takes less than with a pool, which makes an object with a lock.
    """

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._given: list[SimpleQueue[Sequence[Portion] | None]] = []  # of each other thread; None ends it
        self._ended: SimpleQueue[BaseException | None] = SimpleQueue()

    def run(self, tasks: Sequence[Portion]) -> None:
        """Do all tasks, which must not depend on each other; returns when all are done.

        Raises:
            BaseException: one that a task has raised, once no task runs any more.
        """
        with _one_core():
            count = min(self.threads, len(tasks))
            if count < 2:
                for task in tasks:
                    task()
                return
            if not self._given:
                self._start()
            for k in range(1, count):
                self._given[k - 1].put(tasks[k::count])
            failed = [_outcome(tasks[::count])] + [self._ended.get() for _ in range(1, count)]
        for error in failed:
            if error is not None:
                raise error

    def _start(self) -> None:
        self._given = [SimpleQueue() for _ in range(self.threads - 1)]
        for own in self._given:
            threading.Thread(target=_work, args=(own, self._ended), daemon=True, name="update").start()
            weakref.finalize(self, own.put, None)


@contextmanager
def _one_core() -> Iterator[None]:
    """Products of this thread are computed on one core meanwhile."""
    before = torch.get_num_threads()
    if before == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _work(given: SimpleQueue[Sequence[Portion] | None], ended: SimpleQueue[BaseException | None]) -> None:
    torch.set_num_threads(1)
    while (tasks := given.get()) is not None:
        ended.put(_outcome(tasks))
        del tasks


def _outcome(tasks: Sequence[Portion]) -> BaseException | None:
    """Do the tasks until one fails; what it raised."""
    try:
        for task in tasks:
            task()
    except BaseException as error:
        return error
    return None
