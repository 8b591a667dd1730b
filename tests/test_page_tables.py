"""What the pages say of code and files is so: walks exist, tables have the fields and files of real runs."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
from pages import ROOT, definition, fields, files, names_in, walks
from shrunk import made, small_sweep

ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()
RUN_FOLDER = (ROOT / "docs" / "run_folder.md").read_text()


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where runs are made."""
    return tmp_path_factory.mktemp("tables")


# --- walks ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("title", "walk"), walks(ARCHITECTURE).items(), ids=walks(ARCHITECTURE))
def test_a_walk_exists_and_each_function_is_called_by_one_before_it(title: str, walk: list[Any]) -> None:
    assert len(walk) >= 3
    used: set[str] = set()
    for number, step in enumerate(walk):
        found = definition(ROOT / step.path, step.name)
        assert found is not None, f"{step.path} has no {step.name}"
        assert not step.called or number == 0 or step.bare in used, f"{step.name} is called by nothing above it"
        used |= names_in(found)


def test_from_learn_to_the_equation_are_at_most_six_functions() -> None:
    walk = walks(ARCHITECTURE)["The target"]
    assert walk[0].name == "DQN.learn"
    assert walk[-1].path == "agents/losses.py"
    assert len(walk) <= 6


# --- the run folder ---------------------------------------------------------------------------------------------------
TYPES = {"text": str, "int": int, "float": float, "bool": bool, "list": list, "object": dict, "null": type(None)}
FIELDS = fields(RUN_FOLDER)


def flat(value: Any, known: set[str], path: str = "") -> dict[str, list[Any]]:
    """Field → values, down to the fields that are known; players are all PLAYER."""
    if path in known or not isinstance(value, dict):
        return {path: [value]}
    found: dict[str, list[Any]] = {}
    for key, part in value.items():
        name = "PLAYER" if path == "scores" else str(key)
        for field, values in flat(part, known, f"{path}.{name}" if path else name).items():
            found.setdefault(field, []).extend(values)
    return found


@pytest.mark.parametrize(
    ("words", "tables"),
    [
        (("level=haul",), ("An agent that learns", "On a level")),
        (
            ("level=haul", "rivals=[greedy]", "agent=greedy"),
            ("A player that does not learn", "On a level", "With rivals"),
        ),
        (("level=haul", "rivals=[greedy]", "seeds=2"), ("An agent that learns", "On a level", "With rivals")),
        (("level=haul", "stop_at_score=-10000"), ("An agent that learns", "On a level")),
        (("experiment=cartpole",), ("An agent that learns", "On a Gymnasium game")),
    ],
)
def test_the_fields_of_a_result_are_those_of_the_page(
    words: tuple[str, ...], tables: tuple[str, ...], out: Path
) -> None:
    folder = made(out, f"result{len(list(out.iterdir()))}", "python", "train.py", *words)
    known = {field: types for title in ("Every run", *tables) for field, types in FIELDS[title].items()}
    (path, *_) = sorted(folder.rglob("result.json"))
    found = flat(json.loads(path.read_text()), set(known))
    if "commit" in found:  # outside a git checkout
        assert found.pop("commit") == [None]
        known = {field: types for field, types in known.items() if not field.startswith("commit.")}
    assert sorted(found) == sorted(known)
    for field, values in found.items():
        allowed = tuple(TYPES[name] for name in known[field])
        assert all(type(value) in allowed for value in values), (field, values, known[field])


def test_every_table_of_fields_is_checked() -> None:
    assert set(FIELDS) == {
        "Every run", "An agent that learns", "A player that does not learn", "On a level", "With rivals",
        "On a Gymnasium game",
    }  # fmt: skip


OPTIONAL = {
    "memory", "result_at_N.json", "trackers.json", "slurm", "slurm.json", "report", "sweep.csv", "projector",
    "projector_config.pbtxt", "diagnosis.html", ".run.lock", "damaged.pt", "not_finite.pt",
}  # fmt: skip


def agree(found: set[str], told: Collection[str]) -> None:
    """Each file is told of, and each that is told of is there."""
    patterns = {name.replace("N", "[0-9]", 1) if "N" in name else name for name in told}
    assert {name for name in found if not any(fnmatch(name, pattern) for pattern in patterns)} == set()
    needed = {name.replace("N", "[0-9]", 1) if "N" in name else name for name in set(told) - OPTIONAL}
    assert {pattern for pattern in needed if not any(fnmatch(name, pattern) for name in found)} == set()


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_the_files_of_a_run_and_of_a_group_are_those_of_the_page(out: Path) -> None:
    agree(names(made(out, "run", "python", "train.py", "level=haul")), files(RUN_FOLDER, "A run"))
    group = made(out, "group", "python", "train.py", "level=haul", "seeds=2")
    agree(names(group), files(RUN_FOLDER, "A group of seeds"))
    agree(names(group / "seed0"), set(files(RUN_FOLDER, "A run")) - {"last.pt", "previous.pt"})


def test_the_files_of_a_shared_policy_are_those_of_the_page() -> None:
    told = ", ".join(files(RUN_FOLDER, "A shared policy")).split(", ")
    assert names(ROOT / "policies" / "haul") - {".cache", "diagnosis.html"} == set(told) - {"replay.gif"}


def test_the_files_of_a_sweep_are_those_of_the_page(out: Path) -> None:
    sweep = small_sweep(["python", "train.py", "-m", "reward=sparse,shaped"], out)
    told = files(RUN_FOLDER, "A sweep")
    first = told.index("frozen.yaml")
    agree(names(sweep), told[:first])
    job = next(iter(sorted(path for path in sweep.iterdir() if (path / "frozen.yaml").is_file())))
    agree(names(job), [*told[first:], *files(RUN_FOLDER, "A run")])


# --- what comes out the same ------------------------------------------------------------------------------------------
def test_each_line_on_determinism_names_tests_that_exist_or_says_that_none_does() -> None:
    rows = [line for line in (ROOT / "docs" / "determinism.md").read_text().splitlines() if line.startswith("| ")]
    rows = [row for row in rows if not row.endswith("| test |")]
    assert len(rows) > 20
    for row in rows:
        named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", row)
        assert named or "not tested" in row, row
        for path, name in named:
            assert re.search(rf"^def {name}\(", (ROOT / path).read_text(), re.MULTILINE), (path, name)
