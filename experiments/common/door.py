"""What every command shares: a user's mistake ends it with one line, a bug with its traceback."""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import Any, NoReturn

from hydra.errors import HydraException, OverrideParseException
from omegaconf.errors import OmegaConfBaseException

from experiments.common.stopping import INTERRUPTED, MISTAKEN, UNFINISHED, Interrupted, Unfinished
from experiments.config.errors import explain, first_line, mistyped
from groundwork.blame import is_ours
from groundwork.errors import WaybillError
from groundwork.limits import cleaned_for_terminal
from groundwork.nearest import meant


class Parser(argparse.ArgumentParser):
    """Reads a command's words; those that are not known are answered with the nearest that are."""

    def error(self, message: str) -> NoReturn:
        """End the command, see ``argparse``."""
        unknown = re.search(r"unrecognized arguments: (\S+)", message)
        if unknown is not None:
            message += meant(unknown[1].partition("=")[0], list(self._option_string_actions))
        chosen = re.search(r"invalid choice: '([^']*)' \(choose from (.*)\)", message)
        if chosen is not None:
            message += meant(chosen[1], re.findall(r"[\w-]+", chosen[2]))
        super().error(message)


class CleanStream:
    """A stream to a terminal, on which text of files and folders can do nothing: control characters are written out.

    Colours and what a bar of progress needs pass.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    @classmethod
    def around(cls, stream: Any) -> Any:
        """The stream made clean; one that is already stays as it is."""
        return stream if isinstance(stream, cls) else cls(stream)

    def write(self, text: str) -> int:
        """Write text; returns how many characters were asked for."""
        self._stream.write(cleaned_for_terminal(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write several texts."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


LONGEST = 1000  # characters of a line that says what is wrong


def door(name: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Wrap a command's ``main`` so that a user's mistake is one line on stderr, ``name: error: …``, and exit code 2.

    A bug, the user's own or ours, keeps its traceback.
    """

    def wrap(main: Callable[[], None]) -> Callable[[], None]:
        @wraps(main)
        def guarded() -> None:
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGINT, signal.default_int_handler)  # until now it ended the process at once
            # Hydra would print its own report and end the process; this makes it raise to us instead.
            os.environ["HYDRA_FULL_ERROR"] = "1"
            sys.stdout, sys.stderr = CleanStream.around(sys.stdout), CleanStream.around(sys.stderr)
            try:
                main()
            except BrokenPipeError:
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                sys.exit(1)
            except Unfinished as error:
                _end(f"{name}: {one_line(error)}", UNFINISHED)
            except Interrupted as stop:
                _end(f"{name}: {stop}", stop.exit_code)
            except KeyboardInterrupt:
                _end(f"{name}: stopped", INTERRUPTED)
            except Exception as error:
                if not is_mistake(error):
                    raise
                _end(f"{name}: error: {one_line(error)}", MISTAKEN)

        return guarded

    return wrap


def _end(line: str, code: int) -> None:
    sys.stdout.flush()
    print(line, file=sys.stderr)
    sys.exit(code)


def is_mistake(error: BaseException) -> bool:
    """True for what a user did wrong and one line can say; False for a bug, which needs its traceback.

    A mistake is an error that Waybill raises on purpose, one of Hydra's about a config, or a file of the command's own
    that cannot be used; a file that the user's code fails to open is a matter of that code.
    """
    if isinstance(error, OSError):
        return is_ours(error)
    return isinstance(error, WaybillError | HydraException | OmegaConfBaseException)


def one_line(error: BaseException) -> str:
    """An error in one line: of a mistake what is wrong and what is allowed, of a bug its type and place, too."""
    if isinstance(error, OmegaConfBaseException):
        return explain(error)
    if isinstance(error, OSError) and error.strerror:
        return f"cannot use {str(error.filename)!r}: {error.strerror}" if error.filename else error.strerror
    if isinstance(error, HydraException):
        return _hydra_line(error)
    text = " ".join(str(error).split()) or type(error).__name__
    if len(text) > LONGEST:  # a file's value can be any text
        text = f"{text[: LONGEST // 2]} … {text[-LONGEST // 4 :]}"
    return text if isinstance(error, WaybillError | Unfinished | KeyboardInterrupt) else _bug_line(error, text)


def _bug_line(error: BaseException, text: str) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {text}{where}"


def _hydra_line(error: HydraException) -> str:
    if isinstance(error, OverrideParseException):
        key, _, value = str(error.override).partition("=")
        hint = (
            f"; write a value with =, commas, brackets or spaces in quotes: \"{key}='{value}'\""
            if value[:1] not in ("", "[", "{")
            else ""
        )
        return f"cannot read {error.override!r}, an override is key=value{hint}"
    cause, merging = error.__cause__, "Error merging override "
    if isinstance(cause, OmegaConfBaseException):
        override = first_line(error).removeprefix(merging)
        if not first_line(error).startswith(merging):
            return explain(cause)
        key, _, value = override.partition("=")
        return mistyped(key, first_line(cause), value) or f"{override}: {first_line(cause)}"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if len(lines) > 1 and lines[1].startswith("Available options in"):
        options = []
        for line in lines[2:]:
            if line.startswith("Config search path"):
                break
            options.append(line)
        subject = lines[0].removeprefix("In 'config': ")
        wanted = re.search(r"'[^'/]*/?([^'/]*)'", subject)
        return f"{subject}{meant(wanted[1], options) if wanted else ''}, available: {', '.join(options)}"
    listed = re.search(r"Could not load '(\w+)/(.*)'", lines[0])  # what Hydra says of a list's choice
    if listed is not None:
        folders = [Path(place) / listed[1] for place in re.findall(r"path=file://(.+)", str(error))]
        names = sorted({path.stem for folder in folders for path in folder.glob("*.yaml")})
        return f"Could not find '{listed[1]}/{listed[2]}'{meant(listed[2], names)}, available: {', '.join(names)}"
    return "; ".join(lines)[:400] or type(error).__name__
