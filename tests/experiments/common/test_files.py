"""Files appear whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments.common.files import write_whole


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
    assert [one.name for one in tmp_path.iterdir()] == ["file"]
    assert path.read_text() == "old"
