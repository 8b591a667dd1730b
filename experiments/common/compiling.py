"""Says so when compiling takes a while: only the first time on a machine."""

from __future__ import annotations

from numba.core import event

# Seconds on one core of a small machine, by function; what takes less than some seconds is not told.
PLAYER_SECONDS = {"play_random": 10, "play_greedy": 15, "plan_seen": 45, "plan_game": 50, "plan_ahead": 50}
PLAYERS = {
    "play_random": "random",
    "play_greedy": "greedy",
    "plan_seen": "planner_seen",
    "plan_game": "planner",
    "plan_ahead": "planner",
}
LOOPS_SECONDS = 15
BELIEFS, BELIEFS_SECONDS = ("draw_beliefs", "follow_beliefs"), 40  # both together


class _Compilation(event.Listener):
    """Prints a line for each player, the agents' loops and the beliefs when Numba finds no code for them on disk."""

    def __init__(self) -> None:
        self._told: set[str] = set()
        self._depth = 0

    def on_start(self, event: event.Event) -> None:
        self._depth += 1
        function = event.data["dispatcher"].py_func
        name, seconds = PLAYERS.get(function.__name__), PLAYER_SECONDS.get(function.__name__, 0)
        if function.__module__.startswith("agents."):
            name, seconds = "agents' loops", LOOPS_SECONDS
        elif function.__name__ in BELIEFS:
            name, seconds = "beliefs of a search", BELIEFS_SECONDS
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
