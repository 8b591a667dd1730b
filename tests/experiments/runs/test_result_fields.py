"""Whatever a result.json holds: what is read of it is of its kind, or the file is refused in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pages import ROOT, fields
from strangers import WRONG, changed_at, keys_in

from experiments.runs import results
from groundwork.errors import WaybillError

WHOLE: dict[str, Any] = json.loads((ROOT / "policies" / "haul" / "result.json").read_text())
UNREAD = {"maps", "game", "episodes", "own_parts", "finished", "threads", "network_threads", "num_envs"}


def kind_of(field: str) -> Any:
    """The kind that is asked of a field of the page, None if none is."""
    kind: Any = results._FIELDS
    for key in field.split("."):
        kind = kind[0] if isinstance(kind, tuple) else kind
        if not isinstance(kind, dict):
            return None
        kind = kind.get(key, kind.get("*"))
    return kind


def test_every_field_of_the_page_has_a_kind_or_nobody_reads_it() -> None:
    named = [field for table in fields((ROOT / "docs" / "run_folder.md").read_text()).values() for field in table]
    assert len(named) > 50
    without = {field.partition(".")[0] for field in named if kind_of(field) is None}
    assert without <= UNREAD | {"batch_size"}


def said_of(at: tuple[str, ...], wrong: Any) -> str | None:
    """What is said of the whole result with something wrong in one place; None if it is taken."""
    try:
        results.check_result(changed_at(WHOLE, at, wrong))
    except WaybillError as error:
        return str(error)
    return None


@pytest.mark.parametrize("wrong", WRONG)
def test_a_field_of_another_kind_is_named(wrong: str) -> None:
    results.check_result(WHOLE)
    said = {at: said_of(at, WRONG[wrong]) for at in keys_in(WHOLE)}
    for at, line in said.items():
        if line is not None:
            assert line.startswith(".".join(at))
            assert " is no " in line or " lacks " in line
            assert len(line) < 200
    assert sum(line is not None for line in said.values()) > (10 if WRONG[wrong] is None else 30)


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("env_steps", ["5", None, -1, 0.5, True, 10**400]), ("seed", ["0", None]), ("scores", ["x", 7, None, [1]]),
        ("scores.dqn", ["x", 7, None]), ("scores.dqn.mean", ["x", True, [1], {}]), ("seconds", [None, "1"]),
        ("scores.dqn.by_map", [None, "x", ["1"], [float("nan")]]), ("machine", [None, "x", {"system": 1}]),
        ("scores.dqn.normalised", ["x", 7, [1], {"mean": "x"}, {"mean": 1}]),
        ("scores.dqn.made", [None, {"wood": "x"}]),
        ("curve", ["x", [1], [[1]], [["0", 1]]]), ("commit", ["x", {"id": 1}, {"id": "x"}]),
        ("versions", [None, {"torch": 2}]),
        ("policy", [None, {"env_step": "x"}]), ("choices", [None, {"agent": 1}]), ("commands", ["x", [1]]),
    ],
)  # fmt: skip
def test_what_is_read_is_checked(field: str, wrong: list[Any]) -> None:
    for value in wrong:
        assert (said_of(tuple(field.split(".")), value) or "").startswith(field)


@pytest.mark.parametrize("key", ["choices", "env_steps", "scores"])
def test_what_every_result_has(tmp_path: Path, key: str) -> None:
    (tmp_path / "result.json").write_text(json.dumps({k: v for k, v in WHOLE.items() if k != key}))
    with pytest.raises(WaybillError, match=rf"result\.json is damaged or not one of ours \(it lacks {key}\)$"):
        results.read_result(tmp_path)
