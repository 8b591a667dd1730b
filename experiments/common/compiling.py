"""Says so when compiled loops are compiled: it takes a while, and only the first time on a machine."""

from __future__ import annotations

from numba.core import event

ENGINE_SECONDS = 120
LOOPS_SECONDS = 10


class _FirstCompilation(event.Listener):
    """Prints a line for the engine and one for the agents' loops, when Numba finds no cached code for them."""

    def __init__(self) -> None:
        self._told: set[bool] = set()

    def on_start(self, event: event.Event) -> None:
        engine = event.data["dispatcher"].py_func.__module__.startswith("envs.")
        if engine not in self._told:
            self._told.add(engine)
            what, seconds = ("the engine", ENGINE_SECONDS) if engine else ("the agents' loops", LOOPS_SECONDS)
            print(f"compiling {what} (first time only, about {seconds} s)…", flush=True)

    def on_end(self, event: event.Event) -> None:
        """Nothing to say."""


_LISTENER = _FirstCompilation()


def announce_compilation() -> None:
    """Say from now on why a first call takes so long; nothing is said where compiled code is on disk."""
    event.register("numba:compile", _LISTENER)
