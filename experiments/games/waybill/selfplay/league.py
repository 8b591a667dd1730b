"""Who else plays in self-play, and how strong all of them are: ratings after every game of a training.

Against snapshots of itself alone a learner may forget what it never meets there, so a league has others, too: rules and
other runs' policies (the idea of Vinyals et al. 2019, without their exploiters). A curve of the share of games won
says little when the rivals grow with the learner; a rating does (Weng & Lin 2011).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from openskill.models import PlackettLuce

LEARNER = "learner"
OLDEST = "oldest"  # of the snapshots that are drawn


class LeagueRatings:
    """Ratings of the learner and of all that it meets; a newcomer has 25 ± 8.3, a snapshot what the learner had.

    Ratings move with every game (Plackett-Luce as openskill has it: Weng & Lin 2011, algorithm 4), so early ones are
    not comparable with late ones, but at every time the differences between players are.
    """

    def __init__(self) -> None:
        self._model = PlackettLuce()
        self._found = {LEARNER: self._model.rating()}

    def __getitem__(self, player: str) -> float:
        """A player's rating; that of a newcomer, if it hasn't played yet."""
        return float(self._of(player).mu)

    def _of(self, player: str) -> Any:
        return self._found[player] if player in self._found else self._model.rating()

    def enter(self, player: str) -> None:
        """A snapshot of the learner comes in."""
        own = self._found[LEARNER]
        self._found[player] = self._model.rating(mu=own.mu, sigma=own.sigma)

    def keep(self, players: Collection[str]) -> None:
        """Forget all but these and the learner."""
        self._found = {name: found for name, found in self._found.items() if name in players or name == LEARNER}

    def add(self, players: Sequence[str], standing: Sequence[float]) -> None:
        """Take in one game: who sat in its seats, and what each had at the end.

        Who sat in several seats moves by the mean of what they say.
        """
        rated = self._model.rate([[self._of(player)] for player in players], scores=[float(x) for x in standing])
        for player in dict.fromkeys(players):
            found = [team[0] for team, name in zip(rated, players, strict=True) if name == player]
            mean, deviation = (float(np.mean([getattr(one, part) for one in found])) for part in ("mu", "sigma"))
            self._found[player] = self._model.rating(mu=mean, sigma=deviation)

    def state_dict(self) -> dict[str, tuple[float, float]]:
        """Mean and deviation of each player."""
        return {name: (float(found.mu), float(found.sigma)) for name, found in self._found.items()}

    def load_state_dict(self, state: Mapping[str, Sequence[float]]) -> None:
        """Go on from a ``state_dict``."""
        self._found = {name: self._model.rating(mu=mean, sigma=sigma) for name, (mean, sigma) in state.items()}


def final_standing(companies: np.ndarray) -> np.ndarray:
    """What decides games that ended, int64 [N, E], of companies [N, E], the learner's first.

    It is the cash of those that stand; bankrupt ones are equal, below all others. A training game ends early when the
    learner is bankrupt: then nothing is known of the others but that they outlived it.
    """
    cash, bankrupt = companies["cash"].astype(np.int64), companies["bankrupt"] != 0
    standing = np.where(bankrupt, -1, cash)
    return np.where(bankrupt[:, :1], np.where(bankrupt, -1, 0), standing)
