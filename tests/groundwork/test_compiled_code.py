"""Compiled code on disk: nothing at import, a folder for each version of what a module is made of."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from groundwork import compiled_code

ROOT = Path(__file__).resolve().parents[2]
TOP = """
import json, numba
before = dict(vars(numba.config))
from numba.core import event
with event.install_recorder("numba:compile") as compiled:
    import numpy as np
    from agents.kernels import adamw, candidates, gather, mlp, products, sum_tree
    from envs.waybill import batch, record
    from envs.waybill.core import draws
"""
CALLS = """
    draws.mix(np.uint64(7))
    sum_tree.set_leaves(np.zeros(8), 4, np.array([1]), np.array([2.0]))
"""
END = """
settings = {key for key, value in vars(numba.config).items() if key.isupper() and before[key] != value}
print(json.dumps({"settings": sorted(settings), "compiled": len(compiled.buffer) // 2}))
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the packages that are compiled, without what was compiled here."""
    root = tmp_path_factory.mktemp("checkout")
    for name in ("agents", "groundwork", "conf", "envs"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    (root / "pyproject.toml").touch()  # it is a checkout
    return root


def run(root: Path, code: str, **variables: str) -> dict[str, Any]:
    """What a process of its own reports that runs the code in a checkout."""
    env = {**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1", **variables}
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def kept(root: Path) -> list[str]:
    """Modules that compiled code is kept of, one for each version."""
    return sorted(
        path.name.split("-")[0] for path in (root / ".cache" / "compiled").glob("*") if any(path.rglob("*.nbc"))
    )


BOTH = ["agents.kernels.sum_tree", "envs.waybill.core.draws"]


def test_importing_writes_nothing_and_changes_no_setting(checkout: Path) -> None:
    assert run(checkout, TOP + END) == {"settings": [], "compiled": 0}
    assert not (checkout / ".cache").exists()
    assert list(checkout.rglob("__pycache__")) == []


def test_code_is_kept_by_module_and_found_again(checkout: Path) -> None:
    first = run(checkout, TOP + CALLS + END)
    assert first["settings"] == []
    assert first["compiled"] > 2
    assert kept(checkout) == BOTH
    assert run(checkout, TOP + CALLS + END) == {"settings": [], "compiled": 0}


def test_an_edit_compiles_what_is_made_of_it_alone_and_going_back_costs_nothing(checkout: Path) -> None:
    run(checkout, TOP + CALLS + END)
    with (checkout / "envs" / "waybill" / "rules" / "books.py").open("a") as file:
        file.write("# one line more\n")
    assert run(checkout, TOP + CALLS + END)["compiled"] == 0
    jit = checkout / "envs" / "waybill" / "core" / "jit.py"  # draws is made of it, the agents' loops are not
    before = jit.read_text()
    jit.write_text(before + "# one line more\n")
    assert run(checkout, TOP + CALLS + END)["compiled"] == 1
    assert kept(checkout) == [*BOTH, "envs.waybill.core.draws"]
    jit.write_text(before)
    os.utime(jit)
    assert run(checkout, TOP + CALLS + END)["compiled"] == 0


@pytest.mark.parametrize("variable", ["WAYBILL_CACHE_DIR", "XDG_CACHE_HOME"])
def test_code_is_kept_elsewhere_if_asked_or_if_it_is_no_checkout(checkout: Path, tmp_path: Path, variable: str) -> None:
    (checkout / "pyproject.toml").unlink(missing_ok=True)
    shutil.rmtree(checkout / ".cache", ignore_errors=True)
    assert run(checkout, TOP + CALLS + END, **{variable: str(tmp_path / "mine")})["compiled"] > 2
    assert kept(checkout) == []
    (checkout / "pyproject.toml").touch()
    assert {path.name.split(".")[0] for path in (tmp_path / "mine").rglob("*.nbc")} == {"draws", "sum_tree"}


def test_where_nothing_can_be_written_it_is_compiled_and_said(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()  # in the way of all folders
    blocked = str(tmp_path / "file" / "below")
    (checkout / "pyproject.toml").unlink()
    variables = {"WAYBILL_CACHE_DIR": blocked, "XDG_CACHE_HOME": blocked, "TMPDIR": str(tmp_path)}
    (tmp_path / f"waybill-{os.getuid()}").touch()
    code = TOP + CALLS + END
    found = run(checkout, code, **variables)
    (checkout / "pyproject.toml").touch()
    assert found["compiled"] > 2
    assert run(checkout, "import json\nprint(json.dumps({}))", **variables) == {}


def test_old_versions_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled_code, "cache_folder", lambda: tmp_path)
    name = "groundwork.compiled_code"
    old, long_unused = [tmp_path / f"{name}-{k}" for k in range(20)], tmp_path / "envs.other-1"
    for age, path in enumerate([*old, long_unused]):
        path.mkdir()
        when = time.time() - (40 * 86_400 if path == long_unused else 60 * age)
        os.utime(path, (when, when))
    compiled_code.folder_of.cache_clear()
    made = compiled_code.folder_of(name)
    compiled_code.folder_of.cache_clear()
    assert made is not None
    left = sorted(path for path in tmp_path.iterdir())
    assert set(left) == {made, *old[: compiled_code.KEPT_VERSIONS - 1]}


def test_a_small_number_is_not_compiled_apart(checkout: Path) -> None:
    code = """
import json, numba, numpy as np
from groundwork.compiled_code import compile_lazily
def inner(x):
    return x + 1
inner = compile_lazily(inner)
def outer(a, b):
    return inner(a) + inner(b) + inner(7)
outer = compile_lazily(outer)
assert outer(np.int8(1), np.int64(2)) == 13
print(json.dumps({"signatures": len(inner.signatures)}))
"""
    assert run(checkout, code) == {"signatures": 1}


def test_without_compilation_functions_are_plain_python(checkout: Path) -> None:
    code = "import json; from envs.waybill.core import draws; print(json.dumps({'kind': type(draws.mix).__name__}))"
    assert run(checkout, code, NUMBA_DISABLE_JIT="1") == {"kind": "function"}
