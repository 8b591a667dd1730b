"""Commands that are forked end as those that Python starts do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import forking
import pytest

SCRIPT = """
import atexit, json, os, signal, sys, threading, time
import numpy as np
atexit.register(print, "at its exit")
threading.Thread(target=lambda: (time.sleep(0.3), print("a thread's end"))).start()
print(json.dumps([sys.argv, os.getcwd(), os.environ.get("OWN"), sys.path[0], __name__, sys.stdin.read()]))
what = sys.argv[1]
seen = getattr(np, "left_behind", None)
np.left_behind = what
print("left behind:", seen)
if what == "raise":
    raise RuntimeError("a bug")
if what == "killed":
    sys.stdout.flush()
    os.kill(os.getpid(), signal.SIGKILL)
if what == "wait":
    time.sleep(60)
print("to stderr", file=sys.stderr)
sys.exit({"text": "said at the end", "none": None}.get(what, 3))
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    return path


@pytest.mark.parametrize("what", ["code", "text", "none", "raise", "killed"])
@pytest.mark.parametrize("module", [False, True])
def test_all_that_a_caller_sees_is_the_same(script: Path, what: str, module: bool) -> None:
    words = ["-m", "script", what] if module else [str(script), what]
    environment = {**os.environ, "OWN": "value"}
    real = subprocess.run(
        [sys.executable, *words], cwd=script.parent, env=environment, capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    forked = forking.run(words, cwd=script.parent, environment=environment, timeout=60)
    assert (forked.returncode, forked.stdout) == (real.returncode, real.stdout)
    assert forked.stderr.splitlines()[-1:] == real.stderr.splitlines()[-1:]
    assert real.returncode == {"code": 3, "text": 1, "none": 0, "raise": 1, "killed": -9}[what]
    assert ("at its exit" in real.stdout) == ("a thread's end" in real.stdout) == (what != "killed")


def test_what_takes_too_long_is_killed_and_the_next_one_runs(script: Path) -> None:
    with pytest.raises(TimeoutError):
        forking.run([str(script), "wait"], cwd=script.parent, environment=os.environ, timeout=2)
    after = forking.run([str(script), "code"], cwd=script.parent, environment=os.environ, timeout=60)
    assert after.returncode == 3


def test_random_numbers_are_not_those_of_the_last_command(tmp_path: Path) -> None:
    path = tmp_path / "draw.py"
    path.write_text("import random, uuid, tempfile\nprint(random.random(), uuid.uuid4(), tempfile.mktemp())\n")
    drawn = [forking.run([str(path)], cwd=tmp_path, environment=os.environ, timeout=60).stdout for _ in range(2)]
    assert len({one for line in drawn for one in line.split()}) == 6


def test_variables_that_are_read_on_import_are_those_of_the_command(tmp_path: Path) -> None:
    path = tmp_path / "optimised.py"
    path.write_text("from numba import config\nprint(int(config.OPT))\n")
    for level in ("1", "2"):
        environment = {**os.environ, "NUMBA_OPT": level}
        assert forking.run([str(path)], cwd=tmp_path, environment=environment, timeout=60).stdout.split()[-1] == level
