"""Runs sorted into sections and arms: what belongs together, what never does, and what it is called."""

from __future__ import annotations

from pathlib import Path

import pytest
from reports import by_label, changed, put

from experiments.config.keys import flat
from experiments.reports.arms import Section, sections
from experiments.reports.labels import BASE, as_typed, describe_differences, labels
from experiments.reports.run_folders import find_runs


def sections_of(folder: Path) -> list[Section]:
    return sections(find_runs([folder]))


def test_arms_are_what_was_swept(tmp_path: Path) -> None:
    put(tmp_path / "a", "reward=sparse", scores=[100, 200])
    put(tmp_path / "b", "reward=shaped", "threads=1", "progress=false", scores=[600, 700, 800])
    (section,) = sections_of(tmp_path)
    assert section.title == "haul, 6 maps from seed 0"
    assert {arm.label: [run.seed for run in arm.runs] for arm in section.arms} == {
        "reward=sparse": [0, 1],
        "reward=shaped": [0, 1, 2],
    }
    assert by_label(section.arms)["reward=sparse"].missing == {2: None}
    assert by_label(section.arms)["reward=shaped"].missing == {}


def test_the_folder_device_and_threads_make_no_arm(tmp_path: Path) -> None:
    put(tmp_path / "a", "threads=1", "device=cpu", "log_every=100", scores=[100])
    put(tmp_path / "b", "threads=2", "device=auto", "log_every=200", f"out={tmp_path}/x", scores=[200], first=1)
    (section,) = sections_of(tmp_path)
    assert [arm.label for arm in section.arms] == ["dqn"]
    assert [run.seed for run in section.runs] == [0, 1]


def test_a_source_of_each_seeds_own_makes_no_arm(tmp_path: Path) -> None:
    for name, seed, source in (("a", 1, "x/haul_seed1"), ("b", 2, "x/haul_seed2"), ("c", 1, "x/haul_seed2")):
        put(tmp_path / name, f"transfer.from={source}", scores=[100], first=seed)
    (section,) = sections_of(tmp_path)
    assert [[run.seed for run in arm.runs] for arm in section.arms] == [[1, 2], [1]]
    assert [arm.label for arm in section.arms] == ["from=haul_seed*", "from=haul_seed2"]


@pytest.mark.parametrize(
    ("other", "title"),
    [
        (("level=refine",), "refine, 6 maps from seed 0"),
        (("evaluation.final_maps=7",), "haul, 7 maps from seed 0"),
        (("evaluation.map_seed=50",), "haul, 6 maps from seed 50"),
        (("rivals=[greedy]",), "haul, 6 maps from seed 0, against greedy"),
        (("rivals=[self]",), "haul, 6 maps from seed 0, against greedy"),  # who stands in for itself
        (("level.cart_cost=99",), "haul, 6 maps from seed 0 (cart_cost=99)"),
        (("evaluation.maps=5",), "haul, 6 maps from seed 0 (maps=5)"),
    ],
)
def test_runs_on_other_games_are_in_another_section(tmp_path: Path, other: tuple[str, ...], title: str) -> None:
    put(tmp_path / "a", scores=[600])
    put(tmp_path / "b", *other, scores=[600])
    assert [section.title.partition(" (")[0] for section in sections_of(tmp_path)] == [
        "haul, 6 maps from seed 0",
        title.partition(" (")[0],
    ]
    assert sections_of(tmp_path)[1].title == title


def test_other_rivals_in_training_are_arms_if_the_games_measured_are_the_same(tmp_path: Path) -> None:
    put(tmp_path / "a", "rivals=[greedy]", scores=[600])
    put(tmp_path / "b", "rivals=[self]", scores=[600])
    (section,) = sections_of(tmp_path)
    assert [arm.label for arm in section.arms] == ["rivals=[greedy]", "rivals=[self]"]


def test_unfinished_runs_are_missing_and_of_two_alike_the_later_counts(tmp_path: Path) -> None:
    put(tmp_path / "a", "reward=sparse", scores=[100, None])
    again = put(tmp_path / "a2", "reward=sparse", scores=[300])[0]
    changed(again, finished="2026-01-02T00:00:00+00:00")
    put(tmp_path / "b", scores=[None, None])
    (section,) = sections_of(tmp_path)
    (arm,) = section.arms
    assert [run.folder for run in arm.runs] == [again]
    assert section.copies == [str(tmp_path / "a/0")]
    assert arm.missing == {1: str(tmp_path / "a/1")}
    assert by_label(section.empty)["reward=shaped"].missing == {0: str(tmp_path / "b/0"), 1: str(tmp_path / "b/1")}


def test_a_player_lacks_no_seeds(tmp_path: Path) -> None:
    put(tmp_path / "a", scores=[600, 700])
    put(tmp_path / "b", "agent=greedy", scores=[500])
    (section,) = sections_of(tmp_path)
    player = by_label(section.arms)["agent=greedy"]
    assert player.missing == {}
    assert not player.learns


def test_labels_are_as_short_as_tells_arms_apart() -> None:
    assert labels([{"reward": "sparse"}, {"reward": "shaped"}]) == ["reward=sparse", "reward=shaped"]
    two = [{"reward": r, "agent.n_step": n} for r in ("a", "b") for n in (1, 5)]
    assert labels(two) == ["reward=a, n_step=1", "reward=a, n_step=5", "reward=b, n_step=1", "reward=b, n_step=5"]


def test_what_most_arms_have_is_left_out_and_the_arm_of_nothing_else_is_the_base() -> None:
    ablation = [{"x.a": 1, "x.b": True}, {"x.a": 2, "x.b": True}, {"x.a": 1, "x.b": False}]
    assert labels(ablation) == [BASE, "a=2", "b=false"]


def test_keys_that_follow_from_a_choice_are_not_repeated() -> None:
    agents = [{"agent": "dqn", "agent.tau": 0.1}, {"agent": "pqn", "agent.tau": "absent"}]
    assert labels(agents) == ["agent=dqn", "agent=pqn"]
    assert describe_differences(agents) == ["agent=dqn", "agent=pqn"]
    encodings = [
        {"encoding": "points", "encoding.count": 4},
        {"encoding": "points", "encoding.count": 8},
        {"encoding": "one_hot", "encoding.count": "absent"},
    ]
    assert labels(encodings) == ["count=4", "count=8", "encoding=one_hot, count=absent"]
    assert describe_differences(encodings)[0] == "encoding=points, encoding.count=4"


def test_folders_are_named_by_their_end_and_equal_names_in_full() -> None:
    assert labels([{"from": "/x/a/one"}, {"from": "/x/b/two"}]) == ["from=one", "from=two"]
    assert labels([{"from": "/x/a/run"}, {"from": "/x/b/run"}]) == ["from=a/run", "from=b/run"]
    same_end = [{"a.mode": a, "b.mode": b} for a in (1, 2) for b in (1, 2)]
    assert labels(same_end)[1] == "a.mode=1, b.mode=2"


def test_a_config_is_flattened_with_lists_as_values() -> None:
    config = {"a": {"b": {"c": 1}, "d": [1, 2]}, "e": None, "f": {}}
    assert flat(config) == {"a.b.c": 1, "a.d": [1, 2], "e": None, "f": {}}
    assert [as_typed(value) for value in (None, True, [1, "x"], 0.5, "x")] == ["null", "true", "[1, x]", "0.5", "x"]
