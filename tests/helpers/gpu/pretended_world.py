"""Where pretended GPUs keep their things: the place of each tensor, the present device, graphs, and counts."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import _disable_current_modes
from torch.utils._pytree import tree_leaves

Place = int | None  # number of a GPU; None: the CPU


def place_of(tensor: Tensor) -> Place:
    """The GPU on which a tensor is said to lie."""
    return getattr(tensor.untyped_storage(), "_place", None)


def put(tensor: Tensor, place: Place) -> None:
    tensor.untyped_storage()._place = place  # type: ignore[attr-defined]


def tensors_in(value: Any) -> list[Tensor]:
    return [x for x in tree_leaves(value) if isinstance(x, Tensor)]


def wanted(device: Any) -> tuple[bool, Place]:
    """Whether something names a device, and its place; "cuda" is the present one."""
    if isinstance(device, str) and device.split(":")[0] in ("cuda", "cpu"):
        device = torch.device(device)
    if not isinstance(device, torch.device):
        return False, None
    if device.type == "cpu":
        return True, None
    return True, present_world().current if device.index is None else device.index


class World:
    """What happens on the pretended GPUs: ``counts`` of operations, copies, waits, recordings and replays."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.current = 0  # the present device
        self.recording: Graph | None = None
        self.made_on: Place = None  # by functions that make tensors

    def note(self, what: str) -> None:
        """Count a copy or a wait, which no graph can hold."""
        if self.recording is not None:
            raise RuntimeError(f"operation not permitted when stream is capturing: {what}")
        self.counts[what] += 1


WORLDS: list[World] = []


def present_world() -> World:
    return WORLDS[-1]


class Graph:
    """``torch.cuda.CUDAGraph``: operations on one device, with the arguments that they were given."""

    def __init__(self) -> None:
        self.place = present_world().current
        self.operations: list[tuple[Any, Any, Any, list[Tensor]]] = []
        self.before: dict[int, tuple[Any, Any]] = {}
        self.generators: list[Any] = []
        self.states: list[Tensor] = []

    def register_generator_state(self, generator: Any) -> None:
        """Random numbers of it may be drawn by what is recorded."""
        self.generators.append(generator)
        self.states.append(generator.get_state())

    def keep(self, tensor: Tensor) -> None:
        """Remember what a tensor held before it was recorded that it is written to: recording runs nothing."""
        storage = tensor.untyped_storage()
        if storage._cdata not in self.before:
            with plainly():
                self.before[storage._cdata] = (storage, storage.clone())

    def replay(self) -> None:
        """Run all operations again."""
        present_world().counts["replays"] += 1
        with plainly(), torch.inference_mode():
            for function, args, kwargs, made in self.operations:
                found = [x for x in tensors_in(function(*args, **kwargs)) if place_of(x) is None]
                for kept, new in zip(made, found, strict=True):
                    kept.copy_(new)


@contextlib.contextmanager
def record(graph: Graph) -> Iterator[None]:
    world = present_world()
    world.recording = graph
    try:
        yield
    finally:
        world.recording = None
        with plainly():
            for storage, held in graph.before.values():
                storage.copy_(held)
            for generator, state in zip(graph.generators, graph.states, strict=True):
                generator.set_state(state)
    world.counts["recordings"] += 1


@contextlib.contextmanager
def plainly() -> Iterator[None]:
    with torch._C.DisableTorchFunction(), _disable_current_modes():
        yield


def without_device(args: Any, kwargs: Any) -> tuple[Any, Any, bool, Place]:
    """Arguments that name no GPU, whether a device was named, and its place."""
    named, place, plain = False, None, []
    for value in args:
        is_device, where = wanted(value)
        if is_device:
            named, place = True, where
        plain.append(torch.device("cpu") if is_device else value)
    if "device" in kwargs:
        named, place = wanted(kwargs["device"])
        kwargs = {**kwargs, "device": torch.device("cpu")} if named else kwargs
    return tuple(plain), kwargs, named, place
