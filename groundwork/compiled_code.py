"""Numba's compiled code on disk: for each module a folder for every version of what it is made of.

Numba notices a changed function only in the file that changed, not in the compiled callers elsewhere. So code is kept
in a folder named by a module and by a hash of its sources and of those that it imports (``sources``): a stale cache
cannot be read, an edit compiles anew only what is made of the edited file, and going back finds the old code again.
Importing writes nothing and leaves Numba's settings alone; a folder is made by the first call of a compiled function.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba.core import types
from numba.core.compiler_lock import global_compiler_lock

from groundwork.blame import ROOT
from groundwork.sources import hash_of_module

F = TypeVar("F", bound=Callable[..., Any])

KEPT_DAYS = 30.0  # of a version that nobody used
KEPT_VERSIONS = 12  # of a module, the last used ones
PLACE = "WAYBILL_CACHE_DIR"  # environment variable: where compiled code is kept instead


def compile_lazily(function: F, **options: Any) -> F:
    """Compile a function when it is first called, with options of ``numba.njit``, and keep the code on disk."""
    compiled: Any = numba.njit(**options)(function)
    if vars(numba.config)["DISABLE_JIT"]:
        return function

    def compile_first(signature: Any) -> Any:
        with global_compiler_lock:
            if vars(compiled).pop("compile", None) is not None:  # not by another thread meanwhile
                folder = folder_of(function.__module__)
                if folder is not None:
                    with _numba_keeps_code_in(folder):
                        compiled.enable_caching()
        return compiled.compile(signature)

    def call_template(args: Any, kws: Any) -> Any:
        """As Numba's, but for whole numbers of 64 bits whatever is given: not compiled anew for each kind there is."""
        return for_all_kinds(tuple(map(_widened, args)), {name: _widened(kind) for name, kind in kws.items()})

    for_all_kinds, compiled.get_call_template = compiled.get_call_template, call_template
    compiled.compile = compile_first
    return compiled


def _widened(kind: Any) -> Any:
    """The type that stands for a constant and for small signed numbers: no value is lost, and callers convert."""
    plain = types.unliteral(kind)
    small: Any = plain if isinstance(plain, types.Integer) else None
    return types.int64 if small is not None and small.signed else plain


def is_kept(function: Any) -> bool:
    """True if code of a function, as its sources are now, is on disk; there is none to keep of plain Python."""
    plain = getattr(function, "py_func", None)
    if plain is None:
        return True
    place = cache_folder()
    name = f"{plain.__module__.rpartition('.')[2]}.{plain.__qualname__}-*.nbi"
    return place is not None and any((place / _version_of(plain.__module__)).rglob(name))


@cache
def cache_folder() -> Path | None:
    """Where compiled code is kept: the first place that can be written; None if there is none.

    ``WAYBILL_CACHE_DIR``, or ``.cache/compiled`` in a checkout, or a folder of the user's, or one for temporary files.
    """
    chosen = os.environ.get(PLACE)
    places = [] if chosen is None else [Path(chosen) / "compiled"]
    if (ROOT / "pyproject.toml").is_file():
        places.append(ROOT / ".cache" / "compiled")
    with contextlib.suppress(RuntimeError):  # no home
        places.append(Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "waybill" / "compiled")
    shared = Path(tempfile.gettempdir()) / f"waybill-{os.getuid()}" / "compiled"
    found = next((place for place in places if _can_be_written(place)), None)
    if found is None and _can_be_written(shared) and shared.stat().st_uid == shared.parent.stat().st_uid == os.getuid():
        found = shared  # nobody else prepared it: what is read from there is run
    if found is None:
        print("note: no folder can be written, so compiled code is not kept: each process compiles anew", flush=True)
    return found


@cache
def folder_of(module: str) -> Path | None:
    """The folder for a module's code as its sources are now, made if it is new; None if there is no place for it."""
    place = cache_folder()
    if place is None or getattr(sys.modules.get(module), "__file__", None) is None:
        return None
    folder = place / _version_of(module)
    try:
        is_new = not folder.is_dir()
        folder.mkdir(exist_ok=True)
        os.utime(folder)  # used just now
    except OSError:
        return None
    if is_new:
        _clean(place, module)
    return folder


def _version_of(module: str) -> str:
    return f"{module}-{hash_of_module(module)}-numba{numba.__version__}"


def _clean(place: Path, module: str) -> None:
    """Remove versions that nobody used for long, and the oldest of a module with many."""
    used = {path: path.stat().st_mtime for path in place.iterdir() if path.is_dir()}
    own = sorted((path for path in used if path.name.startswith(f"{module}-")), key=lambda path: -used[path])
    old = [path for path, when in used.items() if when < time.time() - KEPT_DAYS * 86_400]
    for path in {*own[KEPT_VERSIONS:], *old}:
        shutil.rmtree(path, ignore_errors=True)


def _can_be_written(folder: Path) -> bool:
    """True if files can be made in a folder, which is made if it isn't there."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
        return True
    except OSError:
        return False


@contextmanager
def _numba_keeps_code_in(folder: Path) -> Iterator[None]:
    """Have Numba choose this folder for a cache that is enabled meanwhile."""
    settings = vars(numba.config)
    before = settings["CACHE_DIR"]
    settings["CACHE_DIR"] = str(folder)
    try:
        yield
    finally:
        settings["CACHE_DIR"] = before
