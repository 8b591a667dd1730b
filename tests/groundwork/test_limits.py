"""What may be anybody's is read in bounds: plain files, plain text, archives no larger inside than outside."""

from __future__ import annotations

import io
import os
import pickle
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from experiments.common.checkpoint_files import load_checkpoint, save_checkpoint
from experiments.common.door import CleanStream
from experiments.common.tensors import load_tensors, need_bounded, save_tensors
from groundwork import limits
from groundwork.errors import WaybillError


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\ttext\n", "plain\ttext\n"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("\x1b[2J", "\\x1b[2J"),
        ("\x9b31m", "\\x9b31m"),
        ("\x1b]52;c;ZXZpbA==\x07", "\\x1b]52;c;ZXZpbA==\\x07"),
        ("a\u202eb", "a\\u202eb"),
        ("über – 日本", "über – 日本"),
        ("\ud800", "\\ud800"),
    ],
)
def test_control_characters_are_written_out(text: str, shown: str) -> None:
    assert limits.cleaned(text) == shown
    assert limits.cleaned_for_terminal(text) == shown


def test_a_terminal_gets_colours_and_bars_and_no_more() -> None:
    stream = io.StringIO()
    clean = CleanStream.around(stream)
    assert CleanStream.around(clean) is clean
    clean.write("\x1b[1;32mgood\x1b[0m\x1b[2K\x1b[1A\x1b[?25l\rx\x1b[5n\x1bPq\x1b\\")
    assert stream.getvalue() == "\x1b[1;32mgood\x1b[0m\x1b[2K\x1b[1A\x1b[?25l\rx\\x1b[5n\\x1bPq\\x1b\\"


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ({"a": ["b", "\x1b[2J"]}, "a[1]='\\\\x1b[2J' has a control character"),
        ({"\x07": 1}, "has a control character"),
        ({"a": "\u202e"}, "has a control character"),
    ],
)
def test_saved_data_has_no_control_characters(value: Any, line: str) -> None:
    with pytest.raises(WaybillError) as caught:
        limits.refuse_control(value)
    assert line in str(caught.value)
    limits.refuse_control({"a": ["b\tc\n", 1, None, 2.5, True, {"ü": []}]})


def test_data_that_stands_for_more_than_it_is_ends_at_once() -> None:
    value: Any = "x"
    for _ in range(60):
        value = [value, value]
    with pytest.raises(WaybillError, match="more than"):
        limits.refuse_control(value)
    with pytest.raises(ValueError, match="larger inside"):
        need_bounded(value, 1000)
    wide = torch.zeros(1).expand(10**9)
    with pytest.raises(ValueError, match="larger inside"):
        need_bounded({"a": wide}, 10**6)
    need_bounded({"a": [torch.zeros(5), (torch.ones(3),)]}, 100)


def within(value: Any, depth: int) -> Any:
    for _ in range(depth):
        value = [value]
    return value


def test_what_stands_in_many_places_counts_for_each_of_them() -> None:
    thousand, four = [0] * 999, torch.zeros(1)
    endless: list[Any] = []
    endless.append(endless)
    deep = within("x", 150)
    for fits, larger in (
        ([thousand] * 1999, [thousand] * 2001),  # a thousand values each, and two millions are the most
        ([four] * 250, [four] * 251),  # bytes
        (within("x", limits.DEEPEST), within("x", limits.DEEPEST + 1)),
        ([deep, within(deep, 49)], [deep, within(deep, 50)]),
        ([], endless),
    ):
        need_bounded(fits, 1000)
        with pytest.raises(ValueError, match="larger inside"):
            need_bounded(larger, 1000)


def test_devices_pipes_and_large_files_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "endless").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_bytes(b"x" * 1001)
    (tmp_path / "noise").write_bytes(b"\xff\xfe")
    for name, line in {
        "endless": "it is no plain file", "pipe": "it is no plain file",
        "large": "it is larger than any such file of ours (1,000 bytes)", "noise": "it is no text",
    }.items():  # fmt: skip
        with pytest.raises(WaybillError) as caught:
            limits.read_text(tmp_path / name, 1000)
        assert str(caught.value) == line


def packed_anew(path: Path, kind: int, add: int = 0) -> None:
    """Write an archive's parts again, packed as ``kind``, with so many zeros at each storage's end."""
    with zipfile.ZipFile(path) as archive:
        parts = {one.filename: archive.read(one) for one in archive.infolist()}
    with zipfile.ZipFile(path, "w", kind) as archive:
        for name, data in parts.items():
            archive.writestr(name, data + bytes(add if "/data/" in name else 0))


def refused(path: Path) -> int:
    """How many bytes refusing a checkpoint takes at its most."""
    tracemalloc.start()
    try:
        with pytest.raises(WaybillError, match="is damaged or not one of ours"):
            load_checkpoint(path)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_packed_checkpoint_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    save_checkpoint(path, {"x": torch.zeros(8)})
    assert load_checkpoint(path)["x"].shape == (8,)
    packed_anew(path, zipfile.ZIP_STORED)
    assert load_checkpoint(path)["x"].shape == (8,)
    packed_anew(path, zipfile.ZIP_DEFLATED, add=2**28)
    assert path.stat().st_size < 2**20
    assert refused(path) < 2**24


@pytest.mark.parametrize("what", [bytearray, os.system, eval, io.BytesIO])
def test_a_checkpoint_names_nothing_but_tensors(tmp_path: Path, what: Any) -> None:
    class Named:
        def __reduce__(self) -> tuple[Any, ...]:
            return what, (2**30 if what is bytearray else "1",)

    torch.save({"format": 1, "x": Named()}, tmp_path / "last.pt")
    assert refused(tmp_path / "last.pt") < 2**24


def test_a_checkpoint_is_no_larger_inside(tmp_path: Path) -> None:
    laughs: Any = []
    for _ in range(60):
        laughs = [laughs, laughs]
    torch.save({"format": 1, "x": laughs}, tmp_path / "last.pt")
    refused(tmp_path / "last.pt")
    torch.save({"format": 1, "x": torch.zeros(1).expand(10**12)}, tmp_path / "last.pt")
    refused(tmp_path / "last.pt")
    (tmp_path / "last.pt").write_bytes(pickle.dumps({"format": 1}))
    refused(tmp_path / "last.pt")


def test_a_policy_is_no_larger_than_what_it_is_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "policy.safetensors"
    save_tensors(path, {"x": torch.zeros(1000)})
    with pytest.raises(WaybillError, match="what it is for has room for 100"):
        load_tensors(path, most_bytes=100)
    data = bytearray(path.read_bytes())
    data[:8] = (2**62).to_bytes(8, "little")  # a header that says it is larger than the file
    path.write_bytes(data)
    with pytest.raises(WaybillError, match="is damaged or not one of ours"):
        load_tensors(path)
    monkeypatch.setattr(limits, "machine_memory", lambda: 1000)
    with pytest.raises(WaybillError, match="of memory, this machine has 0.0 GiB"):
        load_tensors(path)


def test_what_the_machine_has_no_memory_for() -> None:
    limits.need_memory(1000, "a thing")
    with pytest.raises(WaybillError, match=r"^such things need 1,048,576.0 GiB of memory, this machine has"):
        limits.need_memory(2**50, "such things")
