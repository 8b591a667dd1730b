"""Callbacks for the tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from experiments.callbacks.callback import Callback, Evaluation, RunView

NOTED: list[tuple[Any, ...]] = []  # (method, seed, env_step, what else)


@dataclass
class Notes(Callback):
    """Notes every call; raises in the method that ``fails`` names."""

    fails: str = ""

    def _note(self, method: str, run: RunView, *more: Any) -> None:
        NOTED.append((method, run.seed, run.env_step, *more))
        if method == self.fails:
            raise ZeroDivisionError(f"in {method}")

    def begin(self, run: RunView) -> None:
        self._note("begin", run)

    def step(self, run: RunView) -> dict[str, float] | None:
        self._note("step", run)
        return {"own/step": run.env_step} if run.env_step % 400 == 0 else None

    def evaluation(self, run: RunView, evaluation: Evaluation) -> dict[str, float]:
        self._note("evaluation", run, evaluation)
        return {"own/weights": float(sum(np.abs(array).sum() for array in run.weights().values()))}

    def scalars(self, run: RunView, tags: Mapping[str, float]) -> None:
        self._note("scalars", run, dict(tags))

    def checkpoint(self, run: RunView, path: Path) -> None:
        assert path.is_file()
        self._note("checkpoint", run, path.name)

    def end(self, run: RunView, result: Mapping[str, Any] | None) -> None:
        self._note("end", run, result)


@dataclass
class Odd(Callback):
    """Returns what is no scalar."""

    answer: str = "text"

    def evaluation(self, run: RunView, evaluation: Evaluation) -> Any:
        return {"text": "word", "mapping": {"own/x": "much"}, "name": {3: 1.0}, "nothing": None}[self.answer]

    def end(self, run: RunView, result: Mapping[str, Any] | None) -> None:
        NOTED.append(("odd ended", run.seed, run.env_step))


@dataclass
class NoCallback:
    """A class that watches nothing."""
