"""Compiled code on disk: engine and agents apart from each other, nothing at import, a folder for each version."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

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
    return root


def run(root: Path, code: str, **variables: str) -> dict[str, Any]:
    """What a process of its own reports that runs the code in a checkout."""
    env = {**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1", **variables}
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def kept(root: Path) -> dict[str, set[str]]:
    """Package → modules that it keeps compiled code of."""
    found: dict[str, set[str]] = {}
    for path in root.rglob("*.nbc"):
        found.setdefault(path.relative_to(root).parts[0], set()).add(path.name.split(".")[0])
    return found


def folders(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("__pycache__/numba-*") if path.is_dir())


def test_importing_writes_nothing_and_changes_no_setting(checkout: Path) -> None:
    assert run(checkout, TOP + END) == {"settings": [], "compiled": 0}
    assert list(checkout.rglob("__pycache__")) == []


def test_engine_and_agents_keep_their_code_apart(checkout: Path) -> None:
    first = run(checkout, TOP + CALLS + END)
    assert first["settings"] == []
    assert first["compiled"] > 2
    assert kept(checkout) == {"agents": {"sum_tree"}, "envs": {"draws"}}
    agents, engine = folders(checkout)
    assert (agents.parents[1], engine.parents[1]) == (checkout / "agents", checkout / "envs" / "waybill")
    assert run(checkout, TOP + CALLS + END) == {"settings": [], "compiled": 0}


def test_code_of_other_sources_is_never_read_and_goes_once_new_code_comes(checkout: Path) -> None:
    run(checkout, TOP + CALLS + END)
    agents, engine = folders(checkout)
    with (checkout / "envs" / "waybill" / "rules" / "books.py").open("a") as file:
        file.write("# one line more\n")
    run(checkout, TOP + END)
    assert folders(checkout) == [agents, engine]  # an import alone leaves it
    assert run(checkout, TOP + CALLS + END)["compiled"] == 1
    same, other = folders(checkout)
    assert same == agents
    assert other.parent == engine.parent
    assert other != engine


def test_an_installation_that_cannot_be_written_uses_a_folder_of_the_user(checkout: Path, tmp_path: Path) -> None:
    for path in folders(checkout):
        shutil.rmtree(path.parent)
        path.parent.write_text("in the way of a folder")
    mine = tmp_path / "mine"
    assert run(checkout, TOP + CALLS + END, NUMBA_CACHE_DIR=str(mine))["compiled"] > 2
    assert kept(checkout) == {}
    assert {path.name.split(".")[0] for path in mine.rglob("*.nbc")} == {"draws", "sum_tree"}


def test_without_compilation_functions_are_plain_python(checkout: Path) -> None:
    code = "import json; from envs.waybill.core import draws; print(json.dumps({'kind': type(draws.mix).__name__}))"
    assert run(checkout, code, NUMBA_DISABLE_JIT="1") == {"kind": "function"}
