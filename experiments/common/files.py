"""Files that are written whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from groundwork.errors import WaybillError


def read_json(path: Path) -> dict[str, Any]:
    """The section that a JSON file holds.

    Raises:
        WaybillError: in one line, if it holds none.
        OSError: if it cannot be read.
    """
    try:
        content = json.loads(path.read_text())
    except ValueError as error:
        raise WaybillError(f"{path} is damaged or not one of ours ({error})") from None
    if not isinstance(content, dict):
        raise WaybillError(f"{path} is damaged or not one of ours (no section of keys)")
    return content


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a temporary file beside ``path``, then put it in place in one step.

    Raises:
        OSError: if the folder cannot be written; the old file is still there then.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        write(temporary)
        os.replace(temporary, path)
    except RuntimeError as error:  # torch reports a full disk or a missing folder as a RuntimeError
        raise OSError(f"cannot write {path}: {str(error).splitlines()[0]}") from None
    finally:
        temporary.unlink(missing_ok=True)
