"""A short soak: nothing grows, and what would grow or break is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soak as long_run
from soak import Footprint, Played, at_random, footprint, soak

from envs.waybill.vector_env import WaybillVectorEnv


def test_a_short_soak_finds_nothing(tmp_path: Path) -> None:
    assert soak(60_000, ["haul", "rivals"], tmp_path) == []


def test_what_grows_is_told() -> None:
    before = Footprint(100 * 2**20, 6, 4, 0)
    assert long_run._grown(before, before) == []
    assert long_run._grown(before, before._replace(resident_bytes=140 * 2**20)) == []
    told = long_run._grown(before, Footprint(200 * 2**20, 7, 5, 1))
    assert [line.split(" grew ")[0] for line in told] == ["resident_bytes", "files", "threads", "temporary"]


def test_the_footprint_counts_files_and_memory(tmp_path: Path) -> None:
    before = footprint()
    held = [np.ones(2**23), (tmp_path / "open").open("w")]
    after = footprint()
    assert after.files == before.files + 1
    assert after.resident_bytes - before.resident_bytes > 2**25
    held[1].close()  # type: ignore[union-attr]


def test_a_broken_invariant_is_told() -> None:
    played = Played("haul", WaybillVectorEnv(level="haul", num_envs=4, maps=(0, 4)), at_random)
    assert played.play(3) == 12
    assert played.faults() == []
    played.env.batch.states["companies"]["cash"][2, 0] += 1
    assert played.faults()[0].startswith("haul: every coin is booked: game 2, turn 3, map ")
