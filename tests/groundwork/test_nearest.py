"""A name that isn't known is answered with the nearest one that is, or with none."""

from __future__ import annotations

from pathlib import Path

import pytest

from groundwork.nearest import meant, meant_path


@pytest.mark.parametrize(
    ("given", "known", "told"),
    [
        ("refin", ["chain", "refine", "rivals"], " (is refine meant?)"),
        ("gredy", ["random", "greedy"], " (is greedy meant?)"),
        ("xyz", ["random", "greedy"], ""),
        ("", ["a"], ""),
        (3, [1, 2], ""),
    ],
)
def test_the_nearest_name(given: object, known: list[object], told: str) -> None:
    assert meant(given, known) == told


def test_the_nearest_of_what_lies_beside_it(tmp_path: Path) -> None:
    for name in ("haul_seed-0", "refine_seed-0", ".haul_seed-1"):
        (tmp_path / name).mkdir()
    assert meant_path(tmp_path / "haul_seed-1") == f" (is {tmp_path}/haul_seed-0 meant?)"
    assert meant_path(tmp_path / "nowhere" / "x") == ""
    assert meant_path("gredy", ["greedy"]) == " (is greedy meant?)"
    assert meant_path("\0", ["greedy"]) == ""
