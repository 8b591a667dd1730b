"""Small games to be played: sessions on short levels, in every seat, and a server for one."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from envs.waybill.core import levels
from envs.waybill.core.levels import LevelConfig
from experiments.games.waybill.arena import PolicySeat
from experiments.games.waybill.playing.advisers import PersonsAdvisers
from experiments.games.waybill.playing.browser.desk import Desk
from experiments.games.waybill.playing.browser.requests import TOKEN_HEADER
from experiments.games.waybill.playing.browser.server import GameServer
from experiments.games.waybill.playing.ending import Ending
from experiments.games.waybill.playing.live import LiveGame
from experiments.games.waybill.playing.session import PlaySession

TOKEN = "the-secret"
SHORT = {name: replace(levels.load_level(name), horizon=24) for name in ("haul", "refine", "chain", "rivals", "fog")}


def session_on(
    level: str | LevelConfig = "haul", *, seat: int = 0, undo: bool = False, map_seed: int = 0
) -> PlaySession:
    chosen = SHORT[level] if isinstance(level, str) else level
    return PlaySession(level=chosen, map_seed=map_seed, seat=seat, names=chosen.rivals, undo=undo)


def advised(session: PlaySession, policy: str | None = None) -> PersonsAdvisers:
    return PersonsAdvisers(session, policy=policy, device="cpu")


def break_policy(seat: PolicySeat, *, after: int = 0) -> None:
    """From now on a policy raises, as one with a part of the user's own may, once it has acted so many times."""
    acts, q_values, asked = seat._act, seat.policy.q_values, [0]

    def breaks(function: Any, count: int) -> Any:
        def asks(*given: Any) -> Any:
            asked[0] += count
            if asked[0] > after:
                raise RuntimeError("the network is broken")
            return function(*given)

        return asks

    seat._act, seat.policy = breaks(acts, 1), seat.policy._replace(q_values=breaks(q_values, 0))


class Browser:
    """Asks a server as its page does; headers can be others, or left out by None."""

    def __init__(self, server: GameServer) -> None:
        self.server, self.port = server, server.server_address[1]
        self.live = server.desk._live

    def ask(self, method: str, path: str, body: bytes | str | None = None, **headers: str | None) -> tuple[int, Any]:
        """(status, JSON or text)."""
        usual = {"Host": f"127.0.0.1:{self.port}"}
        if method == "POST":
            usual |= {
                "Origin": f"http://127.0.0.1:{self.port}",
                TOKEN_HEADER: TOKEN,
                "Content-Type": "application/json",
            }
            usual["Content-Length"] = str(len(body or b""))
        given = usual | {name.replace("_", "-"): value for name, value in headers.items()}  # type: ignore[dict-item]
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in given.items():
            if value is not None:
                connection.putheader(name, value)
        connection.endheaders(body.encode() if isinstance(body, str) else body)
        answer = connection.getresponse()
        text = answer.read().decode()
        self.headers = dict(answer.getheaders())
        connection.close()
        return answer.status, json.loads(text) if text and "json" in self.headers.get("Content-Type", "") else text

    def post(self, path: str, **fields: Any) -> tuple[int, Any]:
        """A wish of who plays."""
        return self.ask("POST", path, json.dumps(fields))


@contextmanager
def served(session: PlaySession, folder: Path, *, policy: str | None = None, pace: float = 0.0) -> Iterator[Browser]:
    """A server for a game."""
    advisers = advised(session, policy)
    live = LiveGame(session, advisers, pace=pace)
    ending = Ending(session, advisers, path=folder / "played.jsonl", device="cpu")
    server = GameServer(Desk(live, ending, command="python play.py"), port=0, token=TOKEN)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield Browser(server)
    finally:
        live.close()
        server.shutdown()
        server.server_close()
