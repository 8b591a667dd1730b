"""Numba's compiled code on disk: one folder for each version of the sources that it was compiled from.

Numba notices a changed function only in the file that changed, not in the compiled callers elsewhere. So a package
keeps its code in a folder named by a hash of all sources that it is compiled from: a stale cache cannot be read.
Importing writes nothing and leaves Numba's settings alone; the folder is made by the first call of a compiled function.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba.core.compiler_lock import global_compiler_lock

F = TypeVar("F", bound=Callable[..., Any])


def hash_of_sources(package: Path, rooms: Iterable[str]) -> str:
    """Hash of all Python files in some folders of a package and of Numba's version, 16 hex digits."""
    digest = hashlib.sha256(numba.__version__.encode())
    for room in rooms:
        for path in sorted((package / room).rglob("*.py")):
            digest.update(path.relative_to(package).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:16]


class CompiledPackage:
    """Compiles the functions of one package and keeps their code in ``PACKAGE/__pycache__/numba-HASH``.

    Where that folder cannot be written, as in a read-only installation, Numba chooses a folder of the user's.

    Args:
        package: the package's folder.
        rooms: the folders in it whose files hold compiled code or constants of it; the hash is of these.
    """

    def __init__(self, package: Path, rooms: tuple[str, ...]) -> None:
        self._package, self._rooms = package, rooms

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the sources and of Numba's version, 16 hex digits."""
        return hash_of_sources(self._package, self._rooms)

    @cached_property
    def _folder(self) -> Path | None:
        """The folder for these sources, made now if it is new; None if it cannot be written."""
        folder = self._package / "__pycache__" / f"numba-{self.fingerprint}"
        is_new = not folder.is_dir()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            return None
        if not os.access(folder, os.W_OK):
            return None
        for old in folder.parent.glob("numba-*") if is_new else ():
            if old != folder:
                shutil.rmtree(old, ignore_errors=True)
        return folder

    def jit(self, function: F, **options: Any) -> F:
        """Compile a function when it is first called, with options of ``numba.njit``, and keep the code on disk."""
        compiled: Any = numba.njit(**options)(function)
        if vars(numba.config)["DISABLE_JIT"]:
            return function

        def compile_first(signature: Any) -> Any:
            with global_compiler_lock:
                if vars(compiled).pop("compile", None) is not None:  # not by another thread meanwhile
                    with _numba_keeps_code_in(self._folder):
                        compiled.enable_caching()
            return compiled.compile(signature)

        compiled.compile = compile_first
        return compiled


@contextmanager
def _numba_keeps_code_in(folder: Path | None) -> Iterator[None]:
    """Have Numba choose this folder for a cache that is enabled meanwhile; with None, it chooses one itself."""
    settings = vars(numba.config)
    before = settings["CACHE_DIR"]
    settings["CACHE_DIR"] = before if folder is None else str(folder)
    try:
        yield
    finally:
        settings["CACHE_DIR"] = before
