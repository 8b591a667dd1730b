"""The options that all environments take: one class, one set of defaults, one line for a mistake."""

from __future__ import annotations

import dataclasses
from typing import Any

import gymnasium
import pytest

import envs  # noqa: F401 - registers the ids
from envs.waybill.batch import Batch
from envs.waybill.core import levels
from envs.waybill.env import WaybillEnv
from envs.waybill.maps.pool import TRAIN_SEEDS
from envs.waybill.options import GameOptions, read_options
from envs.waybill.vector_env import WaybillVectorEnv


def test_what_is_not_given_is_as_always() -> None:
    refine = levels.load_level("refine")
    assert dataclasses.asdict(read_options({}, WaybillEnv)) == {
        "level": dataclasses.asdict(refine), "reward": "shaped", "gamma": 0.99, "bonus": 0.25, "actions": "heuristic",
        "candidates": 32, "hints": True, "cells": 4, "encoding": "reference_points", "encoding_options": {},
        "dated": False, "entities": None, "pointers": False, "maps": (TRAIN_SEEDS, 256),
    }  # fmt: skip
    assert read_options({}, WaybillEnv) == GameOptions(level=refine)
    assert len(WaybillEnv().batch.pool.seed) == 256
    assert len(WaybillVectorEnv(num_envs=1).batch.pool.seed) == 1024


def test_what_is_given_stands_in_place_of_an_environment_s_own_default() -> None:
    haul = levels.load_level("haul")
    assert read_options({"level": "haul"}, WaybillEnv, level="rivals").level == haul
    assert read_options({"level": haul, "gamma": 0.0}, WaybillEnv, level="rivals") == GameOptions(level=haul, gamma=0.0)
    assert read_options({}, WaybillEnv, level="haul", maps=(3, 4)) == GameOptions(level=haul, maps=(3, 4))


def test_gymnasium_hands_the_options_on() -> None:
    env: Any = gymnasium.make("waybill/Haul-v0", candidates=5, maps=(7, 2), seat=0)
    assert env.unwrapped.action_space.n == 5
    assert env.unwrapped.batch.pool.seed.tolist() == [7, 8]
    assert env.unwrapped.level.name == "haul"


def test_options_are_not_assigned_to() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        read_options({}, WaybillEnv).gamma = 0.5  # type: ignore[misc]


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"gamma": 1.01}, "gamma=1.01, allowed are 0..1"),
        ({"bonus": -1.0}, "bonus=-1.0, allowed are 0..100 starting cashes"),
        ({"maps": (0, 0)}, "maps=(0, 0): needs a first seed of at least 0 and enough maps (in order: one a game)"),
        ({"level": "hual"}, "unknown level 'hual', known are haul, refine, chain, rivals, fog"),
        (
            {"gama": 1.0},
            "Batch: option 'gama' is unknown, known are actions, bonus, candidates, cells, dated, encoding, "
            "encoding_options, entities, gamma, hints, in_order, level, maps, num_envs, pointers, reward, seats, "
            "threads, whole_games",
        ),
    ],
)
def test_a_wrong_option_is_one_line(given: dict[str, Any], line: str) -> None:
    with pytest.raises(ValueError, match=".") as caught:
        read_options(given, Batch)
    assert str(caught.value) == line
