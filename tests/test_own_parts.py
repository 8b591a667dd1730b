"""Parts outside Waybill: the worked example of ``examples/own_parts``, copied elsewhere as a user would."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from pages import ROOT, blocks
from typed import command, refused

from envs.waybill.core.state import SALES
from groundwork.errors import WaybillError
from tiny import COMMON, DQN

EXAMPLE = ROOT / "examples" / "own_parts"
REDUCER = '''
"""The legal orders of the lowest numbers."""
from typing import Any
from envs.waybill.actions.raw import decode, legal_actions
from envs.waybill.core.jit import kernel
from envs.waybill.forecasts.estimates import estimate
from envs.waybill.forecasts.flows import measure_flows


@kernel
def lowest(
    states: Any, views: Any, pool: Any, level: Any, scratch: Any, limit: Any, orders: Any, worth: Any, count: Any,
    low: Any, high: Any,
) -> None:
    """The first K legal orders of the raw space."""
    for i in range(low, high):
        s = states[views[i, 0]]
        me = s.companies[views[i, 1]]
        measure_flows(s, me, pool, level[0], scratch.flows)
        count[i] = min(legal_actions(s, me, pool, level[0], scratch.order[0], scratch.actions), limit)
        for k in range(count[i]):
            decode(level[0], scratch.actions[k], orders[i, k])
            estimate(s, me, pool, level[0], scratch.flows, orders[i, k], worth[i, k])
'''
HEAD = '''
"""DQN with a head of one's own: a fifth of the squared error."""
from dataclasses import dataclass
from typing import ClassVar
from torch import Tensor
from agents.dqn_settings import DQNSettings
from agents.networks.heads import ScalarHead


@dataclass(frozen=True)
class FifthHead(ScalarHead):
    """Half the squared error, weighted."""

    name: ClassVar[str] = "fifth"

    def loss(self, *, out_tm1: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """See ``Head``."""
        td_error = target.detach() - self.mean(out_tm1)
        return 0.2 * td_error**2, td_error.detach()


@dataclass
class FifthSettings(DQNSettings):
    """DQN's, with another default."""

    head: str = "fifth"
'''


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the example, with a reducer, a level and a head beside its parts."""
    copy = tmp_path_factory.mktemp("somewhere") / "idea"
    shutil.copytree(EXAMPLE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "my_parts" / "reducers.py").write_text(REDUCER)
    (copy / "my_parts" / "heads.py").write_text(HEAD)
    for path, text in {
        "actions/lowest": "_target_: my_parts.reducers.lowest\nname: lowest\ncandidates: 8\nhints: true\n",
        "agent/fifth": "defaults: [dqn, _self_]\n_target_: my_parts.heads.FifthSettings\nname: fifth\nhead: fifth\n",
        "level/pond": (ROOT / "conf" / "level" / "haul.yaml").read_text().replace("name: haul", "name: pond")
        + "terrain: {water_percent: 30}\n",
    }.items():
        file = copy / "conf" / f"{path}.yaml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text.replace("rung: 1", "rung: null"))
    return copy


@pytest.fixture(scope="module")
def run(own: Path) -> Path:
    """A run in which everything is a part of one's own."""
    words = ["level=pond", "reward=takings", "encoding=polar", "actions=lowest", "agent=fifth", "network=linear"]
    words += [word for word in (*COMMON, *DQN) if word not in ("level=haul", "network.width=16")]
    words += ["steps=400", "evaluation.every=200", "hydra.run.dir=made"]
    done = command("train.py", "--config-dir", "idea/conf", *words, cwd=own.parent)
    assert done.returncode == 0, done.stderr + done.stdout
    assert "--config-dir" in next(line for line in done.stdout.splitlines() if line.startswith("measure:"))
    return own.parent / "made"


def test_a_run_says_what_it_needs(run: Path) -> None:
    text = (run / "config.yaml").read_text()
    assert "_target_" not in text
    for line in (
        "# needs my_parts (not installed): encoding=polar is my_parts.encodings.polar, sources ",
        "# needs my_parts (not installed): reward=takings is my_parts.rewards.takings, sources ",
        "# needs my_parts (not installed): actions=lowest is my_parts.reducers.lowest, sources ",
        "# needs my_parts (not installed): network=linear is my_parts.networks.LinearSettings, sources ",
        "# needs my_parts (not installed): agent=fifth is my_parts.heads.FifthSettings, sources ",
    ):
        assert line in text
    parts = json.loads((run / "result.json").read_text())["own_parts"]
    assert sorted(parts) == ["actions", "agent", "encoding", "network", "reward"]
    assert parts["reward"]["target"] == "my_parts.rewards.takings"
    assert parts["reward"]["version"] is None


def test_it_is_opened_with_the_folder_and_refused_without(run: Path, own: Path, tmp_path: Path) -> None:
    opened = command("evaluate.py", "--config-dir", str(own / "conf"), str(run), "--maps", "4", cwd=tmp_path)
    assert opened.returncode == 0, opened.stderr
    assert opened.stderr == ""
    line = refused(command("evaluate.py", str(run), cwd=tmp_path), "evaluate.py")
    assert "there is no agent/fifth.yaml" in line
    assert "it needs my_parts (not installed): agent=fifth is my_parts.heads.FifthSettings" in line


def test_the_variable_names_folders_for_every_door(run: Path, own: Path, tmp_path: Path) -> None:
    variables = {"WAYBILL_CONFIG_DIR": os.pathsep.join([str(own / "conf"), str(ROOT / "tests" / "conf")])}
    going_on = command("train.py", f"resume={run}", "steps=500", cwd=tmp_path, **variables)
    assert going_on.returncode == 0, going_on.stderr
    words = [*COMMON, *DQN, "encoding=polar", "steps=200", "hydra.run.dir=made"]
    made = command("train.py", *words, cwd=tmp_path, **variables)
    assert made.returncode == 0, made.stderr


def test_another_version_is_told(run: Path, own: Path, tmp_path: Path) -> None:
    other = tmp_path / "idea"
    shutil.copytree(own, other, ignore=shutil.ignore_patterns("__pycache__"))
    code = other / "my_parts" / "encodings.py"
    code.write_text(code.read_text().replace("turns * np", "-turns * np"))
    done = command("evaluate.py", "--config-dir", str(other / "conf"), str(run), "--maps", "2", cwd=tmp_path)
    assert done.returncode == 0
    (note,) = done.stderr.splitlines()
    assert note.startswith(f"note: {run} was made with another version; now it needs my_parts")
    assert "encoding=polar" in note


@pytest.mark.parametrize(
    ("file", "before", "after", "line"),
    [
        ("encoding/polar", "my_parts.encodings", "my_prats.encodings", "there is no module 'my_prats'"),
        ("encoding/polar", "encodings.polar", "encodings.plar", "has no 'plar'"),
        ("reward/takings", "name: takings", "name: shaped", "a part needs a file of its own name"),
    ],
)
def test_a_file_that_names_nothing_is_one_line(
    own: Path, tmp_path: Path, file: str, before: str, after: str, line: str
) -> None:
    shutil.copytree(own, tmp_path / "idea", ignore=shutil.ignore_patterns("__pycache__"))
    path = tmp_path / "idea" / "conf" / f"{file}.yaml"
    path.write_text(path.read_text().replace(before, after))
    done = command("train.py", "--config-dir", "idea/conf", file.replace("/", "="), *COMMON, *DQN, cwd=tmp_path)
    assert line in refused(done, "train.py")


def test_a_part_cannot_be_named_on_the_command_line(tmp_path: Path) -> None:
    done = command("train.py", "+reward._target_=os.system", *COMMON, *DQN, cwd=tmp_path)
    assert "a part needs a file of its own name" in refused(done, "train.py")


@pytest.fixture
def importable(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``my_parts`` can be imported."""
    monkeypatch.syspath_prepend(str(own))


@pytest.mark.usefixtures("importable")
def test_gymnasium_takes_parts_by_their_modules() -> None:
    names = {"reward": "my_parts.rewards.takings", "encoding": "my_parts.encodings.polar"}
    env = gymnasium.make("envs:waybill/Haul-v0", **names, maps=(0, 2))
    _, info = env.reset(seed=1)
    total, over = 0.0, False
    while not over:
        action = int(np.flatnonzero(info["action_mask"])[-1])
        _, reward, over, _, info = env.step(action)
        total += float(reward)
    ledger = env.unwrapped.state["companies"][0]["cash_ledger"]  # type: ignore[attr-defined]
    assert total == pytest.approx(ledger[SALES] / 150)
    with pytest.raises(WaybillError, match=r"reward=my_parts\.rewards\.nothing: module .* has no 'nothing'"):
        gymnasium.make("envs:waybill/Haul-v0", reward="my_parts.rewards.nothing")


def test_the_three_commands_of_the_page(tmp_path: Path) -> None:
    (text,) = blocks((EXAMPLE / "README.md").read_text(), "")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    small = [
        "steps=300",
        "seeds=2",
        "diagnostics.pictures=false",
        "agent.learning_starts=100",
        "evaluation.maps=2",
        "evaluation.final_maps=2",
    ]
    small += ["num_envs=8", "train_maps=8", "evaluation.every=200", "progress=false"]
    for line, more in zip(text.splitlines(), (small, [], []), strict=True):
        words = line.removeprefix("python ").split()
        done = command(*words, *more, cwd=tmp_path)
        assert done.returncode == 0, done.stderr + done.stdout
    assert "polar  –  usual" in done.stdout
