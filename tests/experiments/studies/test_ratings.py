"""Ratings and who beats whom, from results alone."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from experiments.studies.ratings import rate, win_shares

MAPS = 20


def ladder(names: str, chance: float, maps: int = MAPS) -> dict[tuple[str, str], np.ndarray]:
    """Each beats all that come after it, on most of the maps."""
    rng = np.random.default_rng(1)
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    return {pair: (rng.random(maps) < chance).astype(float) for pair in pairs}


def test_who_wins_always_is_on_top() -> None:
    ratings = rate(ladder("abcd", 1.0))
    assert list(ratings) == ["a", "b", "c", "d"]
    assert ratings["a"].mean > 25 > ratings["d"].mean
    assert all(0 < rating.deviation < 25 / 3 for rating in ratings.values())


def test_ratings_do_not_depend_on_the_order_of_players() -> None:
    results = ladder("abc", 0.7)
    found = rate(results)
    for names in permutations("abc"):
        turned = {}
        for i, a in enumerate(names):
            for b in names[i + 1 :]:
                turned[a, b] = results[a, b] if (a, b) in results else 1.0 - results[b, a]
        again = rate(turned)
        assert list(again) == list(found)
        assert np.array(list(again.values())) == pytest.approx(np.array(list(found.values())))


def test_equal_results_give_equal_ratings() -> None:
    swapped = rate({("a", "b"): np.full(MAPS, 0.5)})
    assert swapped["a"] == pytest.approx(swapped["b"])
    turns = rate({("a", "b"): np.tile([0.0, 1.0], 10)})
    assert turns["a"].mean == pytest.approx(turns["b"].mean, abs=0.5)
    circle = {("a", "b"): np.ones(MAPS), ("b", "c"): np.ones(MAPS), ("c", "a"): np.ones(MAPS)}
    means = [rating.mean for rating in rate(circle).values()]
    assert means == pytest.approx([means[0]] * 3)


def test_more_maps_make_a_rating_surer() -> None:
    few, many = (rate(ladder("ab", 0.7, maps))["a"] for maps in (5, 80))
    assert many.deviation < few.deviation < 25 / 3


def test_wins_are_told_from_both_sides() -> None:
    shares = win_shares({("a", "b"): np.array([1.0, 1.0, 0.5, 0.0])})
    assert shares["a", "b"].mean == 0.625
    assert shares["b", "a"].mean == 0.375
    assert shares["a", "b"].low == pytest.approx(1 - shares["b", "a"].high)
    assert 0 < shares["a", "b"].low < 0.625 < shares["a", "b"].high < 1
