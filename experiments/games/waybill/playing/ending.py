"""The end of a person's game: its record, beside what others come to on the same map, and what to type next."""

from __future__ import annotations

import os
import shlex
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from experiments.games.waybill.arena import Arena
from experiments.games.waybill.playing.advisers import BY_GREEDY, BY_PLANNER, PersonsAdvisers
from experiments.games.waybill.playing.failures import told_in_one_line
from experiments.games.waybill.playing.session import GAME_SEED, PlaySession
from groundwork.errors import WaybillError

USUAL = "played.jsonl"


def record_path(out: str | None) -> Path:
    """Where a game will be saved: where it was said, else at a name that is free.

    Raises:
        WaybillError: if there is no such folder, or a file already.
    """
    path = Path(USUAL if out is None else out)
    if not path.parent.is_dir():
        raise WaybillError(f"--out={out}: there is no folder {str(path.parent)!r}")
    if out is not None and path.exists():
        raise WaybillError(f"--out={out} is there already, a game is never written over another one")
    return path


class Ending:
    """Saves the game once and compares it, in a thread of its own: a planner may take minutes.

    Args:
        path: where to save it; if a file is there by then, at the next free name.
    """

    def __init__(self, session: PlaySession, advisers: PersonsAdvisers, *, path: Path, device: str) -> None:
        self._session, self._advisers, self._path, self._device = session, advisers, path, device
        self._lock, self._rows = threading.Lock(), dict[str, int]()
        self._failed: dict[str, str] = {}  # whose game could not be played → why, in one line
        self.saved: Path | None = None

    def save(self) -> Path | None:
        """Save the game if a turn was played, never over another file; the same path when asked again."""
        with self._lock:
            if self.saved is None and self._session.turn > 0:
                self.saved = self._write()
            return self.saved

    def _write(self) -> Path:
        whole = self._path.with_name(f".{self._path.name}.{os.getpid()}.part")
        self._session.game().save(whole)
        try:
            for path in _names_beside(self._path):
                try:
                    os.link(whole, path)  # fails if there is one, so two games cannot meet
                except FileExistsError:
                    continue
                return path
        finally:
            whole.unlink(missing_ok=True)
        raise AssertionError("there is always a free name")

    # --- comparing -----------------------------------------------------------------------------------------------
    def others(self) -> dict[str, str]:
        """Who is compared with the person: name → rule or run folder."""
        folder = self._advisers.policy_folder
        policy = {} if folder is None else {f"policy {self._advisers.policy_name}": folder}
        return {BY_GREEDY: BY_GREEDY, **policy, BY_PLANNER: BY_PLANNER}

    def compare(self) -> Iterator[tuple[str, int | str]]:
        """(name, score) of each of the others in the person's seat, as soon as it is known; a line of who fails."""
        session = self._session
        arena = Arena(
            level=session.level, first=session.map_seed, maps=1, device=self._device, seed=GAME_SEED - session.map_seed
        )
        for name, player in self.others().items():
            try:
                with told_in_one_line(name):
                    cash = arena.play(self._seated(player)).cash
            except WaybillError as error:
                self._failed[name] = str(error)
                yield name, self._failed[name]
                continue
            self._rows[name] = score = int(cash[0, session.seat]) - session.level.start_cash
            yield name, score

    def _seated(self, player: str) -> list[str]:
        """The players by the game's own seats, with this one in the person's."""
        seat, names = self._session.seat, [*self._session.others.names]
        shown = [player, *names]
        shown[0], shown[seat] = shown[seat], shown[0]
        return shown

    def told(self) -> dict[str, Any]:
        """The table so far as JSON; a score that is not known yet is null, of who failed a line."""
        rows: list[tuple[str, int | str | None]] = [(self._session.player, self._session.score)]
        rows += [(name, self._rows.get(name, self._failed.get(name))) for name in self.others()]
        return {
            "saved": None if self.saved is None else str(self.saved),
            "rows": rows,
            "complete": all(score is not None for _, score in rows),
            "next": self.next_commands(),
        }

    def next_commands(self) -> list[str]:
        """What to type next."""
        session = self._session
        again = ["python", "play.py", "--level", session.level.name, "--map-seed", str(session.map_seed + 1)]
        if session.others.names and session.others.names != list(session.level.rivals):
            again += ["--against", *session.others.names]
        found = [again]
        if self.saved is not None:
            page = str(self.saved.with_suffix(".html"))
            found.insert(0, ["python", "replay.py", str(self.saved), "--format", "html", "--out", page])
        return [shlex.join(words) for words in found]

    def lines(self) -> Iterator[str]:
        """The table as lines of text, each as soon as it is known, then where the game is and what to type next."""
        session = self._session
        names = [session.player, *self.others()]
        width = max(map(len, names))
        yield f"{session.level.name}, map {session.map_seed}" + (
            f", against {', '.join(session.others.names)}" if session.others.names else ""
        )
        yield f"  {session.player:<{width}} {session.score:>8,}"
        for name, score in self.compare():
            yield f"  {name:<{width}} {score:>8,}" if isinstance(score, int) else f"  {score}"
        if self.saved is not None:
            yield f"record:  {self.saved}"
        for command in self.next_commands():
            yield f"next:    {command}"


def _names_beside(path: Path) -> Iterator[Path]:
    yield path
    number = 2
    while True:
        yield path.with_name(f"{path.stem}-{number}{path.suffix}")
        number += 1
