"""An update as a CUDA graph: its hundreds of small operations are launched at once.

A function of a batch is recorded after a few calls and replayed from then on, on tensors that stay in their places. It
must not depend on the data in what it launches, nor wait for the device.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from agents.memory.transitions import Transitions

WARM_UP = 3  # calls before recording, in which libraries and the allocator settle; they count like any other


class CUDAGraphStep:
    """Calls ``step`` on a copy of each batch: as it is at first, later as a CUDA graph with one result tensor."""

    def __init__(self, step: Callable[[Transitions], Tensor]) -> None:
        self._step = step
        self._batch: Transitions | None = None
        self._graph: torch.cuda.CUDAGraph | None = None
        self._result: Tensor | None = None
        self._calls = 0

    def __call__(self, batch: Transitions) -> Tensor:
        """The step's result for this batch, [S, B]."""
        self._keep(batch)
        assert self._batch is not None
        self._calls += 1
        if self._calls <= WARM_UP:
            return self._on_side(self._batch)
        if self._graph is None:
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph):  # records, but does not run
                self._result = self._step(self._batch)
        self._graph.replay()
        assert self._result is not None
        return self._result

    def _keep(self, batch: Transitions) -> None:
        if self._batch is None:
            self._batch = batch.map(Tensor.clone)
            return
        for kept, given in zip(self._batch, batch, strict=True):
            if kept is not None and given is not None:
                kept.copy_(given, non_blocking=True)

    def _on_side(self, batch: Transitions) -> Tensor:
        """Run in a stream of its own, as recording wants it."""
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            result = self._step(batch)
        torch.cuda.current_stream().wait_stream(stream)
        return result
