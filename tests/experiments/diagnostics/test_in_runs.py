"""Diagnostics in whole runs: nothing of the training changes, every part shows what the page says, points go on."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from experiments.config.groups import PARTS_SHOWN
from experiments.runs.checkpoints import read_policy
from experiments.runs.train import resume_run, start_run
from groundwork.errors import WaybillError
from tiny import DQN, tiny_node, tiny_setup

TIMES = ("seconds", "steps_per_s", "finished")
PQN = ("agent=pqn", "network.width=16", "agent.rollout=8")
SB3 = ("agent=sb3_dqn", "agent.learning_starts=64", "agent.buffer_size=600")


def points(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """All curves of a run by tag."""
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
    return {tag: [(point.step, point.value) for point in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def same(left: Any, right: Any) -> bool:
    """Whether nested data are equal, tensors bit for bit."""
    if isinstance(left, Mapping):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, torch.Tensor):
        return torch.equal(left, right)
    return bool(np.array_equal(left, right))


@pytest.mark.parametrize("agent", [DQN, PQN, (*DQN, "agent.noisy=true"), SB3], ids=["dqn", "pqn", "noisy", "sb3"])
def test_a_run_without_comes_to_the_same_weights_and_scores(tmp_path: Path, agent: tuple[str, ...]) -> None:
    for name, own in (("with", ()), ("without", ("diagnostics.parts=[]",))):
        start_run(tiny_node(tmp_path, *agent, *own), folder=tmp_path / name)
    weights = [read_policy(tmp_path / name)["policy"] for name in ("with", "without")]
    assert same(*weights)
    results = [json.loads((tmp_path / name / "result.json").read_text()) for name in ("with", "without")]
    assert all(results[0][key] == results[1][key] for key in results[0] if key not in TIMES)
    shown, plain = points(tmp_path / "with"), points(tmp_path / "without")
    assert {tag: shown[tag] for tag in plain if not tag.startswith("time/")} == {
        tag: own for tag, own in plain.items() if not tag.startswith("time/")
    }
    assert not any(tag.partition("/")[0] in ("at_a_glance", "values", "layers", "reward") for tag in plain)
    assert "values/overestimation" in shown


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny run with everything shown."""
    folder = tmp_path_factory.mktemp("drawn") / "run"
    start_run(tiny_node(folder.parent, *DQN, "diagnostics.pictures=true", "diagnostics.states=256"), folder=folder)
    return folder


def test_every_part_leaves_its_curves_and_pictures(drawn: Path) -> None:
    events = EventAccumulator(str(drawn), size_guidance={"images": 0}).Reload()
    steps = [0, 400, 800, 1200]
    pictures = {
        "values/calibration", "information/plane", "attribution/groups", "games/episode", "games/built",
        "games/funnel", "features/units",
    }  # fmt: skip
    assert set(events.Tags()["images"]) == pictures
    for tag in pictures:
        own = events.Images(tag)
        drawn_at = [one.step for one in own]  # the first and the last always, others if there is time
        assert (drawn_at[0], drawn_at[-1]) == (0, 1200)
        assert set(drawn_at) <= set(steps)
        image = Image.open(io.BytesIO(own[-1].encoded_image_string))
        assert image.size == (own[-1].width, own[-1].height)
        assert getattr(image, "n_frames", 1) == (21 if tag == "games/episode" else 1)  # 20 turns and the end
    assert set(events.Tags()["histograms"]) == {"values/q", "values/td_errors", "values/action_gaps"}
    found = points(drawn)
    for tag in ("values/q", "layers/state/rank", "information/state/return", "reward/shaping", "behaviour/like_greedy"):
        assert [step for step, _ in found[tag]] == steps
    churn = [step for step, _ in found["layers/churn"]]  # after the first update that follows: after the last is none
    assert len(churn) == 3
    assert all(before < step <= before + 300 for before, step in zip(steps, churn, strict=False))
    for tag in ("behaviour/like_planner", "behaviour/planner_offered"):
        ((step, share),) = found[tag]  # of the last evaluation alone
        assert step == 1200
        assert 0.0 <= share <= 1.0
    assert {step for step, _ in found["exploration/random"]} <= set(range(0, 1201, 8))


def test_shares_are_shares(drawn: Path) -> None:
    found = points(drawn)
    chosen = [np.array([value for _, value in found[f"exploration/{name}"]]) for name in ("policy", "random", "advice")]
    assert np.allclose(sum(chosen), 1.0, atol=1e-6)
    explored = np.array([value for _, value in found["at_a_glance/3_explored"]])
    assert np.allclose(explored, 1.0 - chosen[0], atol=1e-6)
    verbs = [own for tag, own in found.items() if re.fullmatch(r"exploration/random/\w+", tag)]
    assert np.allclose(np.sum([[value for _, value in own] for own in verbs], axis=0), 1.0, atol=1e-6)
    groups = [own for tag, own in found.items() if tag.startswith("attribution/")]
    assert sum(own[-1][1] for own in groups if own[-1][0] == 1200) == pytest.approx(1.0, abs=1e-5)


def test_the_training_reward_is_what_its_config_says(drawn: Path) -> None:
    found = points(drawn)
    # at step 0 the policy may do nothing that moves the potential; then there is no line
    assert all(value == pytest.approx(1.0, abs=1e-5) for _, value in found["checks/shaping_slope"])
    assert all(value == pytest.approx(1.0, abs=1e-5) for _, value in found["checks/shaping_explained"])
    for (_, total), (_, raw), (_, shaping) in zip(
        found["eval/mean_reward"], found["reward/raw"], found["reward/shaping"], strict=True
    ):
        assert total == pytest.approx(raw + shaping, abs=1e-5)


def test_what_has_one_right_value_has_it(drawn: Path) -> None:
    found = points(drawn)
    assert [value for _, value in found["checks/mask_wrong"]] == [0.0] * 3  # there is no batch at step 0
    assert all(value > 0.0 for _, value in found["checks/target_moved"])


def test_the_projectors_files_belong_together(drawn: Path) -> None:
    named = re.findall(r'path: "([^"]+)"', (drawn / "projector_config.pbtxt").read_text())
    assert named == [f"projector/{name}{ending}.tsv" for name in ("states", "candidates") for ending in ("", "_labels")]
    for points_path, labels_path in (named[:2], named[2:]):
        points_there = np.loadtxt(drawn / points_path, delimiter="\t")
        head, *labels = (drawn / labels_path).read_text().splitlines()
        assert points_there.shape == (len(labels), 16)
        assert {len(line.split("\t")) for line in labels} == {len(head.split("\t"))}
        rows = [line.split("\t") for line in labels]
        own = [dict(zip(head.split("\t"), row, strict=True)) for row in rows]
        if labels_path == named[1]:
            words = ["game {game}, turn {turn}: Q {Q}, return {return}".format(**one) for one in own]
        else:
            words = ["game {game}, turn {turn}, action {action}: Q {Q}".format(**one) for one in own]
            words = [text + ", chosen" * (one["chosen"] == "yes") for text, one in zip(words, own, strict=True)]
            assert {one["chosen"] for one in own} == {"yes", "no"}
        assert [row[0] for row in rows] == words
        assert all(re.fullmatch(r"-?\d+\.\d{3}", one["Q"]) for one in own)


def test_a_resumed_run_has_the_same_points(tmp_path: Path) -> None:
    whole, halved = tmp_path / "whole", tmp_path / "halved"
    start_run(tiny_node(tmp_path, *DQN, "checkpoint_every=400"), folder=whole)
    start_run(tiny_node(tmp_path, *DQN, "checkpoint_every=400", "steps=800", "schedule_steps=1200"), folder=halved)
    resume_run(halved, overrides=["steps=1200"])
    expected, found = points(whole), points(halved)
    assert {tag for tag in expected if not tag.startswith("time/")} == {
        tag for tag in found if not tag.startswith("time/")
    }
    for tag, own in expected.items():
        if not tag.startswith("time/"):
            at_an_end = tag in ("behaviour/like_planner", "behaviour/planner_offered")  # 800 was one, too
            assert dict(found[tag]) == dict(own) | ({800: dict(found[tag])[800]} if at_an_end else {}), tag


@pytest.mark.parametrize("part", PARTS_SHOWN)
def test_each_part_can_be_shown_alone(tmp_path: Path, part: str) -> None:
    start_run(tiny_node(tmp_path, *DQN, "steps=400", f"diagnostics.parts=[{part}]"), folder=tmp_path / "run")
    groups = {tag.partition("/")[0] for tag in points(tmp_path / "run")} - {"rollout", "time", "train", "eval", "game"}
    own = {
        "values": {"values"}, "layers": {"layers"}, "exploration": {"exploration"}, "attribution": {"attribution"},
        "features": set(), "information": {"information"}, "projector": set(),
        "games": {"reward", "behaviour", "checks"}, "checks": {"checks"}, "recall": {"behaviour"},
    }  # fmt: skip
    assert groups == own[part] | {"at_a_glance"}


def test_the_projector_alone_writes_its_files(tmp_path: Path) -> None:
    own = ("steps=200", "diagnostics.parts=[projector]", "diagnostics.pictures=true")
    start_run(tiny_node(tmp_path, *DQN, *own), folder=tmp_path / "run")
    assert {path.name for path in (tmp_path / "run" / "projector").iterdir()} == {
        "states.tsv", "states_labels.tsv", "candidates.tsv", "candidates_labels.tsv",
    }  # fmt: skip


def test_a_run_whose_pictures_cannot_be_drawn_comes_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    start_run(tiny_node(tmp_path, *DQN), folder=tmp_path / "numbers")
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    start_run(tiny_node(tmp_path, *DQN, "diagnostics.pictures=true"), folder=tmp_path / "pictures")
    found = [json.loads((tmp_path / name / "result.json").read_text()) for name in ("numbers", "pictures")]
    assert all(found[0][key] == found[1][key] for key in found[0] if key not in TIMES)
    assert capfd.readouterr().err.count("note: pictures of the diagnostics are left out from here on") == 1
    assert EventAccumulator(str(tmp_path / "pictures")).Reload().Tags()["images"] == []
    assert points(tmp_path / "pictures")["values/q"] == points(tmp_path / "numbers")["values/q"]


@pytest.mark.parametrize(
    ("override", "line"),
    [
        (
            "diagnostics.parts=[values,layer]",
            r"diagnostics.parts=.*'layer' is no part \(is layers meant\?\), parts are values, checks, layers",
        ),
        ("diagnostics.states=10", "diagnostics.states=10.*64..1048576 visited states"),
    ],
)
def test_what_is_no_good_is_refused_in_one_line(tmp_path: Path, override: str, line: str) -> None:
    with pytest.raises(WaybillError, match=line) as raised:
        tiny_setup(tmp_path, override)
    assert "\n" not in str(raised.value)
