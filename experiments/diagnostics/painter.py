"""Draws pictures beside training: a process of the lowest priority that takes what the cores have to spare.

    python -m experiments.diagnostics.painter NICE

It reads drawings from its standard input and writes what came of them to its standard output, pickled by the process
that started it. It ends when its input does, so it never outlives a training that is killed.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Mapping
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

from experiments.common.progress import ProgressReport

NICE = 19  # the lowest priority there is
ENDS = 3  # of the process, one after the other without a picture between, before pictures are left out
_END_SECONDS = 5.0  # for the end of a process that closed its output
ROOM = 12  # drawings that may wait before further evaluations are left out: about those of one


class ToDraw(NamedTuple):
    """One picture to be drawn: ``function(**given)`` gives the bytes of a PNG or GIF. Both must be picklable."""

    tag: str
    function: Callable[..., bytes]
    given: Mapping[str, Any]


class Painter:
    """Hands drawings to the process beside training; it is started with the first one.

    Training never ends for want of pictures: where that process can't be started, or ends again and again, a line says
    so, ``gave_up`` becomes true and nothing more is drawn.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._asked: SimpleQueue[bytes | None] = SimpleQueue()  # what the process is still to be given
        self._came: SimpleQueue[tuple[bytes | None, str, bool]] = SimpleQueue()
        self._waiting: deque[_Waiting] = deque()  # in their order
        self._nice, self._ends = NICE, 0  # how often the process has ended since the last picture
        self._told, self.gave_up = False, False
        self.left_out = 0  # evaluations whose pictures nobody asked for, as there was no room

    @property
    def has_room(self) -> bool:
        """False while it is behind: on busy cores a process of the lowest priority gets little."""
        return len(self._waiting) < ROOM

    def draw(self, drawing: ToDraw, deliver: Callable[[bytes], None]) -> None:
        """Have it drawn; ``deliver`` is called with the picture by a later call of this painter's methods."""
        if self.gave_up:
            return
        try:
            job = pickle.dumps((drawing.function, dict(drawing.given)), pickle.HIGHEST_PROTOCOL)
        except MemoryError:
            self._give_up("there is no memory to ask for them")
            return
        self._waiting.append(_Waiting(job, deliver))
        if self._process is None:
            self._restart(NICE)
        else:
            self._asked.put(job)

    def deliver(self) -> None:
        """Hand on the pictures that are there."""
        while self._waiting and self._take(wait=False):
            pass

    def finish(self) -> None:
        """Have all pictures drawn, with training over at full speed, hand them on, and end the process."""
        self.deliver()
        count = len(self._waiting)
        if count:
            self._restart(0)
        with ProgressReport(title="drawing the last pictures", total=count) as report:
            while self._waiting:
                report.update(count - len(self._waiting))
                self._take(wait=True)
        if self.left_out:
            print(f"note: the cores were busy, pictures of {self.left_out} evaluations were left out", flush=True)
        self.close()

    def close(self) -> None:
        """End the process; what is not drawn yet never is."""
        self._waiting.clear()
        self._end()

    def _start(self, nice: int) -> None:
        """Start the process and the threads that speak with it.

        Raises:
            OSError: the system has no more processes, or no memory for one.
            MemoryError: there is no memory in this process.
            RuntimeError: the system has no more threads.
        """
        self._nice = nice
        command = [sys.executable, "-m", "experiments.diagnostics.painter", str(nice)]
        own = {**os.environ, "PYTHONPATH": _path(), "OMP_NUM_THREADS": "1", "MPLBACKEND": "agg"}
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=own)
        self._asked, self._came = SimpleQueue(), SimpleQueue()
        threading.Thread(target=_feed, args=(self._process, self._asked), daemon=True).start()
        threading.Thread(target=_collect, args=(self._process, self._came), daemon=True).start()

    def _restart(self, nice: int) -> None:
        """A new process for all that has not come, if there can be one."""
        self._end()
        try:
            self._start(nice)
        except (OSError, MemoryError, RuntimeError) as error:
            self._give_up(f"the process that draws them can't be started: {str(error) or 'no memory'}")
            return
        for waiting in self._waiting:
            self._asked.put(waiting.job)

    def _give_up(self, why: str) -> None:
        self.gave_up = True
        self.close()
        line = f"note: pictures of the diagnostics are left out from here on, training goes on: {why}"
        print(line, file=sys.stderr, flush=True)

    def _end(self) -> None:
        if self._process is not None:
            self._asked.put(None)
            self._process.terminate()
            self._process.wait()
            self._process = None

    def _take(self, *, wait: bool) -> bool:
        """Hand on the next picture; False if it isn't there."""
        try:
            picture, error, ended = self._came.get(block=wait)
        except Empty:
            return False
        waiting = self._waiting.popleft()
        self._ends = self._ends + 1 if ended else 0
        if self._ends == ENDS:
            self._give_up(f"{error}, {ENDS} times one after the other")
            return True
        if ended:  # over this picture, it seems: another process goes on with those that follow
            self._restart(self._nice)
        if picture is not None:
            waiting.deliver(picture)
        elif not self._told and not self.gave_up:
            self._told = True
            line = f"note: a picture of the diagnostics could not be drawn, training goes on: {error}"
            print(line, file=sys.stderr, flush=True)
        return True


class _Waiting(NamedTuple):
    """What was asked for and has not come: the job as the process gets it, and who gets the picture."""

    job: bytes
    deliver: Callable[[bytes], None]


def _feed(process: subprocess.Popen[bytes], asked: SimpleQueue[bytes | None]) -> None:
    """Give a painter's process what it is asked for: it reads only between two drawings, and nobody waits for that."""
    assert process.stdin is not None
    with contextlib.suppress(OSError, MemoryError), process.stdin as stream:  # it ended: whoever reads from it says so
        while (job := asked.get()) is not None:
            pickle.dump(job, stream)
            stream.flush()


def _path() -> str:
    """Where this process finds its modules, for another one that is to find the same."""
    return os.pathsep.join(entry or os.getcwd() for entry in sys.path)


def _collect(process: subprocess.Popen[bytes], came: SimpleQueue[tuple[bytes | None, str, bool]]) -> None:
    """Put what a painter's process writes into a queue: picture, error, and last that it has ended."""
    assert process.stdout is not None
    with contextlib.suppress(Exception):  # the end, or half a picture
        while True:
            came.put((*pickle.load(process.stdout), False))
    came.put((None, _how_it_ended(process), True))


def _how_it_ended(process: subprocess.Popen[bytes]) -> str:
    try:
        code = process.wait(timeout=_END_SECONDS)
    except subprocess.TimeoutExpired:
        return "the process that draws says nothing that can be read"
    if code < 0:
        return f"the process that draws was ended by signal {-code}"
    return f"the process that draws has ended with exit code {code}"


def main() -> None:
    """Draw what comes in, until nothing does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the training, which ends this process itself
    os.nice(int(sys.argv[1]))
    given, taken = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever a library prints must not come between
    while True:
        try:
            job = pickle.load(given)
        except EOFError:
            return
        try:
            function, arguments = pickle.loads(job)  # here, as sources may have been edited since training began
            answer = (function(**arguments), "")
        except Exception:
            answer = (None, traceback.format_exc(limit=-3).strip().replace("\n", " | "))
        pickle.dump(answer, taken, protocol=pickle.HIGHEST_PROTOCOL)
        taken.flush()


if __name__ == "__main__":
    main()
