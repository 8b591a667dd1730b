"""A saved config may be anybody's: plain data is read, and nothing else is."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from omegaconf import OmegaConf

from experiments.config import reading
from experiments.config.saved import saved_config
from experiments.reports.run_folders import find_runs
from experiments.runs.train import start_run
from experiments.sweeps import manifest
from groundwork.errors import WaybillError
from tiny import tiny_node

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + k)}: &{chr(98 + k)} [{', '.join([f'*{chr(97 + k)}'] * 9)}]\n" for k in range(12)
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder, of a player: its config is whole."""
    out = tmp_path_factory.mktemp("runs")
    start_run(tiny_node(out, "agent=greedy", "evaluation.final_maps=2"), folder=out / "run")
    return out / "run"


def problem(path: Path, text: str | bytes) -> str:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(WaybillError) as caught:
        saved_config(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_plain_data_is_read_as_it_was_written(tmp_path: Path) -> None:
    content = {"a": {"b": [1, 2.5, None, True, "x"]}, "small": 1e-05, "text": "1e-3", "empty": {}, "ü": "$x {y} & *z"}
    (tmp_path / "c.yaml").write_text(
        "# a comment with ${env} & *alias\n" + OmegaConf.to_yaml(OmegaConf.create(content))
    )
    assert OmegaConf.to_container(saved_config(tmp_path / "c.yaml")) == content


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (BOMB, "line 1: no saved config has an alias or an anchor (&, *)"),
        ("a: 1\nb: *a\n", "line 2: no saved config has an alias or an anchor (&, *)"),
        ("a: !!python/object/apply:os.system ['true']\n", "line 1: no saved config has a tag "),
        ("a: !!str 1\n", "line 1: no saved config has a tag "),
        ("a: ${oc.env:HOME}\n", "a=${oc.env:HOME}: a saved config's values stand for themselves"),
        ("a:\n- b: x${c}\nc: 1\n", "a[0].b=x${c}: a saved config's values stand for themselves"),
        ("[" * 100_000, "no saved config has 33 sections within one another"),
        ("a: " * 50 + "1", "line 1: mapping values are not allowed here"),
        ("- 1\n- 2\n", "a config is a section of keys"),
        ("a: 1\na: 2\n", "line 2: found duplicate key a"),
        (b"\xff\xfe\x00", "invalid start byte"),
        ("#" * 2_000_000, "it is larger than any such file of ours (1,048,576 bytes)"),
    ],
)
def test_all_else_is_refused_at_once(tmp_path: Path, text: str | bytes, line: str) -> None:
    begun = time.monotonic()
    assert line in problem(tmp_path / "c.yaml", text)
    assert time.monotonic() - begun < 20


def test_the_bomb_would_work_elsewhere() -> None:
    small = "\n".join(BOMB.splitlines()[:4])

    def entries(value: Any) -> int:
        return sum(map(entries, value)) if isinstance(value, list) else 1

    assert entries(yaml.safe_load(small)["d"]) == 9**4


@pytest.mark.parametrize("change", ["x: ${oc.env:WAYBILL_SECRET}\n", "x: &a 1\ny: *a\n"], ids=["env", "alias"])
def test_every_door_refuses_them(
    run: Path, tmp_path: Path, change: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WAYBILL_SECRET", "dear diary")
    shutil.copytree(run, tmp_path / "run")
    path = tmp_path / "run" / "config.yaml"
    path.write_text(path.read_text().replace("progress: false\n", f"progress: false\n{change}"))
    assert change in path.read_text()
    with pytest.raises(WaybillError) as caught:
        reading.read_run(tmp_path / "run")
    assert str(caught.value).startswith(f"{path}: ")
    assert "dear diary" not in str(caught.value)
    found = find_runs([tmp_path])
    assert not found.finished
    assert [line.startswith(f"{path}: ") for line in found.broken] == [True]
    (tmp_path / "run" / "frozen.yaml").write_text(path.read_text())
    with pytest.raises(WaybillError, match="frozen.yaml: "):
        manifest.read_frozen(tmp_path / "run")
