"""One name for one thing: no two modules define the same public name, but for a few, each with its reason."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("agents", "groundwork", "envs", "experiments", "hydra_plugins")
ALLOWED = {
    "main": "the function that a command runs, see experiments.common.door",
}


def bound_by(statement: ast.stmt) -> Iterator[str]:
    """The names that a statement defines: of functions, classes, constants and types, but not of imports."""
    match statement:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.Assign(targets=targets):
            yield from (node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name))
        case ast.AnnAssign(target=ast.Name(id=name)):
            yield name
        case ast.If(body=body, orelse=other):
            yield from (name for inner in (*body, *other) for name in bound_by(inner))


def public_names(path: Path) -> set[str]:
    """The names without a leading underscore that a module defines."""
    tree = ast.parse(path.read_text())
    return {name for statement in tree.body for name in bound_by(statement) if not name.startswith("_")}


def defined_twice(root: Path, packages: Iterable[str]) -> dict[str, list[str]]:
    """Names that several modules define → these modules' files, as paths below ``root``."""
    places: dict[str, list[str]] = {}
    for package in packages:
        for path in sorted((root / package).rglob("*.py")):
            for name in public_names(path):
                places.setdefault(name, []).append(path.relative_to(root).as_posix())
    return {name: found for name, found in sorted(places.items()) if len(found) > 1}


def test_no_public_name_is_defined_twice() -> None:
    twice = defined_twice(ROOT, PACKAGES)
    assert {name: found for name, found in twice.items() if name not in ALLOWED} == {}
    assert ALLOWED.keys() <= twice.keys(), "allowed, but not needed"


@pytest.mark.parametrize(
    ("one", "other", "twice"),
    [
        ("def read() -> None: ...", "def read() -> int: ...", ["read"]),
        ("class Batch: ...", "Batch = int", ["Batch"]),
        ("A, B = 1, 2", "B: int = 3", ["B"]),
        ("if True:\n    X = 1", "X = 2", ["X"]),
        ("def _read() -> None: ...", "def _read() -> int: ...", []),
        ("from json import load", "def load() -> None: ...", []),
        ("class A:\n    def step(self) -> None: ...", "def step() -> None: ...", []),
    ],
)
def test_what_counts_as_a_name_defined_twice(tmp_path: Path, one: str, other: str, twice: list[str]) -> None:
    for name, text in (("one", one), ("other", other)):
        (tmp_path / "house" / name).mkdir(parents=True)
        (tmp_path / "house" / name / "part.py").write_text(text)
    assert list(defined_twice(tmp_path, ["house"])) == twice
