"""Ratings from games between two players at a time: how strong each is, and who beats whom how often.

A result is how many of a map's games each player won against each other: with seats swapped there are two, a draw is
half a win to both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from openskill.models import PlackettLuce

from experiments.common.statistics import Interval, share_interval

Shares = Mapping[tuple[str, str], np.ndarray]  # (a, b) → share of each map's games [maps] that a won against b

ORDERS = 50  # of the maps, each also backwards


class Rating(NamedTuple):
    """A player's strength and its standard deviation; a newcomer has 25 ± 8.3."""

    mean: float
    deviation: float


def both_ways(shares: Shares) -> dict[tuple[str, str], np.ndarray]:
    """The shares of wins with each pair told from both sides."""
    return {**{(b, a): 1.0 - won for (a, b), won in shares.items()}, **shares}


def win_shares(shares: Shares) -> dict[tuple[str, str], Interval]:
    """How often a wins against b, with Wilson's interval: maps count, not games, as the two on a map are much alike."""
    return {pair: share_interval(won) for pair, won in both_ways(shares).items()}


def rate(shares: Shares) -> dict[str, Rating]:
    """Ratings of all players, the strongest first (Plackett-Luce: Weng & Lin 2011, algorithm 4, as openskill has it).

    On each map the players are ranked by the games they won there. Later maps count for more, so the means over many
    orders of the maps are taken; the order of players counts nothing.
    """
    wins = both_ways(shares)
    players = sorted({a for a, _ in wins})
    points = np.stack([sum(won for (a, _), won in wins.items() if a == one) for one in players])  # [players, maps]
    generator, model = np.random.default_rng(0), PlackettLuce()
    found = np.zeros((len(players), 2))
    for _ in range(ORDERS):
        order = generator.permutation(points.shape[1])
        for maps in (order, order[::-1]):
            found += _rated(model, points[:, maps])
    found /= 2 * ORDERS
    rated = {one: Rating(float(mean), float(deviation)) for one, (mean, deviation) in zip(players, found, strict=True)}
    return dict(sorted(rated.items(), key=lambda item: -item[1].mean))


def _rated(model: PlackettLuce, points: np.ndarray) -> np.ndarray:
    """Mean and deviation of each player after all maps, in their order: float64 [players, 2]."""
    teams = [[model.rating()] for _ in points]
    for scores in points.T.tolist():
        teams = model.rate(teams, scores=scores)
    return np.array([[team[0].mu, team[0].sigma] for team in teams])
