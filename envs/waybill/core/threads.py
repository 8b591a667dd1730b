"""Threads that share a batch: slices of the games, side by side."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor


class Threads:
    """Runs a batch pass over slices of the games side by side. Results do not depend on the number of threads.

    Args:
        count: threads to use, at least 1.
    """

    smallest_slice = 32

    def __init__(self, count: int) -> None:
        self.count = max(1, count)
        self._pool = ThreadPoolExecutor(self.count - 1) if self.count > 1 else None

    def run(self, games: int, function: Callable[[int, int, int], None]) -> None:
        """Call ``function(low, high, thread)`` on slices that cover ``range(games)``."""
        parts = min(self.count, max(1, games // self.smallest_slice))
        if self._pool is None or parts == 1:
            function(0, games, 0)
            return
        edges = [games * i // parts for i in range(parts + 1)]
        waiting = [self._pool.submit(function, edges[i], edges[i + 1], i) for i in range(1, parts)]
        function(edges[0], edges[1], 0)
        for future in waiting:
            future.result()

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown()
