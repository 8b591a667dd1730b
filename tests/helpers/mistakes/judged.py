"""What a command does with a mistake, and whether that is right."""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import runpy
import signal
import sys
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import pytest
from drawn import Mistake
from pages import ROOT
from shrunk import hydra_as_it_was

from experiments.config.keys import CONFIG_DIR
from groundwork.trust import TRUST

SECONDS = 60


class Verdict(NamedTuple):
    """``fault`` is None if the mistake was refused as it should, or accepted as it may."""

    mistake: Mistake
    outcome: str  # refused, accepted, or what went wrong
    fault: str | None


class TooLong(BaseException):
    """A command that didn't end."""


def judge(mistake: Mistake, place: Path) -> Verdict:
    """Type the command in ``place``, a folder whose ``out`` its runs go into."""
    before = _there(place)
    words = list(mistake.words)
    if words[0] == "train.py":
        words.insert(2 if words[1] == "-m" else 1, f"out={place / 'out'}")
    code, stdout, stderr, trace = typed_here(words, place)
    made = sorted(_there(place) - before)
    if trace is not None:
        return Verdict(mistake, "traceback", trace)
    if code == 0:
        if not mistake.may_pass:
            return Verdict(mistake, "accepted", f"accepted in silence: {stdout[-300:]}")
        return Verdict(mistake, "accepted", _not_finite(place, made))
    lines = [line for line in stderr.splitlines() if not line.startswith(("usage:", " ", "A.L.E", "[Powered"))]
    if code != 2 or len(lines) != 1 or not lines[0].startswith(f"{words[0]}: error: "):
        return Verdict(mistake, "refused", f"exit code {code}, not one line: {stderr[-600:]!r}")
    if len(lines[0]) > 900:
        return Verdict(mistake, "refused", f"a line of {len(lines[0])} characters: {lines[0][:200]}")
    if any(
        part in lines[0] for part in ("Traceback", "object at 0x", "<class '", "NoneType", "KeyError", "AttributeError")
    ):
        return Verdict(mistake, "refused", f"Python's words: {lines[0]}")
    left = [path for path in made if not path.startswith("out/.cache")]
    if left and mistake.words[0] == "train.py" and not any("resume=" in word for word in words):
        return Verdict(mistake, "refused", f"left behind: {left[:4]}")
    return Verdict(mistake, "refused", None)


def typed_here(words: list[str], place: Path) -> tuple[int, str, str, str | None]:
    """What a command typed in ``place`` does, in this process: exit code, stdout, stderr and the traceback, if any."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, hydra_as_it_was(), _limited(), warnings.catch_warnings():
        patch.chdir(place)
        patch.setenv("HYDRA_FULL_ERROR", "1")
        patch.setenv(CONFIG_DIR, "")
        patch.setenv(TRUST, "")
        patch.setattr("sys.argv", list(words))
        patch.setattr("sys.stdin", io.StringIO())  # a person who types nothing
        patch.setattr("sys.path", list(sys.path))
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                if words[0] == "-m":
                    sys.argv[:] = words[1:]
                    warnings.simplefilter("ignore")  # that it is loaded already
                    runpy.run_module(words[1], run_name="__main__")
                else:
                    runpy.run_path(str(ROOT / words[0]), run_name="__main__")
        except SystemExit as end:
            return int(end.code or 0), out.getvalue(), err.getvalue(), None
        except TooLong:
            return 1, out.getvalue(), err.getvalue(), f"not done after {SECONDS} s"
        except BaseException:
            return 1, out.getvalue(), err.getvalue(), traceback.format_exc()[-900:]
    return 0, out.getvalue(), err.getvalue(), None


@contextlib.contextmanager
def _limited() -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        raise TooLong

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _there(place: Path) -> set[str]:
    return {
        str((Path(root) / name).relative_to(place))
        for root, _, names in os.walk(place)
        for name in names
        if "broken" not in root
    }


def _not_finite(place: Path, made: list[str]) -> str | None:
    """What is wrong with the results of a run that was accepted."""
    for path in made:
        if path.endswith("result.json"):
            bad = list(_bad_numbers(json.loads((place / path).read_text())))
            if bad:
                return f"{path} holds {bad[:3]}"
    return None


def _bad_numbers(value: Any, key: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for name, own in value.items():
            yield from _bad_numbers(own, f"{key}.{name}")
    elif isinstance(value, list):
        for own in value:
            yield from _bad_numbers(own, key)
    elif isinstance(value, float) and not math.isfinite(value):
        yield f"{key}={value}"
