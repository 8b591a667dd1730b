"""The callbacks of one seed's run, called in the order of its config."""

from __future__ import annotations

import numbers
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.callbacks.callback import Callback, Evaluation, RunView, Tags
from experiments.config.choices import CALLBACKS, class_of, without_target
from experiments.config.errors import first_line
from experiments.config.reading import read_section
from groundwork.errors import WaybillError


def read_callbacks(config: Mapping[str, Any]) -> dict[str, Callback]:
    """New instances of the callbacks that a run's config names.

    Raises:
        WaybillError: in one line, for a name without a file, a class that is no callback, or a key that is not allowed.
    """
    return {name: _read(name, values) for name, values in config.get(CALLBACKS, {}).items()}


def _read(name: str, values: Any) -> Callback:
    key = f"{CALLBACKS}.{name}"
    cls = class_of(CALLBACKS, {"name": name})
    if not issubclass(cls, Callback):
        raise WaybillError(f"{key}: {cls.__name__} is no Callback (experiments/callbacks/callback.py)")
    try:
        made: Callback = read_section(cls, key, without_target(values))
    except WaybillError as error:
        line = str(error)
        raise WaybillError(line if line.startswith(CALLBACKS) else f"{key}.{line}") from None
    return made


class Calls:
    """Calls a seed's callbacks; ``step`` and ``evaluation`` return the scalars that they add to the curves."""

    def __init__(self, callbacks: Mapping[str, Callback], run: RunView) -> None:
        self._callbacks, self._run, self._ended = dict(callbacks), run, False
        self._steps = {name: own for name, own in self._callbacks.items() if type(own).step is not Callback.step}

    def begin(self) -> None:
        """Training begins or goes on."""
        for own in self._callbacks.values():
            own.begin(self._run)

    def step(self) -> Tags:
        """A batch step was made."""
        if not self._steps:
            return {}
        return _joined({name: own.step(self._run) for name, own in self._steps.items()}, "step")

    def evaluation(self, evaluation: Evaluation) -> Tags:
        """The validation games were played."""
        answers = {name: own.evaluation(self._run, evaluation) for name, own in self._callbacks.items()}
        return _joined(answers, "evaluation")

    def scalars(self, tags: Tags) -> None:
        """The curves got a point for each tag."""
        for own in self._callbacks.values():
            own.scalars(self._run, tags)

    def checkpoint(self, path: Path) -> None:
        """A checkpoint was written."""
        for own in self._callbacks.values():
            own.checkpoint(self._run, path)

    def end(self, result: Mapping[str, Any] | None) -> None:
        """The run ended; only the first call counts. All callbacks are told, what one raises is said in a line, and
        then raised if there is a result: otherwise another error is on its way."""
        if self._ended:
            return
        self._ended, raised = True, None
        for name, own in self._callbacks.items():
            try:
                own.end(self._run, result)
            except Exception as error:
                raised = raised or error  # the others are told first
                line = f"{type(error).__name__}: {first_line(error)}"
                print(f"note: {CALLBACKS}.{name}: end failed, {line}", file=sys.stderr, flush=True)
        if raised is not None and result is not None:
            raise raised


def _joined(answers: Mapping[str, Tags | None], method: str) -> Tags:
    """The scalars of all callbacks together.

    Raises:
        WaybillError: in one line, if one returned something else.
    """
    found: dict[str, float] = {}
    for name, tags in answers.items():
        for tag, value in _checked(f"{CALLBACKS}.{name}: {method}", {} if tags is None else tags):
            found[tag] = value
    return found


def _checked(where: str, tags: object) -> list[tuple[str, float]]:
    if not isinstance(tags, Mapping):
        raise WaybillError(f"{where} returned {type(tags).__name__}, allowed are a mapping of tags to numbers and None")
    for tag, value in tags.items():
        if not isinstance(tag, str) or not isinstance(value, numbers.Real):
            raise WaybillError(f"{where} returned {tag!r}: {value!r}, allowed are tags (text) with numbers")
    return [(tag, float(value)) for tag, value in tags.items()]
