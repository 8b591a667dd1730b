"""Callbacks that send a run's settings and curves to an experiment tracker, beside TensorBoard."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from experiments.callbacks.callback import Callback, RunView, Tags
from experiments.common.files import read_json, write_whole
from experiments.config.errors import first_line
from experiments.config.keys import flat
from groundwork.errors import WaybillError

TRACKED = "trackers.json"  # in a run's folder: what each tracker calls the run, so that a resumed one goes on there


class Tracker(Callback):
    """What all trackers share. One that fails in the middle of a run is left alone from there on, and that is said.

    Subclasses say which ``package`` they need and which ``extra`` brings it, and open, fill and close a run.
    """

    package: ClassVar[str]
    extra: ClassVar[str]

    def __post_init__(self) -> None:
        self._is_open = False
        if importlib.util.find_spec(self.package) is None:
            line = f"callbacks={self.extra} needs the package {self.package}"
            raise WaybillError(f'{line}: pip install -e ".[{self.extra}]" in the checkout')

    def open(self, run: RunView, known: str | None) -> str:
        """Begin the run there, or go on with the one that it calls ``known``; returns what it calls it."""
        raise NotImplementedError

    def log(self, tags: Tags, env_step: int) -> None:
        """One point for each tag."""
        raise NotImplementedError

    def close(self, *, finished: bool) -> None:
        """End the run there."""
        raise NotImplementedError

    def begin(self, run: RunView) -> None:
        """Open the run.

        Raises:
            WaybillError: in one line, if the tracker refuses; nothing is trained yet.
        """
        tracked = run.folder / TRACKED
        names = read_json(tracked) if tracked.is_file() else {}
        try:
            name = self.open(run, names.get(self.extra))
        except Exception as error:
            raise WaybillError(f"callbacks={self.extra}: {type(error).__name__}: {first_line(error)}") from None
        self._is_open = True
        if names.get(self.extra) != name:
            text = json.dumps({**names, self.extra: name}, indent=1)
            write_whole(tracked, lambda file: file.write_text(text + "\n"))

    def scalars(self, run: RunView, tags: Tags) -> None:
        """Send the curves' points."""
        self._try(lambda: self.log(tags, run.env_step))

    def end(self, run: RunView, result: Mapping[str, Any] | None) -> None:
        """Send the scores on the held-out games, and close the run."""
        self._try(lambda: self._end(run, result))

    def _end(self, run: RunView, result: Mapping[str, Any] | None) -> None:
        if result is not None:
            own = result["scores"][run.choices["agent"]]
            self.log({f"held_out/{name}": x for name, x in own.items() if isinstance(x, int | float)}, run.env_step)
        self.close(finished=result is not None)

    def _try(self, call: Callable[[], None]) -> None:
        if not self._is_open:
            return
        try:
            call()
        except Exception as error:
            self._is_open = False
            line = f"{type(error).__name__}: {first_line(error)}"
            print(
                f"note: callbacks={self.extra} failed, the run goes on without it: {line}", file=sys.stderr, flush=True
            )


def settings_in(run: RunView) -> dict[str, Any]:
    """A run's config as a flat section, ``agent.n_step`` → 3, with the choices by their groups' names."""
    keys = {key: x for key, x in flat(run.config).items() if x is not None and not isinstance(x, Mapping)}
    return {**{key: _plain(x) for key, x in keys.items()}, **run.choices}


def _plain(value: Any) -> Any:
    """A value of a read-only config as trackers take it: lists and dictionaries."""
    if isinstance(value, Mapping):
        return {key: _plain(own) for key, own in value.items()}
    return [_plain(own) for own in value] if isinstance(value, tuple) else value


def sweep_of(folder: Path, out: str) -> str | None:
    """The sweep, or run of several seeds, that a run folder belongs to; None if it lies in ``out`` itself."""
    return None if folder.parent.resolve() == Path(out).resolve() else folder.parent.name
