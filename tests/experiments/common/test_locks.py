"""Locks: one holder at a time, none once the holder is gone, however it went."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from experiments.common import locks
from groundwork.errors import WaybillError
from sweeping import ROOT, until

HOLD = """
import sys, time
from pathlib import Path
from experiments.common import locks
with locks.hold(Path(sys.argv[1])):
"""


def holding(path: Path, seconds: float) -> subprocess.Popen[bytes]:
    """Another process that holds it."""
    process = subprocess.Popen([sys.executable, "-c", f"{HOLD}    time.sleep({seconds})", str(path)], cwd=ROOT)
    until(lambda: path.is_file() and path.read_text() and locks.is_held(path), "the other process")
    return process


def test_nobody_else_gets_it_until_the_holder_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not locks.is_held(path)
    other = holding(path, 60)
    with pytest.raises(locks.Held, match=f"^process {other.pid} on "), locks.hold(path):
        pass
    with pytest.raises(ValueError, match=str(other.pid)), locks.hold(path, wait_seconds=0.3):
        pass
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert not locks.is_held(path)
    with locks.hold(path):
        assert locks.is_held(path)
        assert locks.holder(path) == f"process {os.getpid()} on {os.uname().nodename}"
    assert not locks.is_held(path)


def test_waiting_for_it(tmp_path: Path) -> None:
    other = holding(tmp_path / "lock", 1.5)
    begun = time.monotonic()
    with locks.hold(tmp_path / "lock", wait_seconds=60):
        assert time.monotonic() - begun > 0.2
        assert locks.is_held(tmp_path / "lock")
    other.wait()


def test_children_do_not_keep_it(tmp_path: Path) -> None:
    with locks.hold(tmp_path / "lock"):
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    assert not locks.is_held(tmp_path / "lock")
    child.kill()
    child.wait()


def test_a_link_is_refused_and_what_it_leads_to_stays(tmp_path: Path) -> None:
    (tmp_path / "dear").write_text("diary")
    (tmp_path / "lock").symlink_to("dear")
    line = f"^{tmp_path}/lock is a link, a lock must be a file of its own$"
    with pytest.raises(WaybillError, match=line), locks.hold(tmp_path / "lock"):
        pass
    for ask in (locks.is_held, locks.holder):
        with pytest.raises(WaybillError, match=line):
            ask(tmp_path / "lock")
    assert (tmp_path / "dear").read_text() == "diary"
