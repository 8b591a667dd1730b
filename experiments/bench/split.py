"""Splits a training's time into its parts, and times the matrix products of an update alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import torch

from agents.memory.transitions import Transitions
from agents.networks.candidates import CandidateNetwork
from agents.networks.mlp import MLP
from experiments.bench.cases import GAMES, STEPS_PER_UPDATE, Training

Shape = tuple[int, int, int]  # rows, inputs, outputs of a product


class Stopwatch:
    """Adds up the time spent in a function."""

    def __init__(self, function: Callable[..., Any], device: torch.device) -> None:
        self._function, self._device, self.seconds = function, device, 0.0

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        begin = time.perf_counter()
        try:
            return self._function(*args, **kwargs)
        finally:
            if self._device.type == "cuda":
                torch.cuda.synchronize(self._device)
            self.seconds += time.perf_counter() - begin


def split_time(training: Training) -> dict[str, float]:
    """Microseconds for each environment step: engine, act, remember, sample, update; and the update's floor.

    On a GPU sampling is a part of the update; so is reading what was drawn where the learner ``reads_along``.
    """
    agent, device = training.agent, training.agent.policy.device
    watches = {}
    places: dict[str, tuple[Any, str]] = {
        "engine": (training.env, "step"), "act": (agent, "act"), "remember": (agent, "observe")
    }  # fmt: skip
    if agent.resident is None:
        places |= {"sample": (agent, "draw"), "read": (agent, "read"), "update": (agent.learner, "update")}
    else:
        places |= {"update": (agent.resident, "update")}
    for name, (owner, attribute) in places.items():
        watches[name] = Stopwatch(getattr(owner, attribute), device)
        setattr(owner, attribute, watches[name])
    training()
    for owner, attribute in places.values():
        delattr(owner, attribute)
    spent = {name: 1e6 * watch.seconds / (training.steps // GAMES * GAMES) for name, watch in watches.items()}
    spent["sample"] = spent.get("sample", 0.0) + spent.pop("read", 0.0)
    return spent | {"floor": 1e6 * floor(training) / STEPS_PER_UPDATE}


def floor(training: Training) -> float:
    """Seconds that the matrix products of an update take alone, measured here; all of them dense."""
    agent = training.agent
    batch = agent.batch
    assert batch is not None
    return sum(product_seconds(shape, agent.policy.device) for shape in products(agent.policy.network, batch))


def products(network: Any, batch: Transitions) -> list[Shape]:
    """The matrix products of an update without double: online and target forward, then back to all weights."""
    size = batch.a_tm1.shape[1]
    if isinstance(network, MLP):
        weights = [dict(layer.named_parameters())["0.weight"] for layer in network.body] + [network.head.weight]
        layers: list[Shape] = [(size, weight.shape[1], weight.shape[2]) for weight in weights]
        forward = layers
        target = layers
    else:
        assert isinstance(network, CandidateNetwork)
        forward = _candidate_layers(network, batch.obs_tm1, size)
        target = _candidate_layers(network, batch.obs_t, int(batch.mask_t.sum()))
    back = [shape for m, k, n in forward for shape in ((k, m, n), (m, n, k))]
    return [*forward, *target, *back[:1], *back[2:]]  # nothing goes back to the observation


def _candidate_layers(network: CandidateNetwork, obs: torch.Tensor, scored: int) -> list[Shape]:
    """The products of a forward pass that scores that many candidates of a batch."""
    n_globals, entities, features = network.layout[:3]
    rows = obs[0, :, n_globals : n_globals + entities * features].unflatten(1, (entities, features))
    present, size, width = int((rows[:, :, 0] > 0.5).sum()), obs.shape[1], network.head.weight.shape[1]
    return [
        (present, features, width), (size, n_globals + 2 * width, width), (size, width, width),
        (scored, network.layout.candidate_features, width), (scored, width, width), (scored, width, 1),
    ]  # fmt: skip


def product_seconds(shape: Shape, device: torch.device) -> float:
    """Median seconds that one product takes."""
    m, k, n = shape
    a, b, out = (torch.ones(size, device=device) for size in ((m, k), (k, n), (m, n)))
    times = []
    for _ in range(30):
        begin = time.perf_counter()
        torch.mm(a, b, out=out)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - begin)
    return median(times)


def gflops(device: torch.device, size: int = 512) -> float:
    """How fast this machine multiplies matrices, in 10^9 operations a second."""
    return 2e-9 * size**3 / product_seconds((size, size, size), device)
