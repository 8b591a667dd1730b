"""Files appear whole or not at all."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.common.files import remove_leftovers, write_whole


def test_what_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_whole(path, lambda temporary: temporary.write_text("old"))

    def fail(error: Exception) -> None:
        def write(temporary: Path) -> None:
            temporary.write_text("ne")
            raise error

        write_whole(path, write)

    with pytest.raises(OSError, match=f"cannot write {path}: disk full"):
        fail(RuntimeError("disk full\nat some place"))
    with pytest.raises(KeyError):
        fail(KeyError("x"))
    with pytest.raises(OSError, match="No space left on device") as caught:
        fail(OSError(errno.ENOSPC, "No space left on device"))  # as write() raises it, which knows no name
    assert caught.value.filename == str(path)
    with pytest.raises(FileNotFoundError) as missing:
        write_whole(path, lambda temporary: (tmp_path / "other").read_text())
    assert missing.value.filename == str(tmp_path / "other")
    with pytest.raises(FileNotFoundError) as nowhere:
        write_whole(tmp_path / "no" / "file", lambda temporary: temporary.write_text("x"))
    assert nowhere.value.filename == str(tmp_path / "no" / "file")
    assert [one.name for one in tmp_path.iterdir()] == ["file"]
    assert path.read_text() == "old"


def test_what_is_written_is_on_the_disk_before_it_is_in_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[tuple[str, str]] = []
    sync, replace = os.fsync, os.replace

    def synced(handle: int) -> None:
        done.append(("on disk", Path(os.readlink(f"/proc/self/fd/{handle}")).name))
        sync(handle)

    def replaced(old: Path, new: Path) -> None:
        done.append(("in place", new.name))
        replace(old, new)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", replaced)
    write_whole(tmp_path / "file", lambda temporary: temporary.write_text("old"))
    assert done == [("on disk", f".file.{os.getpid()}.tmp"), ("in place", "file"), ("on disk", tmp_path.name)]
    done.clear()
    write_whole(tmp_path / "file", lambda temporary: temporary.write_text("new"), lasting=False)
    assert done == [("in place", "file")]


def test_what_killed_processes_left_goes_and_nothing_else(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    keep = {f".last.pt.{os.getpid()}.tmp", ".run.lock", "last.pt", "a.7.tmp", f".{gone.pid}.tmp", f".x.{gone.pid}.tmpx"}
    for name in (*keep, f".last.pt.{gone.pid}.tmp", f".a.b.{gone.pid}.tmp", f".x.{10**30}.tmp"):
        (tmp_path / name).write_text("half")
    (tmp_path / f".folder.{gone.pid}.tmp").mkdir()
    remove_leftovers(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == keep | {f".folder.{gone.pid}.tmp"}
