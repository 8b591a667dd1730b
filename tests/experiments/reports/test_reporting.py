"""``report.py`` as a user types it: on real runs, on sweeps that were interrupted, and on what is no sweep at all."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from reports import Page, changed, put
from typed import command, refused

from experiments.reports.report import write_report
from experiments.reports.run_folders import find_runs
from experiments.runs import results
from tiny import COMMON, DQN

OUTPUTS = {"report.html", "report.md", "figures", "tensorboard"}


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four tiny runs made by train.py: two rewards, two seeds."""
    out = tmp_path_factory.mktemp("out")
    words = [*COMMON, *DQN, "steps=800", "reward=sparse,shaped", "seed=0,1", f"hydra.sweep.dir={out}/sweep"]
    done = command("train.py", "-m", *words, f"out={out}", cwd=out)
    assert done.returncode == 0, done.stderr
    return out / "sweep"


def test_a_report_on_a_real_sweep(sweep: Path) -> None:
    before = sorted(sweep.rglob("*"))
    done = command("report.py", str(sweep), "--reference", "reward=shaped", cwd=sweep.parent)
    assert done.returncode == 0, done.stderr
    out = sweep / "report"
    assert f"page:     {out}/report.html" in done.stdout
    assert f"tensorboard --logdir {out}/tensorboard" in done.stdout
    assert "warning: Fewer than 5 seeds" in done.stdout
    assert {path.name for path in out.iterdir()} == OUTPUTS
    assert [path for path in sorted(sweep.rglob("*")) if out not in (path, *path.parents)] == before

    page = Page((out / "report.html").read_text())
    assert page.outside == []
    assert page.drawings == 5  # of two arms there is no matrix of pairs
    rows = page.rows("Held-out scores")
    for arm in ("sparse", "shaped"):
        found = [run for run in find_runs([sweep]).finished if run.config["reward"]["name"] == arm]
        own = [results.read_result(run.folder)["scores"]["dqn"]["mean"] for run in found]  # type: ignore[index]
        assert rows[f"reward={arm}"]["seeds"] == "2"
        assert float(rows[f"reward={arm}"]["mean"].replace(",", "")) == pytest.approx(sum(own) / 2, abs=0.51)
    assert "Probability of improvement over “reward=shaped”" in page.headings
    funnel = page.rows("The funnel over training")
    assert list(funnel["reward=sparse"]) == ["extractor", "dig", "sell", "profit"]  # on haul nothing is refined
    text = (out / "report.html").read_text()
    assert "python train.py -m level=haul level.horizon=20 steps=800 num_envs=8 " in text
    assert " reward=sparse seed=0,1\n" in text  # where a sweep puts its runs is not theirs

    markdown = (out / "report.md").read_text()
    for picture in (out / "figures").iterdir():
        assert f"](figures/{picture.name})" in markdown
    assert rows["reward=sparse"]["IQM (95 % interval)"] in markdown


def test_a_stopped_sweep_is_reported_as_far_as_it_went(tmp_path: Path) -> None:
    put(tmp_path / "a", "reward=sparse", scores=[100, 120, None, 130, 140])
    put(tmp_path / "b", scores=[600, 610, 620])
    put(tmp_path / "c", "reward=cash", scores=[None])
    (tmp_path / "b" / "0" / "result.json").write_text('{"half')
    page = Page((write_report([str(tmp_path)]) / "report.html").read_text())
    said = "\n".join(page.warnings)
    assert f"{tmp_path}/b/0/result.json: it is no JSON" in said
    assert f"Arm “reward=cash” has no finished run and is left out; not finished: 0 ({tmp_path}/c/0)" in said
    assert f"Arm “reward=sparse” lacks seeds; not finished: 2 ({tmp_path}/a/2)" in said
    assert "Arm “reward=shaped” lacks seeds; no run of: 0, 3, 4" in said
    rows = page.rows("Held-out scores")
    seeds = {name: row["seeds"] for name, row in rows.items() if row["seeds"]}
    assert seeds == {"reward=sparse": "4", "reward=shaped": "2"}
    assert rows["reward=shaped"]["mean"] == "618"  # 610 and 620, and 2.5 of the maps
    assert "**Warnings**" in (tmp_path / "report" / "report.md").read_text()


def test_runs_of_different_levels_are_never_averaged(tmp_path: Path) -> None:
    put(tmp_path / "a", scores=[100, 200, 300])
    put(tmp_path / "b", "level=refine", scores=[700, 800, 900])
    put(tmp_path / "c", "evaluation.map_seed=9", scores=[500])
    out = write_report([str(tmp_path)], out=str(tmp_path / "x" / "y"))
    assert out == tmp_path / "x" / "y"
    page = Page((out / "report.html").read_text())
    titles = [heading for heading in page.headings if "maps from seed" in heading]
    assert titles == ["haul, 6 maps from seed 0", "refine, 6 maps from seed 0", "haul, 6 maps from seed 9"]
    means = [table[1][2] for table in page.tables["Held-out scores"]]
    assert means == ["202", "802", "502"]
    assert "nothing is averaged over them" in page.warnings[0]
    arms = {str(path.relative_to(out / "tensorboard" / "arms").parent) for path in out.rglob("arms/*/*/events*")}
    assert arms == {f"{title.replace(', ', '_').replace(' ', '_')}/dqn" for title in titles}


@pytest.mark.parametrize(
    ("folder", "options", "line"),
    [
        ("nowhere", {}, "'nowhere' is no folder"),
        ("begun", {}, "'begun': no finished run to report on (1 unfinished, 0 that cannot be read; begun/0 has no"),
        ("runs", {"threshold": 1.5}, "--threshold=1.5 is not allowed, it must be a share above 0, up to 1"),
        ("runs", {"threshold": 0.0}, "--threshold=0 is not allowed"),
        ("runs", {"seed": -1}, "--seed=-1 is not allowed, it must be 0 or more"),
        ("runs", {"out": "full"}, "--out=full: the folder holds something else than a report"),
        ("runs", {"out": "full/file"}, "--out=full/file is a file"),
        ("runs", {"reference": "x"}, "--reference=x: there is no such arm, known are 'dqn'"),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, options: dict[str, Any], line: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("mine")
    put(tmp_path / "begun", scores=[None])
    put(tmp_path / "runs", scores=[600])
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ValueError, match="^" + re.escape(line)) as caught:
        write_report([folder], **options)
    assert "\n" not in str(caught.value)
    assert sorted(tmp_path.rglob("*")) == before


def test_an_empty_folder_is_one_line_for_the_user_too(tmp_path: Path) -> None:
    line = refused(command("report.py", ".", cwd=tmp_path), "report.py")
    assert line.startswith("report.py: error: '.': no runs in there, no folder holds a config.yaml")


def test_a_report_is_replaced_whole(tmp_path: Path) -> None:
    put(tmp_path / "runs", scores=[600])
    out = write_report([str(tmp_path / "runs")])
    (out / "figures" / "old.png").write_text("")
    put(tmp_path / "runs" / "more", scores=[700], first=1)
    assert write_report([str(tmp_path / "runs")]) == out
    assert not (out / "figures" / "old.png").exists()
    assert Page((out / "report.html").read_text()).rows("Held-out scores")["dqn"]["seeds"] == "2"
    assert [path.name for path in out.parent.iterdir() if path.name.startswith(".")] == []


def test_nothing_is_written_into_a_runs_own_folder(tmp_path: Path) -> None:
    (run,) = put(tmp_path, scores=[600])
    before = sorted(run.iterdir())
    assert write_report([str(run)]) == tmp_path / "0_report"
    assert sorted(run.iterdir()) == before


def test_the_same_runs_give_the_same_report(tmp_path: Path) -> None:
    put(tmp_path / "runs", scores=[600, 650, 800], events=True)
    one, two = (write_report([str(tmp_path / "runs")], out=str(tmp_path / name)) for name in "ab")
    assert (one / "report.html").read_text() == (two / "report.html").read_text()
    other = write_report([str(tmp_path / "runs")], out=str(tmp_path / "c"), seed=5)
    assert "bootstrap seed 5" in (other / "report.html").read_text()


def test_event_files_that_cannot_be_read_cost_only_the_funnel(tmp_path: Path) -> None:
    one, _ = put(tmp_path / "runs", scores=[600, 650], events=True)
    for file in one.glob("events*"):
        file.write_bytes(b"nonsense" * 100)
    page = Page((write_report([str(tmp_path / "runs")]) / "report.html").read_text())
    assert page.warnings[0].endswith(f"are without a run: {one}: nothing in its event files can be read")
    assert "The funnel over training" not in page.headings
    assert page.rows("Held-out scores")["dqn"]["seeds"] == "2"


def test_other_games_are_reported_without_maps_players_or_funnel(tmp_path: Path) -> None:
    """A gym run's result, as its domain writes it."""
    put(tmp_path / "runs", scores=[1, 2])
    for folder in (tmp_path / "runs" / "0", tmp_path / "runs" / "1"):
        config = (folder / "config.yaml").read_text()
        start = config.index("env:\n")
        end = config.index("evaluation:\n")
        env = "env:\n  _target_: experiments.games.gym.domain.GymDomain\n  name: gym\n  id: CartPole-v1\n  label: gym\n"
        (folder / "config.yaml").write_text(config[:start] + env + config[end:])
        rows = {name: {"mean": mean, "by_seed": [mean, mean]} for name, mean in (("dqn", 400.0), ("random", 20.0))}
        changed(folder, scores=rows)
    page = Page((write_report([str(tmp_path / "runs")]) / "report.html").read_text())
    assert page.headings[2] == "CartPole-v1, 100 episodes from seed 0"
    assert page.rows("Held-out scores") == {
        "dqn": {"seeds": "2", "mean": "400", "IQM (95 % interval)": "400 (400 … 400)"},
        "random (player)": {"seeds": "", "mean": "20", "IQM (95 % interval)": ""},
    }
