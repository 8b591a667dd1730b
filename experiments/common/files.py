"""Files that are written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path


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
