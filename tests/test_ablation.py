"""The ablation's table, from results made by hand; its arms fit the config."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_config import composed

from experiments import ablation
from experiments.config import read


def put(folder: Path, shares: list[float]) -> None:
    for seed, share in enumerate(shares):
        own = folder / f"seed{seed}"
        own.mkdir(parents=True)
        row = {"mean": 1000 * share, "normalised": {"mean": share}, "bankruptcies": 0.5}
        (own / "result.json").write_text(json.dumps({"scores": {"dqn": row}, "seconds": 12.4}))


def test_differences_are_paired_by_seed(tmp_path: Path) -> None:
    """Shares 0.1 and 0.5 against 0.2 and 0.6: 0.1 better at every seed, whatever the seeds differ."""
    put(tmp_path / "as_it_is", [0.1, 0.5])
    put(tmp_path / "dueling", [0.2, 0.6])
    lines = ablation.table(tmp_path).splitlines()
    assert lines[2].startswith("| as it is |  | 300 (")
    assert lines[2].endswith("| 0.300 |  | 50% | 12 |")
    assert lines[3].startswith("| dueling | `agent.dueling=true` | 400 (")
    assert "| 0.400 | +0.100 (+0.100 … +0.100) | 50% | 12 |" in lines[3]
    assert len(lines) == 4


@pytest.mark.parametrize("arm", ablation.ARMS)
def test_every_arm_changes_the_config_and_fits_it(arm: str) -> None:
    base = read(composed("experiment=ablation")).plain
    changed = read(composed("experiment=ablation", *ablation.ARMS[arm])).plain
    assert (changed != base) == (arm != ablation.BASE)
    assert base["seeds"] == 5
