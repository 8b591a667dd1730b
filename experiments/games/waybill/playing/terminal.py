"""A person plays in the terminal."""

from __future__ import annotations

from experiments.games.waybill.playing.advisers import PersonsAdvisers
from experiments.games.waybill.playing.session import PlaySession


def play_by_words(session: PlaySession, advisers: PersonsAdvisers) -> None:
    """Play until the game is over."""
