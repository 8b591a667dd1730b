"""Whose configs may name code: those of runs that this user made here, and those that the user says to trust.

A saved config holds names and numbers, and its classes come from this installation. A Gymnasium game is the exception:
``env.id=module:Game-v0`` and ``env.wrappers=[module.Class]`` name modules, which are imported, and so run. So a run
folder gets a mark as it is made: a keyed hash (HMAC-SHA-256) over the whole config, with a random key that only its
user can read. A config with its mark is the user's own, wherever the folder was copied to on the machine; a changed
one, or one of another machine, is a stranger's, and what it names is imported only if the user says so on the command
line.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import secrets
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from groundwork.blame import ROOT
from groundwork.errors import WaybillError
from groundwork.limits import read_text

TRUST = "WAYBILL_TRUST"  # environment variable: the user's word, for processes that a command starts
MARK = ".made_here"  # beside a saved config: file → the hash of what it holds
TRUST_WORD = "env.trust=true"  # of the doors whose words are overrides; the others have --trust
_KEY_BYTES = 32


def allow_all() -> None:
    """Import what strangers' configs name, in this process and those that it starts: the user has said so."""
    os.environ[TRUST] = "1"


def taken_from(words: Sequence[str]) -> list[str]:
    """A command line without ``env.trust=true``, which is no setting of a run; the user's word is taken.

    Raises:
        WaybillError: in one line, for any other value.
    """
    rest = []
    for word in words:
        key, _, value = word.lstrip("+").partition("=")
        if key != "env.trust":
            rest.append(word)
        elif value.lower() == "true":
            allow_all()
        elif value.lower() != "false":
            raise WaybillError(f"{word} is not allowed, it must be true or false")
    return rest


def mark_config(path: Path, config: Mapping[str, Any]) -> bool:
    """Write beside a saved config, which holds ``config``, that it was made here; False if there is no place for a key.

    Raises:
        OSError: if the folder cannot be written.
    """
    key = _own_key(make=True)
    if key is None:
        return False
    text = json.dumps(_marks_of(path.parent) | {path.name: _hash(key, config)}, indent=1) + "\n"
    temporary = path.with_name(f"{MARK}.{os.getpid()}.tmp")
    try:
        with temporary.open("w") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path.with_name(MARK))
    finally:
        temporary.unlink(missing_ok=True)
    return True


def is_marked(path: Path, config: Mapping[str, Any]) -> bool:
    """True if a saved config, which holds ``config``, is as this user wrote it on this machine."""
    key, found = _own_key(make=False), _marks_of(path.parent).get(path.name)
    if key is None or not isinstance(found, str):
        return False
    return hmac.compare_digest(found.encode(), _hash(key, config).encode())


def need_trust(path: Path, config: Mapping[str, Any], named: Sequence[str]) -> None:
    """Refuse a saved config that names code, unless it is the user's own or the user trusts it.

    Args:
        path: its file.
        config: what the file holds.
        named: what in there names code, in words; nothing is asked where that is empty.

    Raises:
        WaybillError: in one line that says what would be run, and how to allow it.
    """
    if not named or os.environ.get(TRUST) or is_marked(path, config):
        return
    risk = "code of a stranger's could do all that you may do on this machine"
    why = "nothing shows that this config was written by you on this machine"
    if _own_key(make=True) is None:
        why += ", as no folder can be written for a key of yours (XDG_STATE_HOME, or a home)"
    how = f"if you trust whoever made it, add --trust (train.py and tune.py: {TRUST_WORD})"
    raise WaybillError(f"{path}: {'; '.join(named)}: {risk}, and {why}; {how}")


def _marks_of(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads(read_text(folder / MARK, 2**16))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _hash(key: bytes, config: Mapping[str, Any]) -> str:
    text = json.dumps(config, sort_keys=True, default=str)
    return hmac.new(key, b"waybill config\0" + text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def _own_key(*, make: bool) -> bytes | None:
    """The user's key, made if there is none yet and it is wanted; None if there is none, or others could know it."""
    for folder in _places():
        key = _read_key(folder / "key")
        if key is None and make:
            with contextlib.suppress(OSError):
                _make_key(folder)
            key = _read_key(folder / "key")
        if key is not None:
            return key
    return None


def _places() -> list[Path]:
    """Folders for the key: the user's, and that of a checkout's own cache for those who have no home."""
    found = []
    with contextlib.suppress(RuntimeError):  # no home
        found.append(Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "waybill")
    return [*found, ROOT / ".cache"] if (ROOT / "pyproject.toml").is_file() else found


def _read_key(path: Path) -> bytes | None:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    with open(handle, "rb") as stream:
        about = os.fstat(handle)
        is_private = stat.S_ISREG(about.st_mode) and about.st_uid == os.getuid() and not about.st_mode & 0o077
        key = stream.read(_KEY_BYTES + 1) if is_private else b""
    return key if len(key) == _KEY_BYTES else None


def _make_key(folder: Path) -> None:
    """Make a key that only its user can read; two processes that do so at once come to have the same."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = folder / f".key.{os.getpid()}.{secrets.token_hex(4)}.tmp"
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(handle, "wb") as stream:
            stream.write(secrets.token_bytes(_KEY_BYTES))
        with contextlib.suppress(FileExistsError):  # another process was first
            os.link(temporary, folder / "key")
    finally:
        temporary.unlink(missing_ok=True)
