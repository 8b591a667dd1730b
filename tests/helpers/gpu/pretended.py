"""Pretended GPUs on a machine without any: real numbers on a CPU, under a GPU's rules.

Every storage carries the device that it is said to lie on. An operation on tensors of two devices raises, as does
reading a GPU's tensor as an array; copies and whatever makes the CPU wait are counted; CUDA graphs are recorded and
replayed operation by operation, with the numbers that were baked in, and what may not be recorded raises.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any
from unittest import mock

import torch
from pretended_world import (
    WORLDS,
    Graph,
    Place,
    World,
    place_of,
    plainly,
    present_world,
    put,
    record,
    tensors_in,
    wanted,
    without_device,
)
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

_WAITS = {
    "_local_scalar_dense", "nonzero", "masked_select", "equal", "is_nonzero", "_unique2", "unique_dim",
    "unique_consecutive", "bincount",
}  # fmt: skip
_INDEXED = {"index", "index_put", "index_put_", "_index_put_impl_"}


class _Operations(TorchDispatchMode):
    """Checks, counts and records what reaches a device."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs, world = kwargs or {}, present_world()
        name, given = func._schema.name.split("::")[1], tensors_in((args, kwargs))
        places = {place_of(x) for x in given if x.dim() > 0} or {place_of(x) for x in given}
        here = next((place for place in places if place is not None), None) if given else world.made_on
        if here is not None and given:
            self._check(name, args, places)
        recording = world.recording if world.recording is not None and world.recording.place == here else None
        if recording is not None:
            self._keep_written(recording, func, args, kwargs)
        out = func(*args, **kwargs)
        old = {x.untyped_storage()._cdata for x in given}
        made = [x for x in tensors_in(out) if x.untyped_storage()._cdata not in old]
        if recording is not None:
            recording.operations.append((func, args, kwargs, made))
        for x in made:
            put(x, here)
        if here is not None and (made or any(x.alias_info and x.alias_info.is_write for x in func._schema.arguments)):
            world.counts["operations"] += 1
        return out

    def _check(self, name: str, args: Any, places: set[Place]) -> None:
        world = present_world()
        if name == "copy_":
            to, source = place_of(args[0]), place_of(args[1])
            if to is None or (source is None and args[1].dim() > 0):
                world.note("copies from a device" if to is None else "unpinned copies to a device")
            return
        if name in _INDEXED:
            for index in tensors_in(args[1]):
                if place_of(index) is None and index.dim() > 0:
                    world.note("unpinned copies to a device")
                if index.dtype in (torch.bool, torch.uint8):
                    world.note("waits")
        elif len(places) > 1 and name != "set_":
            raise RuntimeError(f"{name}: expected all tensors to be on the same device, but they are on {places}")
        if name in _WAITS or (name == "repeat_interleave" and isinstance(args[-1], Tensor)):
            world.note("waits")

    def _keep_written(self, graph: Graph, func: Any, args: Any, kwargs: Any) -> None:
        for number, argument in enumerate(func._schema.arguments):
            if argument.alias_info is not None and argument.alias_info.is_write:
                value = args[number] if number < len(args) else kwargs.get(argument.name)
                for tensor in tensors_in(value):
                    graph.keep(tensor)


class _Functions(TorchFunctionMode):
    """Answers what a GPU's tensors are asked, and makes tensors where they are wanted."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs, world = dict(kwargs or {}), present_world()
        if func is torch.device or getattr(func, "__name__", "") == "_parse_to":
            return func(*args, **kwargs)
        if func == Tensor.device.__get__:  # type: ignore[attr-defined]
            place = place_of(args[0])
            return torch.device("cpu") if place is None else torch.device("cuda", place)
        if func == Tensor.is_cuda.__get__:  # type: ignore[attr-defined]
            return place_of(args[0]) is not None
        if func in (Tensor.numpy, Tensor.__array__) and place_of(args[0]) is not None:
            raise TypeError("can't convert a GPU's tensor to numpy")
        if func is Tensor.tolist and place_of(args[0]) is not None:
            world.note("waits")
        if func in (Tensor.to, Tensor.cpu, Tensor.cuda):
            return self._moved(func, args, kwargs)
        drawn = kwargs.get("generator")
        if drawn is not None and world.recording is not None and drawn not in world.recording.generators:
            raise RuntimeError("a generator that is not registered with the graph was used while recording")
        pinned = kwargs.pop("pin_memory", False)
        args, kwargs, named, place = without_device(args, kwargs)
        before, world.made_on = world.made_on, place if named else world.made_on
        try:
            out = func(*args, **kwargs)
        finally:
            world.made_on = before
        if named and place is not None and func in (torch.tensor, torch.as_tensor):
            world.note("unpinned copies to a device")
            put(out, place)
        if pinned:
            out.untyped_storage()._pinned = True
        return out

    def _moved(self, func: Any, args: Any, kwargs: Any) -> Any:
        world, tensor, rest = present_world(), args[0], args[1:]
        if func is Tensor.cpu or func is Tensor.cuda:
            named, place = True, None if func is Tensor.cpu else world.current
        else:
            others = [x for x in rest if isinstance(x, Tensor)]
            if others:
                named, place, rest = True, place_of(others[0]), (others[0].dtype,)
            else:
                rest, kwargs, named, place = without_device(rest, kwargs)
        kwargs = {name: x for name, x in kwargs.items() if name != "non_blocking" and x is not None}
        rest = tuple(x for x in rest if x is not None and not isinstance(x, bool))
        if not named or place == place_of(tensor):
            return tensor.to(*rest, **kwargs) if rest or kwargs else tensor
        if place is None:
            world.note("copies from a device")
        else:
            pinned = getattr(tensor.untyped_storage(), "_pinned", False)
            world.note("copies to a device" if pinned else "unpinned copies to a device")
        with plainly():
            out = tensor.detach().clone()
        put(out, place)
        return out.to(*rest, **kwargs) if rest or kwargs else out


class _Generator(torch.Generator):
    """A generator that says on which device it draws."""

    _place: torch.device

    def __new__(cls, device: Any = "cpu") -> _Generator:
        made = super().__new__(cls)
        _, place = wanted(torch.device(device))
        made._place = torch.device("cpu") if place is None else torch.device("cuda", place)
        return made

    @property
    def device(self) -> torch.device:  # type: ignore[override]
        """As it was made for."""
        return self._place


class _Stream:
    """``torch.cuda.Stream``: all run in order here."""

    def wait_stream(self, other: Any) -> None:
        """Nothing to wait for."""


@contextlib.contextmanager
def _on(device: Any) -> Iterator[None]:
    world, (_, place) = present_world(), wanted(torch.device(device))
    before, world.current = world.current, world.current if place is None else place
    try:
        yield
    finally:
        world.current = before


@contextlib.contextmanager
def pretended_gpus(count: int = 2) -> Iterator[World]:
    """So many GPUs for as long as this lasts, and what happens on them."""
    world = World()
    answers: dict[str, Any] = {
        "is_available": lambda: True, "device_count": lambda: count, "device": _on, "Stream": _Stream,
        "current_stream": lambda *_: _Stream(), "stream": lambda _: contextlib.nullcontext(), "CUDAGraph": Graph,
        "graph": record, "synchronize": lambda *_: world.note("waits"), "get_device_name": lambda *_: "pretended",
        "manual_seed": lambda _: None, "manual_seed_all": lambda _: None,
    }  # fmt: skip
    WORLDS.append(world)
    try:
        with contextlib.ExitStack() as stack:
            for name, answer in answers.items():
                stack.enter_context(mock.patch.object(torch.cuda, name, answer))
            stack.enter_context(mock.patch.object(torch, "Generator", _Generator))
            stack.enter_context(_Functions())
            stack.enter_context(_Operations())
            yield world
    finally:
        WORLDS.pop()
