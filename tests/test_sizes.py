"""Rooms that are seen at a glance: no folder holds many files of code, and no file many lines."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("agents", "groundwork", "envs", "experiments", "hydra_plugins", "tests")
MOST_FILES, MOST_LINES = 14, 300


def code_below(root: Path, folders: tuple[str, ...]) -> list[Path]:
    """All files of code below some folders of a tree."""
    return [path for folder in folders for path in sorted((root / folder).rglob("*.py"))]


def too_full(root: Path, folders: tuple[str, ...]) -> dict[str, int]:
    """Folders with more files of code than a room may hold; an ``__init__.py`` only makes the folder a package."""
    files = [path.relative_to(root) for path in code_below(root, folders) if path.name != "__init__.py"]
    counts = Counter(path.parent.as_posix() for path in files)
    return {folder: count for folder, count in counts.items() if count > MOST_FILES}


def too_long(root: Path, folders: tuple[str, ...]) -> dict[str, int]:
    """Files with more lines than a file may have."""
    counts = {path: len(path.read_text().splitlines()) for path in code_below(root, folders)}
    return {path.relative_to(root).as_posix(): count for path, count in counts.items() if count > MOST_LINES}


def test_no_folder_holds_too_many_files() -> None:
    assert too_full(ROOT, FOLDERS) == {}


def test_no_file_is_too_long() -> None:
    assert too_long(ROOT, FOLDERS) == {}


@pytest.mark.parametrize(("files", "found"), [(MOST_FILES, {}), (MOST_FILES + 1, {"house/room": MOST_FILES + 1})])
def test_what_a_folder_too_full_is(tmp_path: Path, files: int, found: dict[str, int]) -> None:
    (tmp_path / "house" / "room").mkdir(parents=True)
    for name in ("__init__", *(f"part_{k}" for k in range(files))):
        (tmp_path / "house" / "room" / f"{name}.py").touch()
    assert too_full(tmp_path, ("house",)) == found


@pytest.mark.parametrize(("lines", "found"), [(MOST_LINES, {}), (MOST_LINES + 1, {"house/part.py": MOST_LINES + 1})])
def test_what_a_file_too_long_is(tmp_path: Path, lines: int, found: dict[str, int]) -> None:
    (tmp_path / "house").mkdir()
    (tmp_path / "house" / "part.py").write_text("x = 1\n" * lines)
    assert too_long(tmp_path, ("house",)) == found
