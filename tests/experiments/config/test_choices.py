"""What a choice stands for is looked up by its name: runs of before are read, and no file of a run names a class."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from composing import CONF, composed
from typed import command, refused

from experiments.config import choices, reading
from experiments.config.groups import PARTS_SHOWN
from experiments.config.schema import GROUPS

BEFORE = sorted((Path(__file__).parent / "before").glob("*.yaml"))  # as the version before the moves wrote them
CLASSES = {
    "dqn_candidates": ("WaybillDomain", "DQNSettings", "CandidateSettings"),
    "pqn_mlp": ("WaybillDomain", "PQNSettings", "MLPSettings"),
    "sb3_dqn": ("WaybillDomain", "SB3DQNSettings", "CandidateSettings"),
    "gym": ("GymDomain", "DQNSettings", "MLPSettings"),
    "random": ("WaybillDomain", "PlayerSettings", "CandidateSettings"),
}
GYM = (
    "env=gym", "env.id=CartPole-v1", "steps=64", "num_envs=4", "evaluation.episodes=2", "evaluation.final_episodes=2",
    "device=cpu", "progress=false",
)  # fmt: skip


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No folder of one's own, and none that outlives a test."""
    monkeypatch.setenv(choices.CONFIG_DIR, "")


def own(folder: Path, group: str, stem: str, /, **content: Any) -> Path:
    """A config folder of one's own with one more file in it."""
    path = folder / group / f"{stem}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(content))
    return folder


def saved(folder: Path, stem: str = "dqn_candidates", **sections: dict[str, Any]) -> Path:
    """A run folder of before, with other values in some groups."""
    (path,) = (path for path in BEFORE if path.stem == stem)
    config = yaml.safe_load(path.read_text())
    for group, values in sections.items():
        config[group] |= values
    folder.mkdir(exist_ok=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    return folder


def problem(folder: Path) -> str:
    with pytest.raises(ValueError, match=".") as caught:
        reading.read_run(folder)
    line = str(caught.value)
    assert line.startswith(f"{folder / 'config.yaml'}: ")
    assert "\n" not in line
    return line.removeprefix(f"{folder / 'config.yaml'}: ")


@pytest.mark.parametrize("path", BEFORE, ids=lambda path: path.stem)
def test_a_run_of_before_is_read_and_saved_without_classes(tmp_path: Path, path: Path) -> None:
    setup = reading.read_run(saved(tmp_path, path.stem))
    parts = (setup.domain, setup.agent, setup.network)
    assert tuple(type(part).__name__ for part in parts) == CLASSES[path.stem]
    before = yaml.safe_load(path.read_text())
    assert [before[group]["name"] for group in GROUPS if group in before] == [
        setup.plain[group]["name"] for group in GROUPS if group in before
    ]
    targets = sum("_target_" in values for values in before.values() if isinstance(values, dict))
    assert targets == 3
    assert "_target_" not in yaml.safe_dump(setup.plain)
    without = {group: choices.without_target(before[group]) for group in ("env", "agent", "network")}
    later: dict[str, Any] = {
        "diagnostics": {"parts": list(PARTS_SHOWN), "pictures": True, "states": 1024},
        "callbacks": {},
        "schedule_steps": None,
        "evaluation": {**before["evaluation"], "search": None},
    }
    if "level" in before:
        gone = ("planner_beam", "planner_width")
        later["level"] = {key: x for key, x in before["level"].items() if key not in gone} | {"planner_effort": 3}
        later["level"] |= {"planner_beliefs": 4, "returns": [-5.0, 25.0]}
        later["dated"] = False
        later["selfplay"] = {**before["selfplay"], "league": [], "league_share": 0.3}
        later["curriculum"] = {**before["curriculum"], "made": 0.0, "own_advice": True}
    assert {**before, **without, **later} == setup.plain  # keys that went, keys that came later
    assert reading.read_setup(setup.plain) == setup


def test_a_class_that_a_file_of_a_run_names_is_never_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "evil.py").write_text(f"open({str(tmp_path / 'done')!r}, 'w')\nclass Settings: pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    evil = {"_target_": "evil.Settings"}
    setup = reading.read_run(saved(tmp_path / "run", env=evil, agent=evil, network=evil))
    assert type(setup.agent).__name__ == "DQNSettings"
    for group in ("env", "agent", "network"):
        line = problem(saved(tmp_path / group, **{group: {"name": "evil", **evil}}))
        assert line.startswith(f"{group}=evil: there is no {group}/evil.yaml in {CONF}; ")
    line = problem(saved(tmp_path / "system", agent={"name": "x", "_target_": "os.system"}))
    assert line.startswith("agent=x: there is no agent/x.yaml")
    assert "evil" not in sys.modules
    assert not (tmp_path / "done").exists()
    own(tmp_path / "conf", "agent", "evil", **evil)  # what the user names is imported: the trap works
    choices.add_config_folder(tmp_path / "conf")
    with pytest.raises(ValueError, match="."):
        reading.read_run(saved(tmp_path / "agent", agent={"name": "evil"}))
    assert (tmp_path / "done").exists()


@pytest.mark.parametrize("name", ["../dqn", "/etc/x", "a/b", "..", ".hidden", "", None, 7, ["dqn"], {"a": 1}])
def test_a_name_is_no_path(tmp_path: Path, name: Any) -> None:
    own(tmp_path, "agent", "x", _target_="os.system")
    line = problem(saved(tmp_path / "run", agent={"name": name}))
    assert line == f"agent.name={name} is not allowed, it must be the name of a file in agent/"


def test_a_section_without_a_name_is_one_line(tmp_path: Path) -> None:
    folder = saved(tmp_path)
    config = yaml.safe_load((folder / "config.yaml").read_text())
    for agent in ("dqn", {"_target_": "agents.dqn_settings.DQNSettings"}):
        (folder / "config.yaml").write_text(yaml.safe_dump({**config, "agent": agent}))
        assert problem(folder) == f"agent: needs a name, that of its file in agent/, got {agent!r}"


def test_an_own_choice_of_before_is_read_by_the_class_that_it_had(tmp_path: Path) -> None:
    """Only where it is one of ours: its file needn't be at hand."""
    setup = reading.read_run(saved(tmp_path, agent={"name": "mine"}, network={"name": "wide"}))
    assert (setup.names["agent"], type(setup.agent).__name__) == ("mine", "DQNSettings")
    assert (setup.names["network"], type(setup.network).__name__) == ("wide", "CandidateSettings")


def test_every_target_of_before_stands_for_a_file_of_now() -> None:
    for (group, _), name in choices.TARGETS_OF_BEFORE.items():
        assert choices.class_of(group, {"name": name}) is not None


def test_an_own_choice_is_found_in_the_folder_that_the_user_names(tmp_path: Path) -> None:
    own(tmp_path / "conf", "agent", "mine", defaults=["dqn", "_self_"], name="mine", tau=0.1)
    own(tmp_path / "conf", "agent", "dqn", _target_="os.system")  # this installation's comes first
    run = saved(tmp_path / "run", agent={"name": "mine", "_target_": "mine.Settings"})
    line = f"agent=mine: there is no agent/mine.yaml in {CONF}; if the file is your own, name its config folder by "
    assert problem(run) == line + "--config-dir (or WAYBILL_CONFIG_DIR)"
    choices.add_config_folder(tmp_path / "conf")
    choices.add_config_folder(tmp_path / "conf")
    assert os.environ[choices.CONFIG_DIR] == str(tmp_path / "conf")
    assert type(reading.read_run(run).agent).__name__ == "DQNSettings"
    assert "mine" in choices.names_in("agent")
    with pytest.raises(ValueError, match=r"^--config-dir=.*nowhere: there is no such folder$"):
        choices.add_config_folder(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ({"name": "mine"}, "agent: needs a _target_ that names its settings dataclass, got {'name': 'mine'}"),
        ({"_target_": "agents.dqn_settings.DQNSettings"}, "agent: needs a name, that of its file in agent/, got "),
        (
            {"_target_": "nowhere.Settings", "name": "mine"},
            "agent=mine: _target_ nowhere.Settings: there is no module 'nowhere', ",
        ),
        (
            {"_target_": "agents.dqn_settings.DQNSettings", "name": "pqn"},
            "agent=pqn: _target_ is agents.dqn_settings.DQNSettings, but agent/pqn.yaml names agents.pqn_settings.",
        ),
        ({"_target_": "agents.dqn_settings.DQNSettings", "name": "other"}, "agent=other: there is no agent/other.yaml"),
    ],
)
def test_a_composed_choice_that_would_not_be_found_again_is_refused(
    tmp_path: Path, content: dict[str, Any], line: str
) -> None:
    own(tmp_path, "agent", "mine", **content)
    choices.add_config_folder(tmp_path)
    with pytest.raises(ValueError, match=".") as caught:
        reading.read_composed(composed("agent=mine", f"hydra.searchpath=[file://{tmp_path}]"))
    assert str(caught.value).startswith(line)


def test_runs_and_sweeps_of_an_own_choice_as_the_user_types_them(tmp_path: Path) -> None:
    conf = own(tmp_path / "conf", "agent", "mine", _target_="experiments.config.schema.PlayerSettings", name="mine",
               player="random", gamma=1.0)  # fmt: skip
    given = ("--config-dir", str(conf))
    words = ("agent=mine", *GYM, f"out={tmp_path}/runs")
    made = command("train.py", *given, *words, f"hydra.run.dir={tmp_path}/run", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert "_target_" not in (tmp_path / "run" / "config.yaml").read_text()
    line = refused(command("evaluate.py", "run", cwd=tmp_path), "evaluate.py")
    assert "agent=mine: there is no agent/mine.yaml in " in line
    assert "--config-dir" in line
    measured = command("evaluate.py", "run", *given, cwd=tmp_path)
    assert measured.returncode == 0, measured.stderr
    assert "mine" in measured.stdout
    line = refused(command("replay.py", "run", *given, cwd=tmp_path), "replay.py")
    assert "agent=random has learnt no policy to watch" in line
    swept = command("train.py", *given, "-m", *words, "seed=0,1", cwd=tmp_path)
    assert swept.returncode == 0, swept.stdout + swept.stderr
    assert len(list((tmp_path / "runs").glob("*/*/result.json"))) == 2
