"""Tiny trainings, stopped after so many steps, and what differs between two of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from experiments.common import checkpoint_files
from experiments.common.stopping import StopRequest
from experiments.runs.checkpoints import LAST
from experiments.runs.loop import BatchLoop, make_loop, train
from tiny import tiny_setup


class StopAfter(StopRequest):
    """Asks to stop after so many batch steps."""

    def __init__(self, steps: int) -> None:
        self._left = steps
        super().__init__()

    @property  # type: ignore[override]
    def signal(self) -> int | None:
        self._left -= 1
        return 2 if self._left < 0 else None

    @signal.setter
    def signal(self, value: int | None) -> None: ...


def trained(folder: Path, *overrides: str, stops: tuple[int, ...] = ()) -> dict[str, Any]:
    """last.pt of a training that was interrupted after each of ``stops`` batch steps and resumed."""
    folder.mkdir()
    state = None
    for stop in [*stops, None]:
        setup = tiny_setup(folder.parent, *overrides)
        validation = setup.domain.validation(setup)
        loop = make_loop(setup, validation=validation)
        request = StopRequest() if stop is None else StopAfter(stop)
        try:
            train(setup=setup, folder=folder, loop=loop, validation=validation, state=state, stop=request)
        except KeyboardInterrupt:
            assert stop is not None
        state = checkpoint_files.load_checkpoint(folder / LAST)
    assert state is not None
    assert state["env_step"] >= 1200
    return state


def spoilt(tmp_path: Path, spoil: Callable[[BatchLoop], None], *given: str) -> None:
    """A tiny run, ``tmp_path / "run"``, that is spoilt before its 90th batch step."""
    setup = tiny_setup(tmp_path, *given, "log_every=100000", "evaluation.every=100000")
    validation = setup.domain.validation(setup)
    loop = make_loop(setup, validation=validation)
    assert isinstance(loop, BatchLoop)
    step, calls = loop._step, [0]

    def spoiling(env_step: int) -> int:
        calls[0] += 1
        if calls[0] == 90:
            spoil(loop)
        return step(env_step)

    loop._step = spoiling  # type: ignore[method-assign]
    (tmp_path / "run").mkdir()
    with StopRequest() as stop:
        train(setup=setup, folder=tmp_path / "run", loop=loop, validation=validation, state=None, stop=stop)


def differences(a: Any, b: Any, path: str = "") -> list[str]:
    """Where two nested states differ, wall-clock seconds and in which files segments lie aside."""
    if isinstance(a, dict) and isinstance(b, dict):
        if a.keys() - {"files"} != b.keys() - {"files"}:
            return [f"{path}: {a.keys() ^ b.keys()}"]
        return [
            line
            for key in a
            if key not in ("seconds", "files")
            for line in differences(a[key], b[key], f"{path}.{key}")
        ]
    if isinstance(a, list) and isinstance(b, list):
        pairs = enumerate(zip(a, b, strict=True))
        return [line for i, (x, y) in pairs for line in differences(x, y, f"{path}[{i}]")]
    if isinstance(a, torch.Tensor):
        return [] if torch.equal(a, b) else [path]
    if isinstance(a, np.ndarray):
        return [] if a.dtype == b.dtype and np.array_equal(a, b) else [path]
    return [] if a == b else [f"{path}: {a} != {b}"]
