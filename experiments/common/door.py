"""What every command shares: a user's mistake ends it with one line, a bug with its traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import wraps

from hydra.errors import HydraException, OverrideParseException
from omegaconf.errors import OmegaConfBaseException

from experiments.common.compiling import announce_compilation
from experiments.common.stopping import INTERRUPTED, MISTAKEN, UNFINISHED, Interrupted, Unfinished
from experiments.config.errors import explain, first_line

USER_ERRORS = (ValueError, OSError, HydraException, OmegaConfBaseException)


def door(name: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Wrap a command's ``main`` so that a user's mistake is one line on stderr, ``name: error: …``, and exit code 2."""

    def wrap(main: Callable[[], None]) -> Callable[[], None]:
        @wraps(main)
        def guarded() -> None:
            # Hydra would print its own report and end the process; this makes it raise to us instead.
            os.environ["HYDRA_FULL_ERROR"] = "1"
            announce_compilation()
            try:
                main()
            except BrokenPipeError:
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                sys.exit(1)
            except USER_ERRORS as error:
                _end(f"{name}: error: {one_line(error)}", MISTAKEN)
            except Unfinished as error:
                _end(f"{name}: {one_line(error)}", UNFINISHED)
            except Interrupted as stop:
                _end(f"{name}: {stop}", stop.exit_code)
            except KeyboardInterrupt:
                _end(f"{name}: stopped", INTERRUPTED)

        return guarded

    return wrap


def _end(line: str, code: int) -> None:
    sys.stdout.flush()
    print(line, file=sys.stderr)
    sys.exit(code)


def one_line(error: BaseException) -> str:
    """An error's message in one line, with what is allowed where Hydra knows it."""
    if isinstance(error, OmegaConfBaseException):
        return explain(error)
    if isinstance(error, OSError) and error.strerror:
        return f"cannot use {str(error.filename)!r}: {error.strerror}" if error.filename else error.strerror
    if isinstance(error, HydraException):
        return _hydra_line(error)
    return " ".join(str(error).split()) or type(error).__name__


def _hydra_line(error: HydraException) -> str:
    if isinstance(error, OverrideParseException):
        return f"cannot read {error.override!r}, an override is key=value"
    cause, merging = error.__cause__, "Error merging override "
    if isinstance(cause, OmegaConfBaseException):
        override = first_line(error).removeprefix(merging)
        return f"{override}: {first_line(cause)}" if first_line(error).startswith(merging) else explain(cause)
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if len(lines) > 1 and lines[1].startswith("Available options in"):
        options = []
        for line in lines[2:]:
            if line.startswith("Config search path"):
                break
            options.append(line)
        subject = lines[0].removeprefix("In 'config': ")
        return f"{subject}, available: {', '.join(options)}"
    return "; ".join(lines)[:400] or type(error).__name__
