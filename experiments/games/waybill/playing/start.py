"""A person plays: from the options of a command to a game in the browser or in the terminal."""

from __future__ import annotations

import secrets
import shlex
import threading
import webbrowser
from collections.abc import Callable

from envs.waybill.core import levels
from envs.waybill.maps.pool import VALIDATION_SEEDS
from experiments.common.stopping import Interrupted
from experiments.config import errors
from experiments.games.waybill.baselines import DEFAULT_LEVEL
from experiments.games.waybill.playing.advisers import PersonsAdvisers, shipped_policy
from experiments.games.waybill.playing.browser.desk import Desk
from experiments.games.waybill.playing.browser.server import GameServer
from experiments.games.waybill.playing.ending import Ending, record_path
from experiments.games.waybill.playing.live import LiveGame
from experiments.games.waybill.playing.opponents import level_against
from experiments.games.waybill.playing.session import PlaySession
from experiments.games.waybill.playing.terminal import play_by_words
from groundwork.errors import WaybillError


def play_game(
    *,
    level: str | None,
    against: list[str] | None,
    seat: int,
    map_seed: int,
    policy: str | None,
    port: int,
    undo: bool,
    open: bool,
    terminal: bool,
    out: str | None,
    device: str,
) -> None:
    """Let a person play one game, save it, and say how it compares.

    ``level`` and ``against`` of None are the usual level and its own rivals; ``policy`` of None is the one that comes
    with the project for that level, if it does.

    Raises:
        WaybillError: in one line, if anything given is no good.
    """
    if not 0 <= map_seed < VALIDATION_SEEDS:
        raise WaybillError(f"--map-seed={map_seed} is not allowed, held-out maps are 0..{VALIDATION_SEEDS - 1}")
    if not 0 <= port < 2**16:
        raise WaybillError(f"--port={port} is not allowed, it must be 0..65535 (0: any that is free)")
    errors.check_device(device)
    path = record_path(out)
    chosen, names = level_against(levels.load_level(DEFAULT_LEVEL if level is None else level), against)
    if not 0 <= seat <= len(names):
        raise WaybillError(f"--seat={seat} is not allowed, level {chosen.name} has the seats 0..{len(names)}")
    session = PlaySession(level=chosen, map_seed=map_seed, seat=seat, names=names, undo=undo, device=device)
    advisers = _advisers(session, policy, device)
    ending = Ending(session, advisers, path=path, device=device)
    if terminal:
        _end(ending, lambda: play_by_words(LiveGame(session, advisers)))
        return
    command = ["python", "play.py", "--level", chosen.name, "--map-seed", str(map_seed)]
    command += [] if against is None else ["--against", *names]
    command += ["--seat", str(seat)] if seat else []
    _serve(LiveGame(session, advisers), ending, port=port, open=open, command=shlex.join(command))


def _advisers(session: PlaySession, policy: str | None, device: str) -> PersonsAdvisers:
    """The advisers with the policy that was asked for; one that only comes with the project must not fit."""
    if policy is not None:
        return PersonsAdvisers(session, policy=policy, device=device)
    shipped = shipped_policy(session.level.name)
    try:
        return PersonsAdvisers(session, policy=shipped, device=device)
    except WaybillError as error:
        if device not in ("auto", "cpu"):  # what was asked for must be there
            raise
        print(f"no policy gives hints: {error}")
        return PersonsAdvisers(session, policy=None, device=device)


def _serve(live: LiveGame, ending: Ending, *, port: int, open: bool, command: str) -> None:
    """Serve the game until Ctrl-C."""
    desk, token = Desk(live, ending, command=command), secrets.token_urlsafe(18)
    server = GameServer(desk, port=port, token=token)
    mine = f"{server.address}#token={token}"
    print(f"play:    {mine}")
    print(f"watch:   {server.address}  (this machine only; Ctrl-C ends the game and saves it)", flush=True)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True).start()
    if open:
        webbrowser.open(mine)

    def until_it_ends() -> None:
        while not live.session.over:
            live.wait_for_change(live.version, 3600.0)

    def until_stopped() -> None:
        print(f"the page stays at {server.address} until Ctrl-C", flush=True)
        threading.Event().wait()

    try:
        _end(ending, until_it_ends, tell=live.note_change)
        until_stopped()
    finally:
        live.close()
        server.shutdown()
        server.server_close()


def _end(ending: Ending, play: Callable[[], None], *, tell: Callable[[], None] | None = None) -> None:
    """Play, then save and compare; Ctrl-C saves what there is and ends the command with one line."""
    try:
        play()
        ending.save()
        for line in ending.lines():
            print(line, flush=True)
            if tell is not None:
                tell()
    except KeyboardInterrupt:
        raise Interrupted(_saved(ending)) from None
    except EOFError:  # nothing more is typed
        print(_saved(ending))


def _saved(ending: Ending) -> str:
    path = ending.save()
    return "stopped, no turn was played" if path is None else f"stopped, the game is saved as {path}"
