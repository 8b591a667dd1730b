"""A report's contents: the tables hold the numbers, the commands and what the runs were made with."""

from __future__ import annotations

from pathlib import Path

import pytest
from measured import HIGH, LOW, arm, numbers_of
from reports import COMMON, Page, changed, put

from experiments.common.statistics import Interval, interval_text
from experiments.reports.measures import SectionNumbers
from experiments.reports.page import Block, Heading, Table, html
from experiments.reports.tables import format_of, how_to_read, section_blocks


@pytest.fixture(scope="module")
def numbers(tmp_path_factory: pytest.TempPathFactory) -> SectionNumbers:
    folder = tmp_path_factory.mktemp("runs")
    put(folder / "a", "reward=sparse", scores=LOW, events=True)
    put(folder / "b", "agent.gamma=0.9", scores=HIGH, events=True)
    put(folder / "c", scores=[500], events=True, typed=False)
    return numbers_of(folder)


def page_of(numbers: SectionNumbers) -> Page:
    return Page("".join(html(block) for block in section_blocks(numbers, "one", 0.25)))


def test_every_figure_and_table_is_there(numbers: SectionNumbers) -> None:
    page = page_of(numbers)
    assert page.headings == [
        "haul, 6 maps from seed 0", "Held-out scores", "Learning curves", "Time to threshold", "Performance profiles",
        "Probability of improvement over “base”", "The funnel over training", "Commands",
        "Commits, versions, machines",
    ]  # fmt: skip
    assert page.drawings == 6
    assert page.outside == []


def test_scores_are_those_of_the_numbers(numbers: SectionNumbers) -> None:
    rows = page_of(numbers).rows("Held-out scores")
    assert list(rows)[-3:] == ["random (player)", "greedy (player)", "planner (player)"]
    sparse = arm(numbers, "reward=sparse")
    assert (
        rows["reward=sparse"]
        == {
            "seeds": "5",
            "mean": "286",  # 284 + 2.5, to the even
            "IQM (95 % interval)": f"142 ({sparse.score.low:,.0f} … {sparse.score.high:,.0f})",
            "normalised IQM": "0.14 ({:.2f} … {:.2f})".format(*sparse.normalised[1:]),  # type: ignore[index]
            "optimality gap": "0.72",
            "bankrupt": "0%",
        }
    )
    assert rows["base"]["IQM (95 % interval)"] == "502"  # one seed: no interval; half to the even
    assert rows["planner (player)"]["mean"] == "1,002"


def test_times_say_how_many_seeds_they_are_of(numbers: SectionNumbers) -> None:
    rows = page_of(numbers).rows("Time to threshold")
    reaching = arm(numbers, "gamma=0.9").reaching
    assert reaching is not None
    assert rows["gamma=0.9"] == {
        "environment steps (95 % interval)": "{:,.0f} ({:,.0f} … {:,.0f})".format(*reaching.interval),
        "seeds that reach it": "5 of 5",
    }


def test_a_time_that_is_only_a_bound_is_shown_as_one(tmp_path: Path) -> None:
    put(tmp_path, scores=[600, 700])
    rows = page_of(numbers_of(tmp_path, share=0.69)).rows("Time to threshold")
    assert rows["dqn"]["environment steps (95 % interval)"].startswith("≥ ")
    assert rows["dqn"]["seeds that reach it"] == "1 of 2"


def test_improvement_and_all_pairs(numbers: SectionNumbers) -> None:
    heading = "Probability of improvement over “base”"
    page = page_of(numbers)
    sparse = arm(numbers, "reward=sparse").improvement
    assert sparse is not None
    assert page.rows(heading)["reward=sparse"] == {
        "probability (95 % interval)": "0.20 ({:.2f} … {:.2f})".format(*sparse[1:]),  # one of five is above 500
        "the arm is": "not told apart",
    }
    pairs = page.rows(heading, 1)
    assert pairs["gamma=0.9"] == {"base": "1.00", "reward=sparse": "0.80", "gamma=0.9": "–"}
    assert pairs["reward=sparse"]["gamma=0.9"] == "0.20"


def test_the_funnel_ends_with_shares(numbers: SectionNumbers) -> None:
    rows = page_of(numbers).rows("The funnel over training")
    assert rows["gamma=0.9"] == {"extractor": "64%", "dig": "64%", "sell": "64%", "profit": "64%"}


def test_commands_are_those_that_were_typed(numbers: SectionNumbers) -> None:
    page = "".join(html(block) for block in section_blocks(numbers, "one", 0.25))
    assert f"python train.py -m {' '.join(COMMON)} reward=sparse seed=0,1,2,3,4\n" in page
    unknown = arm(numbers, "base").arm.runs[0].folder
    assert f"# base\n# not kept, all settings are in config.yaml in: {unknown}\n" in page


def test_what_runs_were_made_with_is_told_apart(tmp_path: Path) -> None:
    one, _ = put(tmp_path, scores=[1, 2])
    (table,) = page_of(numbers_of(tmp_path)).tables["Commits, versions, machines"]
    assert table[1:] == [["aaaaaaaaaa; python 3.11.7, torch 2.13.0; Linux x86_64 cpu", "all"]]
    changed(one, commit={"id": "b" * 40, "dirty": True})
    (table,) = page_of(numbers_of(tmp_path)).tables["Commits, versions, machines"]
    assert table[1][0].startswith("bbbbbbbbbb with uncommitted changes; python 3.11.7")
    assert [row[1] for row in table[1:]] == ["dqn seed 0", "dqn seed 1"]


def test_arms_say_what_differs_in_full(numbers: SectionNumbers) -> None:
    rows = page_of(numbers).rows("haul, 6 maps from seed 0")
    assert list(rows) == ["base (reference)", "reward=sparse", "gamma=0.9"]
    assert rows["gamma=0.9"]["what differs"] == "reward=shaped, agent.gamma=0.9, reward.gamma=0.9"
    assert rows["gamma=0.9"]["environment steps"] == "800"
    assert rows["gamma=0.9"]["seeds"] == "0, 1, 2, 3, 4"


def test_what_was_not_kept_has_no_section(tmp_path: Path) -> None:
    put(tmp_path, scores=[1, 2], curve=[[0, 0.0]])
    for name in ("0", "1"):
        changed(tmp_path / name, curve=None)
    headings = page_of(numbers_of(tmp_path)).headings
    assert not {"Learning curves", "Time to threshold", "The funnel over training"} & set(headings)
    assert not any(heading.startswith("Probability") for heading in headings)


def test_numbers_are_written_as_finely_as_they_need(tmp_path: Path) -> None:
    assert interval_text(Interval(1234.5, 1000, 2000), ",.0f") == "1,234 (1,000 … 2,000)"
    assert interval_text(Interval(1.0, float("nan"), float("nan")), ".1f") == "1.0"
    for score, text in ((5000, "1,234"), (50, "1,234.5"), (5, "1,234.50")):
        put(tmp_path / str(score), scores=[score - 2.5])
        assert format(1234.5, format_of(numbers_of(tmp_path / str(score)))) == text


def test_how_to_read_names_the_measured_coverage() -> None:
    blocks: list[Block] = how_to_read(7)
    assert isinstance(blocks[0], Heading)
    assert "bootstrap seed 7" in blocks[1].text  # type: ignore[union-attr]
    assert not any(isinstance(block, Table) for block in blocks)


def test_arms_are_told_apart_where_the_interval_allows_it(tmp_path: Path) -> None:
    put(tmp_path / "a", "reward=sparse", scores=[100, 110, 120, 130, 140])
    put(tmp_path / "b", scores=HIGH)
    heading = "Probability of improvement over “reward=sparse”"
    row = page_of(numbers_of(tmp_path)).rows(heading)["reward=shaped"]
    assert row == {"probability (95 % interval)": "1.00 (0.64 … 1.00)", "the arm is": "better"}
    heading = "Probability of improvement over “reward=shaped”"
    row = page_of(numbers_of(tmp_path, reference=1)).rows(heading)["reward=sparse"]
    assert row == {"probability (95 % interval)": "0.00 (0.00 … 0.36)", "the arm is": "worse"}
