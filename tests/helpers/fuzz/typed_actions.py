"""What a program may hand to an environment by mistake: actions, seeds, options and states of any shape and type."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from envs.waybill.env import WaybillEnv
from envs.waybill.game_state import GameState
from envs.waybill.parallel import WaybillParallelEnv
from envs.waybill.vector_env import WaybillVectorEnv
from groundwork.errors import WaybillError

NUMBERS: tuple[Any, ...] = (
    0, 1, 7, 31, 32, -1, 2**31, 2**63, 2**64, 10**30, -(2**63), 0.0, 1.0, 0.5, float("nan"), float("inf"), True, None,
    "1", "x", b"1", 1j, [], [1], [[1]], (), {}, {"a": 1}, set(), object(), np.int8(-3), np.uint64(2**64 - 1),
    np.float32(2), np.array(3), np.array([3]), np.array([[3]]), np.array([]), np.array(["a"]), np.array([None]),
    np.zeros(0, np.int64), np.array([1.5]), np.array([True]), np.datetime64("2026-01-01"), range(3), iter([1]),
)  # fmt: skip
KINDS = ("int8", "int64", "uint64", "float64", "bool", "object", "complex64", "U3")


@cache
def _environments() -> tuple[WaybillEnv, WaybillVectorEnv, WaybillParallelEnv]:
    one = WaybillEnv(level="haul", maps=(0, 4), actions="masked")
    batch = WaybillVectorEnv(level="refine", maps=(0, 4), num_envs=3, candidates=8)
    together = WaybillParallelEnv(level="rivals", maps=(0, 2))
    for env in (one, batch, together):
        env.reset(seed=1)
    return one, batch, together


def _array(rng: random.Random) -> Any:
    shape = tuple(rng.choice([0, 1, 2, 3, 4]) for _ in range(rng.randrange(4)))
    many = int(np.prod(shape))
    values = [rng.choice([0, 1, 5, 9, -1, 2**31, 2**62]) for _ in range(many)]
    try:
        return np.array(values, object).astype(rng.choice(KINDS)).reshape(shape)
    except (OverflowError, ValueError, TypeError):
        return np.array(values, object).reshape(shape)


def thing(rng: random.Random) -> Any:
    """Anything at all."""
    how = rng.randrange(4)
    if how == 0:
        return rng.choice(NUMBERS)
    if how == 1:
        return _array(rng)
    return rng.randrange(-(2**66), 2**66) if how == 2 else [rng.choice(NUMBERS) for _ in range(rng.randrange(5))]


def _harmed(state: GameState, rng: random.Random) -> Any:
    names = [field.name for field in dataclasses.fields(state)]
    return rng.choice([state, thing(rng), dataclasses.replace(state, **{rng.choice(names): thing(rng)})])


def drawn_call(rng: random.Random) -> tuple[str, Callable[[], object]]:
    """A call of an environment and what it is; after it was refused, the games stand where they stood."""
    one, batch, together = _environments()
    calls: list[tuple[str, Callable[[], object]]] = []
    given, second = thing(rng), thing(rng)
    calls += [("step", lambda: one.step(given))] * 3 + [("batch step", lambda: batch.step(given))] * 3
    calls += [("reset seed", lambda: one.reset(seed=given)), ("batch reset seed", lambda: batch.reset(seed=given))]
    calls += [("reset options", lambda: one.reset(options={"map_seed": given}))]
    calls += [("batch get_state", lambda: batch.get_state(given))]
    agents = {agent: rng.choice([0, given]) for agent in rng.choice([together.agents, ["company_0", "x"]])}
    calls += [("step together", lambda: together.step(agents))]
    wrong, states = _harmed(one.get_state(), rng), [_harmed(state, rng) for state in batch.get_state()]
    calls += [("set_state", lambda: one.set_state(wrong))]
    calls += [("batch set_state", lambda: batch.set_state(states, rng.choice([None, [0, 1, 2], second])))]
    told, call = rng.choice(calls)

    def safely() -> None:
        if one.batch.infos.over[0]:
            one.reset(seed=1)
        if not together.agents:
            together.reset(seed=1)
        before = (one.get_state(), batch.get_state())
        try:
            call()
        except WaybillError:
            assert (one.get_state(), batch.get_state()) == before, "a refused call has changed a game"
            raise
        finally:
            one.step(0) if not one.batch.infos.over[0] else one.reset(seed=2)
            batch.step(np.zeros(3, np.int64))

    return f"{told}({str(given)[:60]})", safely
