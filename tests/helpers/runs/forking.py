"""Starts commands from a process that has imported what all of them import, as that takes seconds each time.

A command still has a process of its own, in which its door is read from the first line, with its own words, folder,
environment and output. What shows only when Python itself starts (installed doors, variables that are read on import,
modules of other people's with the names of ours) needs ``subprocess``.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import random
import runpy
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from hydra.core.plugins import Plugins

ROOT = Path(__file__).resolve().parents[3]
IMPORTED = (
    "hydra.main", "torch.utils.tensorboard", "experiments.runs.train", "experiments.games.evaluate",
    "experiments.games.replay", "experiments.reports.report", "experiments.sharing.share", "experiments.sweeps.launch",
    "experiments.games.gym.domain", "experiments.games.waybill.domain",
)  # fmt: skip
# variables that are read then
ON_IMPORT = ("PYTHON", "NUMBA", "OMP", "MKL", "MPL", "TORCH", "CUDA", "LD_", "WAYBILL_CACHE", "XDG_CACHE")


def run(
    words: Sequence[str], *, cwd: Path, environment: Mapping[str, str], timeout: float
) -> subprocess.CompletedProcess[str]:
    """What ``words``, a door's path or ``-m`` and a module, come to.

    Raises:
        TimeoutError: if they don't within so many seconds; they are killed then.
    """
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder) / "out", Path(folder) / "err"
        asked = {
            "words": list(words),
            "cwd": str(cwd),
            "environment": dict(environment),
            "output": [f"{out}", f"{err}"],
        }
        code = _starter(tuple(sorted(_on_import(environment).items()))).start(asked, timeout)
        return subprocess.CompletedProcess(list(words), code, out.read_text(), err.read_text())


def _on_import(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith(ON_IMPORT)}


class _Starter:
    """The process that forks."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        paths = os.pathsep.join(filter(None, [str(ROOT), variables.get("PYTHONPATH")]))
        others = {name: value for name, value in os.environ.items() if not name.startswith(ON_IMPORT)}
        self._process = subprocess.Popen(
            [sys.executable, "-P", __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0,
            env={**others, **variables, "PYTHONPATH": paths},
        )  # fmt: skip

    def start(self, asked: Mapping[str, Any], timeout: float) -> int:
        """The exit code."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asked).encode() + b"\n")
        pid = self._answer(timeout)
        try:
            return self._answer(timeout)
        except TimeoutError:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            self._answer(timeout)
            raise

    def _answer(self, timeout: float) -> int:
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], timeout)[0]:
            raise TimeoutError(f"no end after {timeout:g} s")
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError("the process that forks commands has ended")
        return int(answer)


@cache
def _starter(variables: tuple[tuple[str, str], ...]) -> _Starter:
    return _Starter(dict(variables))


def serve() -> None:
    """Fork for each line that comes in; a child comes back from here and ends as any Python does."""
    asked, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    for name in IMPORTED:
        importlib.import_module(name)
    Plugins.instance()
    gc.collect()
    gc.freeze()  # memory that is not written to is shared with all children
    while line := asked.readline():
        pid = os.fork()
        if pid == 0:
            asked.close()
            answers.close()
            become(**json.loads(line))
            return
        print(pid, file=answers, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), file=answers, flush=True)


def become(words: list[str], cwd: str, environment: dict[str, str], output: list[str]) -> None:
    """Be the command."""
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    for k, path in enumerate([os.devnull, *output]):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT if k else os.O_RDONLY, 0o600)
        os.dup2(descriptor, k)
        os.close(descriptor)
    random.seed()
    module = words[0] == "-m"
    sys.path.insert(0, cwd if module else str(Path(words[0]).parent))
    sys.argv = words[module:]
    if module:
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(words[0], run_name="__main__")


if __name__ == "__main__":
    serve()
