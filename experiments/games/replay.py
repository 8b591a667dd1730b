"""Shows a game, whatever kind it is: of a run folder, of a player, or a saved one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from experiments.config import reading
from experiments.games.waybill.replay import refuse_seed


def watch_game(target: str, *, seed: int | None, **options: Any) -> None:
    """Show one game of a run folder, a player or a saved game; prints what it wrote.

    ``options`` are those of ``games.waybill.replay.replay_game``; ``seed`` is the episode's where games have no maps.

    Raises:
        WaybillError: in one line, if anything given is no good.
    """
    folder = Path(target)
    if folder.is_dir():
        setup = reading.read_run(folder)
        setup.domain.replay(setup, folder, seed=seed, **options)
        return
    from experiments.games.waybill.replay import replay_game

    refuse_seed(seed)
    replay_game(target, **options)
