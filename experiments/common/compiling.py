"""Compiles the engine ahead, on several cores, and says so whenever compiling takes a while: only the first time."""

from __future__ import annotations

from collections.abc import Sequence

from numba.core import event

from envs.waybill.ahead import compile_ahead
from envs.waybill.options import GameOptions
from envs.waybill.players.play import RULE_PLAYERS
from experiments.common.machine import cores
from experiments.common.progress import ProgressReport
from groundwork.compiled_code import is_kept

# Seconds on one core of a small machine, by function; what takes less than some seconds is not told.
PLAYER_SECONDS = {"play_random": 10, "play_greedy": 15, "plan_game": 50, "plan_ahead": 50}
PLAYERS = {"play_random": "random", "play_greedy": "greedy", "plan_game": "planner", "plan_ahead": "planner"}
LOOPS_SECONDS = 15


def compile_engine(options: GameOptions, *, seats: Sequence[int] = (0,)) -> None:
    """Compile what games of these options still lack, and say what the players they are compared with will take."""

    def say(line: str) -> None:
        print(line, flush=True)
        later = [function.__name__ for function in RULE_PLAYERS.values() if not is_kept(function)]
        if later:
            seconds = sum(PLAYER_SECONDS[name] for name in later)
            names = ", ".join(PLAYERS[name] for name in later)
            print(f"later, for the players it is compared with: {names}, about {seconds} s more", flush=True)

    announce_compilation()
    with ProgressReport(title="compiling, %", total=100) as progress:

        def tick(share: float) -> None:
            progress.update(int(100 * share))

        compile_ahead(options, cores=cores(), seats=seats, say=say, tick=tick)


class _Compilation(event.Listener):
    """Prints a line for each player and one for the agents' loops when Numba finds no code for them on disk."""

    def __init__(self) -> None:
        self._told: set[str] = set()
        self._depth = 0

    def on_start(self, event: event.Event) -> None:
        self._depth += 1
        function = event.data["dispatcher"].py_func
        name, seconds = PLAYERS.get(function.__name__), PLAYER_SECONDS.get(function.__name__, 0)
        if function.__module__.startswith("agents."):
            name, seconds = "agents' loops", LOOPS_SECONDS
        if self._depth == 1 and name is not None and name not in self._told:
            self._told.add(name)
            what = f"the player {name}" if name in PLAYERS.values() else f"the {name}"
            print(f"compiling {what} (first time only, about {seconds} s)…", flush=True)

    def on_end(self, event: event.Event) -> None:
        self._depth -= 1


_LISTENER = _Compilation()


def announce_compilation() -> None:
    """Say from now on why a first call takes so long; nothing is said where compiled code is on disk."""
    event.register("numba:compile", _LISTENER)
