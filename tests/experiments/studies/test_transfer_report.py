"""The report on transfer: its measures from results made by hand, and never of seeds that not all arms have."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from composing import CONF
from swept import made

from experiments.studies import transfer
from experiments.sweeps.manifest import Job, Planned

CURVES = {  # of two seeds each; threshold 500
    "refine": [[[0, 0], [100, 400], [200, 600]], [[0, 100], [100, 500], [200, 700]]],
    "refine_full": [[[0, 500], [100, 800], [200, 900]], [[0, 600], [100, 900], [200, 1000]]],
    "refine_random_init": [[[0, 0], [100, 400], [200, 400]], [[0, 100], [100, 500], [200, 600]]],
    "haul": [[[0, 0], [1000, 9]], [[0, 0], [1000, 9]]],
}
FROM = {"refine_full": "haul_seed0", "refine_random_init": "haul_seed0"}
MODES = {"refine_random_init": "random_init"}


def job(number: int, name: str, *, folder: str = "elsewhere") -> Planned:
    """An arm's job of two seeds; since it ran, its sweep was moved."""
    given = {"from": f"{folder}/{FROM[name]}" if name in FROM else None, "mode": MODES.get(name, "full")}
    config = {"arm": name, "seed": 0, "seeds": 2, "level": {"name": name.partition("_")[0]}, "transfer": given}
    return Planned(Job(number, f"{name}_seed0", [], {}, [0, 1], 1000 if name == "haul" else 200), config)


def finish(folder: Path, name: str) -> None:
    for seed, curve in enumerate(CURVES[name]):
        own = folder / f"{name}_seed0" / f"seed{seed}"
        own.mkdir(parents=True)
        scores = {
            player: {"mean": mean} for player, mean in (("dqn", curve[-1][1]), ("random", -100), ("planner", 2300))
        }
        values = {"curve": curve, "scores": scores, "choices": {"agent": "dqn"}, "seed": seed, "env_steps": 200}
        (own / "result.json").write_text(json.dumps(values))


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    folder = tmp_path / "sweep"
    made(folder, [job(number, name) for number, name in enumerate(CURVES)])
    for name in CURVES:
        finish(folder, name)
    return folder


def rows_of(lines: list[str]) -> dict[str, list[str]]:
    return {line.split(" | ")[0].removeprefix("| "): line.split(" | ")[1:] for line in lines if line.startswith("| ")}


def test_the_table_shows_the_measures(sweep: Path) -> None:
    asked = [sys.executable, "-m", "experiments.studies.transfer", str(sweep)]
    done = subprocess.run(asked, cwd=CONF.parent, capture_output=True, text=True, check=True)
    text = (sweep / "transfer" / "table.md").read_text()
    assert done.stdout == f"{text}\ntable and curves: {sweep / 'transfer'}\n"
    assert (sweep / "transfer" / "curves_refine.png").read_bytes().startswith(b"\x89PNG")
    lines = text.splitlines()
    assert "## haul → refine" in lines
    assert "Threshold: 500 coins; 2 seeds." in lines
    rows = rows_of(lines)
    assert list(rows) == ["arm", "scratch", "full", "random_init", "rung", "haul → refine"]
    assert rows["scratch"][0] == ""
    assert rows["full"][0] == "+500 (+500 … +500)"
    assert rows["random_init"][0] == "+0 (+0 … +0)"
    assert rows["scratch"][1].startswith("125 (")  # 150 and 100
    assert rows["full"][1:3] == ["0 (0 … 0)", "1,000 (1,000 … 1,000)"]
    assert rows["random_init"][1].startswith("≥ 150 (")  # never and 100
    assert rows["random_init"][1].endswith("1 of 2 reach it")
    assert rows["random_init"][2] == rows["random_init"][1]  # it takes nothing from the source
    assert rows["scratch"][3].startswith("383 (")  # of three evaluations each: 333 and 433
    assert rows["full"][4].startswith("+1.00 (")  # mean scores 750 and 850 against 350 and 450
    (said,) = [line for line in lines if line.startswith("Mean score over training, full less random_init: +438 (")]
    assert said.endswith("above 0.")
    assert rows["haul → refine"] == ["0.00", "8.0", "+1.00", "-0.09 |"]


def test_what_is_missing_is_said_and_seeds_are_the_same_for_all(sweep: Path) -> None:
    (sweep / "refine_random_init_seed0" / "seed1" / "result.json").unlink()
    text = transfer.write_transfer_report(sweep)
    assert "refine_random_init has no two finished seeds that scratch has, and is left out." in text
    assert list(rows_of(text.splitlines())) == ["arm", "scratch", "full", "rung", "haul → refine"]
    (rung,) = transfer.read_rungs(sweep)
    rung.scratch.results[2] = rung.scratch.results[0]
    rung.arms[0].results[3] = rung.scratch.results[0]
    again = transfer._rung(rung.scratch, rung.arms)
    assert again.seeds == [0, 1]
    assert again.notes == ["Not all arms have all seeds finished: only seeds 0, 1 are shown."]


def test_nothing_to_compare_is_one_line(sweep: Path, tmp_path: Path) -> None:
    for path in sweep.glob("refine_seed0/*/result.json"):
        path.unlink()
    with pytest.raises(
        ValueError, match=r"no arm with transfer\.from and no scratch beside it have two finished seeds"
    ):
        transfer.write_transfer_report(sweep)
    assert not (sweep / "transfer").exists()
    with pytest.raises(ValueError, match="is no sweep's folder"):
        transfer.write_transfer_report(tmp_path)


def test_without_a_planner_there_is_no_threshold(sweep: Path) -> None:
    """Where policies are rivals it is left out of the results."""
    for path in sweep.glob("refine_seed0/*/result.json"):
        result = json.loads(path.read_text())
        del result["scores"]["planner"]
        path.write_text(json.dumps(result))
    with pytest.raises(ValueError, match="^refine: there is no planner's score to take the threshold from"):
        transfer.write_transfer_report(sweep)
    assert not (sweep / "transfer").exists()


def test_arms_of_other_games_are_passed_over(tmp_path: Path) -> None:
    config = {"arm": "poles", "seed": 0, "seeds": 2, "transfer": {"from": None}}
    folder = made(tmp_path / "sweep", [Planned(Job(0, "poles", [], {}, [0, 1], 9), config)]).folder
    with pytest.raises(ValueError, match=r"no arm with transfer\.from"):
        transfer.write_transfer_report(folder)
