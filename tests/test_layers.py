"""The house's arrow rule, read from the imports: each module uses only what lies below it."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("agents", "envs", "experiments")
DOORS = ("train.py", "evaluate.py", "replay.py", "report.py", "tune.py")

# The engine from the ground up. Modules of one floor may use each other, but not in a circle.
FLOORS: tuple[tuple[str, ...], ...] = (
    ("jit",),
    ("state",),
    ("levels",),
    ("maps",),
    ("books",),
    ("sight",),
    ("orders", "tick"),
    ("rules", "raw_actions", "flows", "estimates"),
    ("rewards", "encodings", "reducers", "buckets"),
    ("raw_spaces", "confined"),
    ("facts", "company_features", "entity_features", "order_features", "features"),
    ("greedy", "scripted", "planner", "players"),
    ("notation",),
    ("record",),
    ("render",),
    ("batch",),
    ("spaces", "env"),
    ("parallel",),
)
FORBIDDEN = {
    "agents": ("envs", "experiments", "hydra", "hydra_plugins", "omegaconf"),
    "envs": ("agents", "experiments", "hydra", "hydra_plugins", "omegaconf", "torch", "stable_baselines3"),
    "experiments": ("hydra_plugins", "train", "evaluate", "replay", "report", "tune"),
}
ENGINE = "envs.waybill."


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path) -> set[str]:
    """Every module that a file imports, wherever in the file; ``from a import b`` counts as a and a.b."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import in line {node.lineno}"
            assert node.module is not None
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def files(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def room(module: str) -> str | None:
    """The engine's room that a module lies in: envs.waybill.render.text → render."""
    return module.removeprefix(ENGINE).split(".")[0] if module.startswith(ENGINE) else None


def engine_arrows() -> dict[str, set[str]]:
    """room → rooms that it uses."""
    rooms = {room(module_of(path)) for path in files("envs/waybill")}
    arrows: dict[str, set[str]] = {name: set() for name in rooms if name is not None}
    for path in files("envs/waybill"):
        here = room(module_of(path))
        if here is not None:
            arrows[here] |= {name for found in imports_of(path) if (name := room(found)) in arrows and name != here}
    return arrows


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_knows_nothing_of_those_above_it(package: str) -> None:
    for path in files(package):
        tops = {name.split(".")[0] for name in imports_of(path)}
        wrong = tops & set(FORBIDDEN[package])
        assert not wrong, f"{path.relative_to(ROOT)} imports {', '.join(sorted(wrong))}"


def test_every_room_of_the_engine_has_a_floor() -> None:
    known = {name for floor in FLOORS for name in floor}
    unknown = engine_arrows().keys() - known
    assert not unknown, f"give {', '.join(sorted(unknown))} a floor in {Path(__file__).name}"


def test_arrows_in_the_engine_point_down() -> None:
    height = {name: number for number, floor in enumerate(FLOORS) for name in floor}
    for name, used in engine_arrows().items():
        above = sorted(other for other in used if height[other] > height[name])
        assert not above, f"{name} uses {', '.join(above)}, which lies above it"


def test_no_room_of_the_engine_uses_itself_in_a_circle() -> None:
    arrows = engine_arrows()
    for name in arrows:
        reached, waiting = set(), list(arrows[name])
        while waiting:
            other = waiting.pop()
            if other not in reached:
                reached.add(other)
                waiting += arrows[other]
        assert name not in reached, f"{name} uses itself by way of {', '.join(sorted(reached))}"


def test_only_the_environment_knows_gymnasium() -> None:
    for path in files("envs/waybill"):
        if room(module_of(path)) not in ("env", "parallel", "spaces", None):
            assert "gymnasium" not in {name.split(".")[0] for name in imports_of(path)}, path.name


@pytest.mark.parametrize("door", [name for name in DOORS if (ROOT / name).is_file()])
def test_doors_are_thin(door: str) -> None:
    path = ROOT / door
    assert len(path.read_text().splitlines()) < 80
    packages = {name.split(".")[0] for name in imports_of(path)} & set(PACKAGES)
    assert packages == {"experiments"}


def test_every_package_is_installed() -> None:
    listed = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    found = {module_of(path) for package in PACKAGES for path in files(package) if path.name == "__init__.py"}
    assert listed == found | {"conf", "hydra_plugins"}
