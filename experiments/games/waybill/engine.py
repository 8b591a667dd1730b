"""Compiles the engine ahead of a run's first games, on several cores, and says so."""

from __future__ import annotations

from collections.abc import Sequence

from envs.waybill.ahead import compile_ahead
from envs.waybill.options import GameOptions
from envs.waybill.players.play import RULE_PLAYERS
from experiments.common.compiling import PLAYER_SECONDS, PLAYERS, announce_compilation
from experiments.common.machine import cores
from experiments.common.progress import ProgressReport
from groundwork.compiled_code import is_kept


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
