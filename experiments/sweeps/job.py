"""One job of a sweep, in a process of its own: ``python -m experiments.sweeps.job SWEEP/JOB [--threads N] …``.

It runs the frozen config in its folder from the start, or goes on from last.pt. How it fares stands in ``job.json``;
what it prints goes to ``log.txt``: whoever starts it leads its output there. Two processes never work on one job, and
none outlives the one that started it by more than it takes to save.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import socket
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from experiments.common import locks
from experiments.common.door import Parser, door, one_line
from experiments.common.stopping import Interrupted
from experiments.config.keys import as_override
from experiments.sweeps import manifest, order, process
from experiments.sweeps.process import DONE, FAILED, LOG, RECORD, RUNNING, STOPPED
from groundwork import trust
from groundwork.errors import WaybillError

WAIT_SECONDS = 120.0  # for the lock of a predecessor that is saving, or whose machine the file system gives up
ORPHAN_SECONDS = 1.0  # between two looks at whether the parent is alive


def run_job(folder: Path, *, threads: int, keep_last: bool, where: str) -> None:
    """Do what is left to do of the job in ``folder``; ``where`` is noted as the place where it runs.

    Raises:
        WaybillError: in one line, if its config or files are no good, or another process is at it.
        Interrupted: after saving, if asked to stop.
    """
    try:
        with locks.hold(folder / process.LOCK, wait_seconds=WAIT_SECONDS):
            _note_start(folder, where)
            try:
                order.refuse_early(folder)
                _train(folder, threads=threads, keep_last=keep_last)
            except KeyboardInterrupt:
                _note_end(folder, STOPPED, None)
                raise
            except BaseException as error:
                _note_end(folder, FAILED, one_line(error))
                raise
            _note_end(folder, DONE, None)
    except locks.Held as error:
        raise WaybillError(f"{folder}: {error} is at work there") from None


def _train(folder: Path, *, threads: int, keep_last: bool) -> None:
    config = manifest.read_frozen(folder)
    from omegaconf import OmegaConf

    from experiments.config.reading import named_code, read_setup
    from experiments.runs import checkpoints, results, train

    if not all(results.read_result(own) is not None for own in manifest.runs_of(folder, config)):
        as_frozen = dict(config)
        if config.get("threads") is None:
            config["threads"] = threads
        if checkpoints.is_begun(folder):
            train.resume_run(folder, overrides=[as_override("resume", folder), f"threads={config['threads']}"])
        else:
            manifest.need_trust_to_begin(folder, as_frozen, named_code(read_setup(config), reports=True))
            _clear(folder)
            found = manifest.find_job(folder)
            overrides = None if found is None else found[1].overrides
            train.start_run(OmegaConf.create(config), folder=folder, overrides=overrides)
    if not keep_last:
        checkpoints.remove_checkpoints(folder)


def _clear(folder: Path) -> None:
    """Remove what a process left that ended before it saved anything to go on from.

    Raises:
        WaybillError: in one line, if there is a result among it.
    """
    if folder.is_symlink():  # what lies there may be anything
        raise WaybillError(f"{folder} is a link: a job's own folder is needed")
    for result in folder.rglob("result*.json"):
        raise WaybillError(f"{result} is there, but no last.pt to go on from: move it away to run the job anew")
    for path in folder.iterdir():
        if path.name not in (manifest.FROZEN, trust.MARK, process.LOCK, LOG, RECORD):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _note_start(folder: Path, where: str) -> None:
    attempts = process.read_record(folder).get("attempts", 0) + 1
    now = {"pid": os.getpid(), "host": socket.gethostname(), "where": where, "began": time.time()}
    process.write_record(folder, state=RUNNING, attempts=attempts, error=None, **now)
    print(f"--- attempt {attempts}, {time.strftime('%Y-%m-%d %H:%M:%S')}, {where}", flush=True)


def _note_end(folder: Path, state: str, error: str | None) -> None:
    seconds = process.seconds_of(folder)
    process.write_record(folder, state=state, error=error, seconds=seconds)


def _watch(parent: int) -> None:
    """Ask this process to stop once its parent is gone: nobody would know of it."""

    def look() -> None:
        while os.getppid() == parent:
            time.sleep(ORPHAN_SECONDS)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=look, daemon=True).start()


def _arguments(words: Sequence[str]) -> argparse.Namespace:
    parser = Parser(prog="experiments.sweeps.job", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="SWEEP/JOB")
    parser.add_argument("--threads", type=int, default=1, help="where its config leaves them open")
    parser.add_argument("--drop-last", action="store_true", help="remove last.pt when it is done")
    parser.add_argument("--where", default=socket.gethostname(), help="what to note as the place where it runs")
    parser.add_argument("--parent", type=int, help="stop when this process, the parent, is gone")
    return parser.parse_args(words)


@door("job")
def main() -> None:
    """Run the command."""
    arguments = _arguments(sys.argv[1:])
    signal.signal(signal.SIGINT, _stop)  # it may have been started with these ignored, or blocked (as Ray does)
    signal.signal(signal.SIGTERM, _stop)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})
    if arguments.parent is not None:
        _watch(arguments.parent)
    try:
        run_job(arguments.folder, threads=arguments.threads, keep_last=not arguments.drop_last, where=arguments.where)
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):  # all is saved; nothing may interrupt the interpreter's end
            signal.signal(number, signal.SIG_IGN)


def _stop(number: int, frame: object) -> None:
    raise Interrupted("stopped", exit_code=128 + number)


if __name__ == "__main__":
    main()
