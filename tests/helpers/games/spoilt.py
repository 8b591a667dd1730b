"""For the tests of records: reading a record's lines, changing them by hand, and what is said of it then."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from envs.waybill import record

Line = dict[str, Any]


def lines_of(path: Path) -> list[Line]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def write(path: Path, lines: list[Line]) -> None:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def complaint(path: Path) -> str:
    """The one line that reading and replaying the file gives."""
    with pytest.raises(ValueError, match="game.jsonl") as caught:
        list(record.replay_states(record.load_game(path)))
    line = str(caught.value)
    assert line.startswith(str(path))
    assert "\n" not in line
    return line


def in_header(**values: Any) -> Callable[[list[Line]], None]:
    return lambda lines: lines[0].update(values)


def in_level(**values: Any) -> Callable[[list[Line]], None]:
    return lambda lines: lines[0]["level"].update(values)


def in_turn(**values: Any) -> Callable[[list[Line]], None]:
    return lambda lines: lines[6].update(values)
