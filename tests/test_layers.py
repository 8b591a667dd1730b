"""The house's arrow rule: every import points down the table of ``docs/architecture.md``, and none goes in a circle."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from rooms import faults, imports_of, read_house

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "architecture.md"
PACKAGES = ("agents", "groundwork", "envs", "experiments")
DOORS = ("train.py", "evaluate.py", "replay.py", "report.py", "tune.py", "diagnose.py", "play.py", "share.py")
FORBIDDEN = {
    "groundwork": ("agents", "envs", "experiments", "hydra", "hydra_plugins", "omegaconf", "torch", "gymnasium"),
    "agents": ("envs", "experiments", "hydra", "hydra_plugins", "omegaconf"),
    "envs": ("agents", "experiments", "hydra", "hydra_plugins", "omegaconf", "torch", "stable_baselines3"),
    "experiments": ("hydra_plugins", "train", "evaluate", "replay", "report", "tune", "diagnose", "play", "share"),
}
KNOW_GYMNASIUM = ("env.py", "vector_env.py", "parallel.py", "spaces.py")  # of the engine


def test_every_file_has_a_room_and_imports_only_what_lies_below_it() -> None:
    assert faults(read_house(PAGE.read_text()), ROOT) == []


SMALL = """```rooms
house/  for tests
  3  attic  on top
  2  left right  side by side, do not know each other
  1  ground.py    carries all
```
"""
SOUND = {
    "attic/roof.py": "from house import ground\nfrom house.left import a",
    "left/a.py": "import house.ground",
    "right/b.py": "",
    "ground.py": "import json",
}


def small(root: Path, **changes: str) -> list[str]:
    """The faults of a small house with some of its files changed."""
    for name, text in (SOUND | {name.replace("__", "/") + ".py": text for name, text in changes.items()}).items():
        path = root / "house" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\nX = 1\n")
    return faults(read_house(SMALL), root)


def test_a_sound_house_has_no_faults(tmp_path: Path) -> None:
    assert small(tmp_path) == []


@pytest.mark.parametrize("text", ["from house.attic import roof", "def f():\n    import house.attic.roof"])
def test_an_import_that_points_up_is_a_fault_inside_a_function_too(tmp_path: Path, text: str) -> None:
    assert small(tmp_path, right__b=text) == [
        "house/right/b.py imports house/attic/roof.py: house/attic does not lie below house/right"
    ]


def test_rooms_of_one_floor_do_not_know_each_other(tmp_path: Path) -> None:
    assert small(tmp_path, left__a="from house.right.b import X") == [
        "house/left/a.py imports house/right/b.py: house/right does not lie below house/left"
    ]


@pytest.mark.parametrize("text", ["import house.left.a", "def f():\n    from house.left.a import X"])
def test_two_files_that_use_each_other_are_a_fault_inside_a_function_too(tmp_path: Path, text: str) -> None:
    assert small(tmp_path, left__a="import house.left.c", left__c=text) == [
        "house/left/a.py → house/left/c.py → house/left/a.py is a circle"
    ]


def test_a_longer_way_round_is_a_circle_too(tmp_path: Path) -> None:
    found = small(tmp_path, left__a="import house.left.c", left__c="import house.left.d", left__d="import house.left.a")
    assert found == ["house/left/a.py → house/left/c.py → house/left/d.py → house/left/a.py is a circle"]


def test_a_room_that_is_missing_from_the_table_is_a_fault(tmp_path: Path) -> None:
    assert small(tmp_path, cellar__wine="") == ["house/cellar/wine.py has no room in the table"]


def test_a_room_of_the_table_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    small(tmp_path)
    (tmp_path / "house" / "right" / "b.py").unlink()
    (tmp_path / "house" / "right").rmdir()
    assert faults(read_house(SMALL), tmp_path) == ["house/right is in the table, but not there"]


@pytest.mark.parametrize("line", ["  attic on top", "  1  attic  again"])
def test_a_table_that_cannot_be_read_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="neither a package nor a room|named twice"):
        read_house(SMALL.replace("```\n", f"{line}\n```\n").replace("```rooms\n" + line + "\n", "```rooms\n", 1))


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_knows_nothing_of_those_above_it(package: str) -> None:
    for path in sorted((ROOT / package).rglob("*.py")):
        tops = {name.split(".")[0] for name in imports_of(path)}
        wrong = tops & set(FORBIDDEN[package])
        assert not wrong, f"{path.relative_to(ROOT)} imports {', '.join(sorted(wrong))}"


def test_only_the_environments_know_gymnasium() -> None:
    for path in sorted((ROOT / "envs" / "waybill").rglob("*.py")):
        if path.name not in KNOW_GYMNASIUM:
            assert "gymnasium" not in {name.split(".")[0] for name in imports_of(path)}, path.name


@pytest.mark.parametrize("door", [name for name in DOORS if (ROOT / name).is_file()])
def test_doors_are_thin(door: str) -> None:
    path = ROOT / door
    assert len(path.read_text().splitlines()) < 80
    packages = {name.split(".")[0] for name in imports_of(path)} & set(PACKAGES)
    assert packages <= {"experiments", "groundwork"}


def test_every_room_is_a_package_and_so_is_installed() -> None:
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]["find"]["include"]
    assert set(patterns) == {f"{name}*" for name in (*PACKAGES, "conf", "hydra_plugins")}
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            assert (path.parent / "__init__.py").is_file(), path.parent
