"""A thought before acting, on small games whose best play is known."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from agents.acting.plan_search import PlanSearch
from agents.acting.rollouts import play_on
from agents.acting.search import DrawnSearch, LookaheadSettings, Search
from groundwork.errors import WaybillError

TURNS = 4


class Path:
    """A game of four turns, each left (0) or right (1); the way taken has a value, paid at the end.

    As ``Branches`` of N such games; in draw d the way ``ways`` has the value ``worth[d][ways]``.
    """

    def __init__(self, worth: list[dict[tuple[int, ...], float]], games: int = 1) -> None:
        self.worth, self.draws, self.is_exact = worth, len(worth), len(worth) == 1
        self.played: list[list[int]] = [[] for _ in range(games)]
        self.copies: list[list[int]] = []
        self.draw, self.begun, self.followed = 0, 0, 0

    def follow(self) -> None:
        self.followed += 1

    def begin(self, games: np.ndarray, draw: int) -> None:
        self.copies, self.draw = [list(self.played[i]) for i in games], draw
        self.begun += 1

    def step(self, actions: np.ndarray) -> np.ndarray:
        rewards = np.zeros(len(actions))
        for k, (copy, action) in enumerate(zip(self.copies, actions.tolist(), strict=True)):
            if len(copy) < TURNS:
                copy.append(action)
                rewards[k] = self.worth[self.draw].get(tuple(copy), 0.0) if len(copy) == TURNS else 0.0
        return rewards

    @property
    def over(self) -> np.ndarray:
        return np.array([len(copy) == TURNS for copy in self.copies])

    @property
    def seen(self) -> tuple[np.ndarray, np.ndarray]:
        return observed(self.copies)


def observed(ways: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """The turn, and masks: nothing is legal at the end."""
    turn = np.array([[len(way)] for way in ways], np.float32)
    return turn, np.repeat((turn < TURNS).astype(np.int8), 2, axis=1)


class Leftward:
    """A policy that goes left, and expects as much of a state as ``leaf`` says."""

    def __init__(self, leaf: float = 0.0) -> None:
        self.leaf = leaf

    def greedy(self, obs: np.ndarray, mask: np.ndarray) -> np.ndarray:
        return np.zeros(len(obs), np.int64)

    def q_values(self, obs: np.ndarray, mask: np.ndarray) -> np.ndarray:
        return np.where(mask != 0, self.leaf + np.array([0.1, 0.0], np.float32), -np.inf)


def play(search: Search, game: Path) -> list[tuple[int, ...]]:
    """Play all games to their end; the ways taken."""
    for _ in range(TURNS):
        for way, action in zip(game.played, search(*observed(game.played)).tolist(), strict=True):
            way.append(action)
    return [tuple(way) for way in game.played]


def search_of(game: Path, *, turns: int = 40, budget: str = "1", gamma: float = 1.0, leaf: float = 0.0) -> Search:
    kind = PlanSearch if game.is_exact else DrawnSearch
    settings = LookaheadSettings(budget, turns=turns)
    return kind(policy=Leftward(leaf), branches=game, settings=settings, gamma=gamma)


def test_what_does_best_on_average_over_the_draws_is_taken() -> None:
    """To the right pays 9 in one draw and nothing in the other, to the left 5 in both: left, though 9 is the most."""
    left, right = (0, 0, 0, 0), (1, 0, 0, 0)
    game = Path([{left: 5.0, right: 9.0}, {left: 5.0}])
    assert search_of(game, budget="2")(*observed(game.played)).tolist() == [0]
    game = Path([{left: 5.0, right: 9.0}, {left: 5.0, right: 2.0}])
    assert search_of(game, budget="2")(*observed(game.played)).tolist() == [1]


def test_only_draws_that_there_are_are_tried_and_only_so_many() -> None:
    game = Path([{}, {}, {}])
    search_of(game, budget="2")(*observed(game.played))
    assert game.begun == 2
    search_of(game, budget="7")(*observed(game.played))
    assert game.begun == 2 + 3


def test_a_game_that_is_broken_off_counts_what_the_policy_expects_of_it_discounted() -> None:
    """To the right pays 3 after one more turn; broken off before, both are worth the same and the policy decides."""
    worth = {(0, 0, 1, 0): 3.0}
    for turns, expected in ((1, 0), (2, 1)):
        game = Path([worth, worth])
        game.played = [[0, 0]]
        assert search_of(game, turns=turns)(*observed(game.played)).tolist() == [expected]
    game = Path([worth, worth])
    game.played = [[0, 0]]
    search = search_of(game, turns=1, gamma=0.5, leaf=4.0)
    game.begin(np.array([0, 0]), 0)
    found = play_on(search.policy, game, np.array([0, 1]), turns=1, gamma=0.5)
    np.testing.assert_allclose(found, [2.05, 2.05])  # 0.5 · (4 + 0.1)


def test_games_without_a_choice_or_that_are_over_cost_nothing() -> None:
    game = Path([{}, {}], games=2)
    obs, mask = observed(game.played)
    mask[0, 0], mask[1] = 0, 0
    assert search_of(game)(obs, mask).tolist() == [1, 0]
    assert game.begun == 0


def test_the_best_game_found_is_played_to_its_end() -> None:
    """Only all to the right pays much; a turn ahead nothing of it is seen, and so it is with the policy alone."""
    game = Path([{(0, 0, 0, 0): 1.0, (0, 1, 0, 0): 2.0, (0, 1, 1, 0): 3.0, (1, 1, 1, 1): 9.0}])
    assert play(search_of(game), game) == [(0, 1, 1, 0)]  # each turn one other action: 1 → 2 → 3


def test_further_rounds_go_a_turn_deeper() -> None:
    worth = {(0, 0, 0, 0): 1.0, (1, 1, 0, 0): 4.0}
    one, two = Path([worth]), Path([worth])
    assert play(search_of(one, budget="1"), one) == [(0, 0, 0, 0)]
    assert play(search_of(two, budget="2"), two) == [(1, 1, 0, 0)]


def test_no_round_is_played_when_no_turn_is_left() -> None:
    game = Path([{}])
    search_of(game, budget="60")(*observed(game.played))
    assert game.begun == 1 + 2 * (TURNS - 1)  # a look and a trial at each later turn
    game.begun = 0
    search_of(game, budget="10000ms")(*observed(game.played))
    assert game.begun == 1 + 2 * (TURNS - 1)


def test_as_many_rounds_as_turns_with_a_wide_enough_beam_find_the_best_of_all_ways() -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        # Each turn to the right adds its own value: no way hides behind a worse one.
        own = rng.normal(size=TURNS)
        worth = {way: float(np.dot(way, own)) for way in product((0, 1), repeat=TURNS)}
        game = Path([worth])
        (found,) = play(search_of(game, budget="4"), game)
        assert worth[found] == max(worth.values())


def test_what_is_played_is_never_worse_than_the_policy_nor_than_fewer_rounds_found() -> None:
    rng = np.random.default_rng(4)
    for _ in range(40):
        worth = {way: float(rng.normal()) for way in product((0, 1), repeat=TURNS)}
        games = [Path([worth]) for _ in range(2)]
        first, second = (search_of(game, budget=budget) for game, budget in zip(games, "13", strict=True))
        assert isinstance(first, PlanSearch)
        first(*observed([[]]))
        at_first = float(first.plans.rewards.sum())  # what the first decision found
        assert worth[play(search_of(games[0]), games[0])[0]] >= max(at_first, worth[0, 0, 0, 0]) - 1e-9
        assert worth[play(second, games[1])[0]] >= at_first - 1e-9


def test_several_games_are_thought_about_at_once_and_a_new_one_in_a_row_forgets_the_old() -> None:
    worth = {(1, 0, 0, 0): 1.0}
    game = Path([worth], games=3)
    search = search_of(game)
    assert play(search, game) == [(1, 0, 0, 0)] * 3
    assert search(*observed(game.played)).tolist() == [0, 0, 0]  # over
    game.played[1] = []
    assert search(*observed(game.played)).tolist() == [0, 1, 0]


def test_a_budget_of_time_is_kept_and_the_first_round_finished() -> None:
    game = Path([{}] * 8)
    search_of(game, budget="0.000001ms")(*observed(game.played))
    assert game.begun == 1
    search = search_of(game, budget="10000 ms")
    search(*observed(game.played))
    assert game.begun == 1 + 8
    assert search.decisions == 1
    assert 0.0 < search.seconds < 10.0


@pytest.mark.parametrize("budget", ["20s", "", "ms", "0", "0ms", "-3", "1.5", "nan", "65", "1000000"])
def test_a_budget_is_milliseconds_or_whole_rounds(budget: str) -> None:
    with pytest.raises(WaybillError, match="allowed are milliseconds, as 20ms, or a number of rounds, as 4, up to 64"):
        LookaheadSettings(budget)


def test_numbers_out_of_range_are_refused() -> None:
    with pytest.raises(WaybillError, match=r"search-candidates=0 is not in 1\.\.256"):
        LookaheadSettings("4", candidates=0)
    with pytest.raises(WaybillError, match=r"search-turns=0\b"):
        LookaheadSettings("4", turns=0)
