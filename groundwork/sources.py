"""What a module is made of: its own source and that of all modules it imports, as far as they are not libraries."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import sys
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from groundwork.blame import is_library


def hash_of_folders(package: Path, folders: Iterable[str]) -> str:
    """Hash of all Python files in some folders of a package, 16 hex digits."""
    digest = hashlib.sha256()
    for folder in folders:
        for path in sorted((package / folder).rglob("*.py")):
            digest.update(path.relative_to(package).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:16]


@lru_cache(maxsize=1024)
def hash_of_module(name: str) -> str:
    """Hash of a module's sources as they are now on disk, 16 hex digits: it changes with any module of ``closure``."""
    digest = hashlib.sha256()
    for module, path in sorted(closure(name).items()):
        digest.update(module.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


@lru_cache(maxsize=1024)
def closure(name: str) -> dict[str, Path]:
    """Name → file of a module and of all that it imports, by way of others too; without libraries and ``groundwork``.

    A module's own package is never a library. Imports inside functions don't count: what is compiled sees names of
    modules.
    """
    found: dict[str, Path] = {}
    waiting, own = [name], name.partition(".")[0]
    while waiting:
        module = waiting.pop()
        if module in found:
            continue
        path = _file_of(module, own)
        if path is not None:
            found[module] = path
            waiting.extend(_imports_of(module, path, path.stat().st_mtime_ns))
    return found


def _file_of(module: str, own: str) -> Path | None:
    """The file of a module that is ours, a user's or of the package ``own``; None for a library, and for no module."""
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names or top == "groundwork":
        return None
    loaded = sys.modules.get(module)
    file = getattr(loaded, "__file__", None)
    if loaded is None:
        try:
            spec = importlib.util.find_spec(module)
        except (ImportError, AttributeError, ValueError):
            return None
        file = None if spec is None else spec.origin
    if file is None or not file.endswith(".py") or (top != own and is_library(file)):
        return None
    return Path(file)


@lru_cache(maxsize=1024)
def _imports_of(module: str, path: Path, changed: int) -> tuple[str, ...]:
    """Names that may be modules in the imports at the top of a file, which was last ``changed`` then."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    found: list[str] = []
    for node in _at_the_top(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            found.extend(alias.name for alias in node.names)
        else:
            base = node.module or ""
            if node.level:
                base = ".".join([*package.split(".")[: len(package.split(".")) - node.level + 1], *base.split(".")])
            found.append(base.strip("."))
            found.extend(f"{base.strip('.')}.{alias.name}" for alias in node.names)
    return tuple(found)


def _at_the_top(tree: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from _at_the_top(node)
