"""Calls that are recorded once as a CUDA graph: their hundreds of small operations are launched at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

WARM_UP = 3  # calls before recording, in which libraries and the allocator settle; they count like any other


class Captured:
    """A function of tensors, called as it is at first and replayed as a CUDA graph from then on.

    What it launches must not depend on data, and it must not wait for the device. All that changes from call to call is
    in the tensors given, which are copied to places of their own, in tensors that it reads where they are, and in
    random numbers of ``generators``. A replay's results are the same tensors every time: the next one overwrites them.
    """

    def __init__(
        self, function: Callable[..., Any], device: torch.device, generators: Sequence[torch.Generator] = ()
    ) -> None:
        self._function, self._device, self._generators = function, device, generators
        self._given: tuple[Tensor, ...] = ()
        self._graph: torch.cuda.CUDAGraph | None = None
        self._result: Any = None
        self._calls = 0

    def __call__(self, *given: Tensor) -> Any:
        """The function's result."""
        self._calls += 1
        with torch.cuda.device(self._device):  # streams and graphs are those of the present device
            if self._calls <= WARM_UP:
                return self._on_side(given)
            if self._graph is None:
                self._record(given)
            for kept, new in zip(self._given, given, strict=True):
                kept.copy_(new, non_blocking=True)
            assert self._graph is not None
            self._graph.replay()
            return self._result

    def _record(self, given: tuple[Tensor, ...]) -> None:
        self._given, self._graph = tuple(tensor.clone() for tensor in given), torch.cuda.CUDAGraph()
        for generator in self._generators:
            self._graph.register_generator_state(generator)
        with torch.cuda.graph(self._graph):  # records, but does not run
            self._result = self._function(*self._given)

    def _on_side(self, given: tuple[Tensor, ...]) -> Any:
        """Run in a stream of its own, as recording wants it."""
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            result = self._function(*given)
        torch.cuda.current_stream().wait_stream(stream)
        return result
