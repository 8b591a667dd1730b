"""The rooms of ``docs/architecture.md`` read as a table, and the imports of a tree checked against it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

_PACKAGE = re.compile(r"(\S+/)  +(\S.*)")
_FLOOR = re.compile(r"  (\d+) +(\S+(?: \S+)*)  +(\S.*)")


@dataclass(frozen=True)
class House:
    """Rooms (folders and files, as paths) and their floors; a package's rooms are compared among themselves."""

    floors: Mapping[str, int]  # path → floor
    packages: tuple[str, ...]  # with a slash at the end

    def package_of(self, path: str) -> str | None:
        """The innermost package that a file lies in."""
        return max((p for p in self.packages if path.startswith(p)), key=len, default=None)

    def room_of(self, path: str) -> str | None:
        """The innermost room that a file is or lies in; None if it has none."""
        return max((r for r in self.floors if path == r or path.startswith(f"{r}/")), key=len, default=None)


def read_house(text: str) -> House:
    """The house that a page's ``rooms`` blocks describe: a line for each package, then its rooms with their floors.

    Raises:
        ValueError: for a line that is neither, or a room that is named twice.
    """
    floors: dict[str, int] = {}
    packages: list[str] = []
    for block in re.findall(r"^```rooms\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL):
        for line in filter(str.strip, block.splitlines()):
            if found := _FLOOR.fullmatch(line):
                for name in found[2].split():
                    room = packages[-1] + name
                    if room in floors:
                        raise ValueError(f"{room} is named twice")
                    floors[room] = int(found[1])
            elif found := _PACKAGE.fullmatch(line):
                packages.append(found[1])
            else:
                raise ValueError(f"neither a package nor a room: {line!r}")
    return House(floors, tuple(packages))


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


def arrows(root: Path, packages: Iterable[str]) -> dict[str, set[str]]:
    """File → files that it imports, as paths below ``root``. Empty ``__init__.py`` are nobody's."""
    found = [path for package in packages for path in sorted((root / package).rglob("*.py"))]
    paths = [path for path in found if path.read_text().strip()]
    modules: dict[str, str] = {}
    for path in paths:
        name = path.relative_to(root).as_posix()
        modules[name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")] = name
    return {
        path.relative_to(root).as_posix(): {
            modules[name] for name in imports_of(path) if name in modules and not modules[name].endswith("__init__.py")
        } - {path.relative_to(root).as_posix()}
        for path in paths
    }  # fmt: skip


def faults(house: House, root: Path) -> list[str]:
    """What is wrong in the tree below ``root``, a line each."""
    files = arrows(root, {package.split("/")[0] for package in house.packages})
    found = [f"{path} has no room in the table" for path in files if _homeless(house, path)]
    found += [f"{room} is in the table, but not there" for room in house.floors if not (root / room).exists()]
    for path, used in files.items():
        for other in sorted(used):
            wrong = _points_up(house, path, other)
            if wrong is not None:
                found.append(wrong)
    return found + [f"{' → '.join(ring)} is a circle" for ring in circles(files)]


def _homeless(house: House, path: str) -> bool:
    return not path.endswith("__init__.py") and house.room_of(path) is None


def _points_up(house: House, path: str, other: str) -> str | None:
    here, there = house.room_of(path), house.room_of(other)
    if here is None or there is None or here == there or house.package_of(here) != house.package_of(there):
        return None
    if house.floors[there] < house.floors[here]:
        return None
    return f"{path} imports {other}: {there} does not lie below {here}"


def circles(files: Mapping[str, set[str]]) -> list[list[str]]:
    """Files that use themselves by way of others: one ring for each knot of them."""
    reached = {path: _reachable(files, path) for path in files}
    knots = {frozenset(b for b in reached[a] if a in reached[b]) for a in files if a in reached[a]}
    return sorted(_ring(files, min(knot), knot) for knot in knots)


def _reachable(files: Mapping[str, set[str]], start: str) -> set[str]:
    seen: set[str] = set()
    waiting = list(files.get(start, ()))
    while waiting:
        path = waiting.pop()
        if path not in seen:
            seen.add(path)
            waiting += files.get(path, ())
    return seen


def _ring(files: Mapping[str, set[str]], start: str, knot: frozenset[str]) -> list[str]:
    """The shortest way from a file back to itself."""
    ways = [[start]]
    while True:
        for way in ways:
            if start in files[way[-1]]:
                return [*way, start]
        ways = [[*way, step] for way in ways for step in sorted(files[way[-1]] & knot) if step not in way]
