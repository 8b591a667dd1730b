"""How files are read that may be anybody's: plain files of a bounded size, text without control characters, archives
that are no larger inside than outside.

A folder that somebody gave away may hold a link to a device, a file without an end, a small archive of gigabytes, or a
name that rings, clears the screen or writes into the clipboard of a terminal that prints it.
"""

from __future__ import annotations

import contextlib
import os
import pickletools
import re
import stat
import zipfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from groundwork.errors import WaybillError

MOST_TEXT_BYTES = 2**26  # of a result, a list of jobs, a record: the longest of ours have a few million
MOST_VALUES = 2_000_000  # sections, lists and values of nested data
DEEPEST = 200  # of nested data
# Escape codes begin with one of the first two ranges; the others turn the direction of text round, or hide it
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
_TENSORS = re.compile(
    r"torch\._utils _rebuild_tensor_v[23]|collections OrderedDict|torch \w+Storage|torch\.storage UntypedStorage"
    r"|torch u?int(8|16|32|64)"
)
_SGR = r"\x1b\[[0-9;]*m"  # colours
_CURSOR = r"\x1b\[(?:\?25[hl]|[0-9]*[AK])|\r(?!\n)"  # what a bar of progress needs: up, clear the line, hide
_ALLOWED = re.compile(f"({_SGR}|{_CURSOR}|\\r\\n)")


def cleaned(text: str) -> str:
    """Text as it can be printed: control characters, all but tabs and ends of lines, are written out (``\\x1b``)."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def cleaned_for_terminal(text: str) -> str:
    """The same, but colours and what a bar of progress needs stay."""
    return "".join(part if k % 2 else cleaned(part) for k, part in enumerate(_ALLOWED.split(text)))


def refuse_control(value: Any, where: str = "") -> None:
    """Refuse nested data in which a text, or a section's key, has a control character, or that is boundless.

    Raises:
        WaybillError: in one line that names the place.
    """
    waiting, seen = [(value, where, 0)], 0
    while waiting:
        one, place, depth = waiting.pop()
        seen += 1
        if seen > MOST_VALUES or depth > DEEPEST:
            raise WaybillError(f"it holds more than {MOST_VALUES:,} values, or {DEEPEST} within one another")
        if isinstance(one, str) and _CONTROL.search(one) is not None:
            raise WaybillError(f"{cleaned(place) or 'it'}={cleaned(one)[:80]!r} has a control character")
        if isinstance(one, Mapping):
            waiting += [(str(key), f"{place} (a key)", depth) for key in one]
            waiting += [(entry, f"{place}.{key}" if place else str(key), depth + 1) for key, entry in one.items()]
        elif isinstance(one, list | tuple):
            waiting += [(entry, f"{place}[{number}]", depth + 1) for number, entry in enumerate(one)]


def read_bytes(path: Path, most: int = MOST_TEXT_BYTES) -> bytes:
    """What a plain file of at most that many bytes holds.

    Raises:
        WaybillError: in one line, without the file's name, if it is no plain file (a device, a pipe), or larger.
        OSError: if it cannot be read.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # opening a pipe waits for nobody
    with open(handle, "rb") as stream:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise WaybillError("it is no plain file")
        data = stream.read(most + 1)
    if len(data) > most:
        raise WaybillError(f"it is larger than any such file of ours ({most:,} bytes)")
    return data


def read_text(path: Path, most: int = MOST_TEXT_BYTES) -> str:
    """The same as text, in UTF-8.

    Raises:
        WaybillError: in one line, see ``read_bytes``, or if it is no text.
        OSError: if it cannot be read.
    """
    try:
        return read_bytes(path, most).decode()
    except UnicodeDecodeError:
        raise WaybillError("it is no text") from None


def need_plain_archive(path: Path) -> None:
    """Refuse a checkpoint's ZIP archive that is larger inside than outside, or in which more than tensors is pickled.

    Ours are stored as they are, not packed.

    Raises:
        ValueError: if it is no plain file, is no archive, or a part of it is packed, shared, damaged or no plain data.
        OSError: if it cannot be read.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError("it is no plain file")
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
            for part in parts:
                if part.compress_type != zipfile.ZIP_STORED or part.file_size != part.compress_size:
                    raise ValueError(f"{part.filename!r} is packed")
            if sum(part.file_size for part in parts) > path.stat().st_size:
                raise ValueError("its parts are larger than it is")
            damaged = archive.testzip()
            for part in parts:
                if part.filename.endswith(".pkl"):
                    _need_plain_pickle(archive.read(part))
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise ValueError(str(error)) from None
    if damaged is not None:
        raise ValueError(damaged)


def _need_plain_pickle(data: bytes) -> None:
    """Refuse a pickled file that names anything but tensors and plain sections, before any of it is made.

    Raises:
        ValueError: if so, or if it is damaged.
    """
    for operation, given, _ in pickletools.genops(data):
        if operation.name in ("STACK_GLOBAL", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "EXT1", "EXT2", "EXT4", "BUILD"):
            raise ValueError(f"{operation.name} is in it, as in none of ours")
        if operation.name == "GLOBAL" and _TENSORS.fullmatch(str(given)) is None:
            raise ValueError(f"it names {given}")


@cache
def machine_memory() -> int:
    """Bytes of memory that this machine has, or that this process's control group may use."""
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with contextlib.suppress(OSError, ValueError):  # no such group, or "max"
            found.append(int(Path(path).read_text()))
    return min(found)


def need_memory(needed: int, what: str) -> None:
    """Refuse what this machine has no memory for; ``what`` needs so many bytes.

    Raises:
        WaybillError: in one line.
    """
    if needed > machine_memory():
        there = f"this machine has {machine_memory() / 2**30:,.1f} GiB"
        raise WaybillError(f"{what} need {needed / 2**30:,.1f} GiB of memory, {there}")
