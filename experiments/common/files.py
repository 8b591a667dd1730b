"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from groundwork.blame import passed_users_code
from groundwork.errors import WaybillError
from groundwork.limits import read_text, refuse_control


def read_json(path: Path) -> dict[str, Any]:
    """The section that a JSON file holds.

    Raises:
        WaybillError: in one line, if it holds none.
        OSError: if it cannot be read.
    """
    try:
        content = json.loads(read_text(path))
        if not isinstance(content, dict):
            raise WaybillError("no section of keys")
        refuse_control(content)
    except (ValueError, RecursionError) as error:
        raise WaybillError(f"{path} is damaged or not one of ours ({error})") from None
    return content


@contextlib.contextmanager
def refuse_misfit(path: Path) -> Iterator[None]:
    """Refuse what was read from a file, and is being made use of, where it is not what one of ours would hold.

    Raises:
        WaybillError: in one line, in place of what that comes to; an error of a user's own code stays as it is.
    """
    try:
        yield
    except WaybillError:
        raise
    except (LookupError, TypeError, AttributeError, ValueError, RuntimeError, ArithmeticError, AssertionError) as error:
        if passed_users_code(error):
            raise
        line = " ".join(str(error).split())[:200]
        raise WaybillError(f"{path} is damaged or not one of ours ({type(error).__name__}: {line})") from None


_LEFT = re.compile(r"\..+\.(\d+)\.tmp")  # a temporary file's name


def write_whole(
    path: Path, write: Callable[[Path], object], *, lasting: bool = True, keep: Path | None = None
) -> None:  # fmt: skip
    """Let ``write`` fill a temporary file beside ``path``, then put it in place in one step.

    A file that is ``lasting`` is on the disk when this returns, whatever happens to the machine then. The file that was
    there before is kept as ``keep``, in the same folder.

    Raises:
        OSError: if the folder cannot be written; the old file is still there then.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        write(temporary)
        if lasting:
            _to_disk(temporary)
        if keep is not None and path.is_file():
            _keep(path, keep)
        os.replace(temporary, path)
        if lasting:
            _to_disk(path.parent)
    except OSError as error:
        if error.filename is not None and Path(error.filename) != temporary:
            raise
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error  # a full disk names no file
    except RuntimeError as error:  # torch reports a full disk or a missing folder as a RuntimeError
        cause = error.__context__
        if isinstance(cause, OSError):
            raise OSError(cause.errno, cause.strerror or str(cause), str(path)) from error
        raise OSError(f"cannot write {path}: {str(error).splitlines()[0]}") from None
    finally:
        temporary.unlink(missing_ok=True)


def _keep(path: Path, keep: Path) -> None:
    """Let ``keep`` be the file at ``path``, which stays there, too, where file systems allow it."""
    other = keep.with_name(f".{keep.name}.{os.getpid()}.tmp")
    try:
        os.link(path, other)
        os.replace(other, keep)
    except OSError:
        os.replace(path, keep)
    finally:
        other.unlink(missing_ok=True)  # it is still there if both were the same file


def _to_disk(path: Path) -> None:
    """Wait until a file, or what a folder says of its files, is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove_leftovers(folder: Path) -> None:
    """Remove temporary files of processes that were killed while they wrote in ``folder``."""
    for path in folder.iterdir():
        found = _LEFT.fullmatch(path.name)
        if found is not None and path.is_file() and not _is_alive(int(found[1])):
            with contextlib.suppress(OSError):
                path.unlink()


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
