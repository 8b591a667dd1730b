"""What can't fit into this machine's memory is refused in one line, before anything is there."""

from __future__ import annotations

from pathlib import Path

import pytest
from strangers import one_line, type_door

TINY = ("level=haul", "steps=200", "device=cpu", "progress=false")
WIDE = "network.width=[8192,8192,8192,8192]"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("train_maps=16777215",), "train_maps=16777215: so many maps of this level need "),
        (("seeds=1024", "num_envs=65536"), "the games of seeds=1024, num_envs=65536 on train_maps=2048 need "),
        (("agent.memory_capacity=10000000000",), "lower memory_capacity to "),
        (
            ("agent.memory_capacity=10000000000", "agent.memory_bytes=1000000000000000"),
            "agent.memory_capacity=10000000000: so many steps of ",
        ),
        (("network=mlp", WIDE, "seeds=1024", "num_envs=2", "train_maps=2"), "network: 6144 copies of "),
        (("seed=65535", "seeds=2"), "seeds=2 is not allowed, it must be 1..1024, seed + seeds up to 65536"),
        (("train_maps=16777216",), "train_maps=16777216 is not allowed, it must be 1..16777215 maps"),
    ],
)
def test_what_does_not_fit(tmp_path: Path, words: tuple[str, ...], line: str) -> None:
    done = type_door(("train.py", "out=runs", *TINY, *words), tmp_path, tmp_path)
    assert one_line(done) is None
    assert line in done[2]
    assert list(tmp_path.iterdir()) == []
