"""Players, and what they say of the levels: room between them, no money from nothing, no one opening for all maps."""

from __future__ import annotations

import dataclasses
from functools import cache

import numpy as np
import pytest
from handmade import Play, company, random_orders
from proofs import some_as_proofs

from envs.waybill import record
from envs.waybill.core import levels
from envs.waybill.core.levels import LevelConfig
from envs.waybill.core.state import EXTRACT, HAUL, PASS, SALES, VERBS
from envs.waybill.maps.pool import VALIDATION_SEEDS, make_pool
from envs.waybill.players.play import RULE_PLAYERS, PlayedGames, play_games

LEVELS = levels.names()
ALONE = [name for name in LEVELS if not levels.load_level(name).rivals]
LONG = (
    "planner chain",
    "planner fog",
    "planner rivals",
    "planner_seen chain",
    "planner_seen fog",
    "planner_seen rivals",
)
GAMES = [
    pytest.param(player, name, marks=[pytest.mark.proof] if f"{player} {name}" in LONG else [], id=f"{player}-{name}")
    for player in RULE_PLAYERS
    for name in LEVELS
]
MAPS = {"haul": 12}  # the planner takes longer on the other levels


def seeds(name: str) -> np.ndarray:
    return VALIDATION_SEEDS + np.arange(MAPS.get(name, 4), dtype=np.uint64)


@cache
def played(player: str, name: str, short: int = 0) -> PlayedGames:
    """A player's games on the maps of ``seeds``, each player's only once."""
    level = levels.load_level(name)
    return play_games(player, level, seeds(name)[: short or None], seed=3)


def replayed(level: LevelConfig, maps: np.ndarray, games: PlayedGames) -> np.ndarray:
    """The states [N] after the noted orders were given again, with the rivals' own."""
    ends = []
    for i, length in enumerate(games.length):
        game = {"level": level, "map_seed": int(maps[i]), "game_seed": 3 + i}
        orders = record.all_seats_orders(**game, orders=games.orders[i, :length])
        ends.append(list(record.play_orders(**game, orders=orders))[-1])
    return np.concatenate(ends)


def test_more_effort_never_does_worse_and_often_better() -> None:
    level = dataclasses.replace(levels.load_level("chain"), horizon=45)
    found = [
        play_games("planner", dataclasses.replace(level, planner_effort=n), seeds("chain")).score for n in (1, 2, 3)
    ]
    assert (found[0] <= found[1]).all()
    assert (found[1] <= found[2]).all()
    assert found[0].sum() < found[2].sum()


@pytest.mark.parametrize("name", some_as_proofs(ALONE, ["chain"]))
def test_there_is_clear_room_between_the_players(name: str) -> None:
    level = levels.load_level(name)
    random, greedy, planner = (played(player, name).score for player in ("random", "greedy", "planner"))
    assert random.mean() < greedy.mean() / 2
    assert greedy.mean() > level.start_cash
    assert (greedy > random).mean() > 0.7
    assert (planner > random).all()
    assert (planner >= greedy).all()
    assert planner.mean() > 1.05 * greedy.mean()


@pytest.mark.parametrize("name", ALONE)
def test_the_careless_go_bankrupt_and_the_careful_do_not(name: str) -> None:
    games = play_games("random", levels.load_level(name), np.arange(2**31, 2**31 + 100, dtype=np.uint64), seed=5)
    assert games.bankrupt.mean() > 0.25
    assert (games.score[games.bankrupt] < -levels.load_level(name).start_cash).all()
    assert (games.length[games.bankrupt] <= levels.load_level(name).horizon).all()
    for player in ("greedy", "planner"):
        assert not played(player, name).bankrupt.any()
        assert (played(player, name).length == levels.load_level(name).horizon).all()


@pytest.mark.parametrize(("player", "name"), GAMES)
def test_the_noted_orders_give_the_score(player: str, name: str) -> None:
    level, games = levels.load_level(name), played(player, name)
    again = replayed(level, seeds(name), games)
    me = company(again)
    np.testing.assert_array_equal(me["cash"].astype(int) - level.start_cash, games.score)
    np.testing.assert_array_equal(me["bankrupt"] != 0, games.bankrupt)
    np.testing.assert_array_equal(again["turn"], games.length)
    assert (me["illegal"] == 0).all() or level.rivals  # of two that want the same, one comes too late
    np.testing.assert_array_equal(me["orders"].sum(1) + me["illegal"], games.length)


@pytest.mark.parametrize(("player", "name"), GAMES)
def test_a_game_depends_on_map_and_seed_only(player: str, name: str) -> None:
    games, level = played(player, name), levels.load_level(name)
    again = play_games(player, level, seeds(name)[:2], seed=3, threads=1)
    np.testing.assert_array_equal(again.score, games.score[:2])
    np.testing.assert_array_equal(again.orders, games.orders[:2])
    if player == "random":
        other = play_games(player, level, seeds(name), seed=4)
        assert (other.orders != games.orders).any(1).all()


def test_progress_is_told_game_by_game() -> None:
    told: list[tuple[int, int]] = []
    play_games("greedy", levels.load_level("haul"), np.arange(3), progress=lambda done, of: told.append((done, of)))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_an_unknown_player_is_one_line() -> None:
    with pytest.raises(ValueError, match=r"^unknown player 'gredy', known are random, greedy, planner_seen, planner$"):
        play_games("gredy", levels.load_level("haul"), np.arange(1))


@pytest.mark.parametrize("name", LEVELS)
def test_no_loop_of_orders_makes_money_where_nobody_buys(name: str) -> None:
    level, rng = dataclasses.replace(levels.load_level(name), start_cash=3000), np.random.default_rng(6)
    pool = make_pool(level.record(), np.arange(24))
    sold = Play(level, pool, 24)
    free = Play(level, pool._replace(site_price=np.zeros_like(pool.site_price)), 24)
    for game in (sold, free):
        cash = company(game.states)["cash"].copy()
        for _ in range(level.horizon):
            game.step(random_orders(rng, game, (PASS,) * 3 + tuple(range(len(VERBS))) + (HAUL,) * 3, tries=48))
            if game is free:
                assert (company(game.states)["cash"] <= level.start_cash).all()
                spent = company(game.states)["orders"][:, 1:4].sum(1) > 0
                assert (company(game.states)["cash"][spent] < level.start_cash).all()
            cash = company(game.states)["cash"].copy()
        assert (cash <= level.start_cash + company(game.states)["cash_ledger"][:, SALES]).all()
    assert (company(free.states)["cash_ledger"][:, SALES] == 0).all()
    assert company(sold.states)["cash_ledger"][:, SALES].sum() > 0  # the same play does sell where somebody buys
    assert (company(free.states)["orders"].sum(0) > 0)[[EXTRACT, 4]].all()


def openings(name: str) -> tuple[list[int], list[int]]:
    """The planner's first deposit on each map: its number, and its rank by the way to the nearest town."""
    level, games = levels.load_level(name), played("planner", name)
    pool = make_pool(level.record(), seeds(name))
    numbers, ranks = [], []
    for m, orders in enumerate(games.orders):
        first = int(orders["tile"][orders["verb"] == EXTRACT][0])
        deposits = pool.site_tile[m, : level.deposits].tolist()
        way = pool.site_travel[m, level.deposits :][:, deposits].min(0)
        numbers.append(deposits.index(first))
        ranks.append(int((way < way[numbers[-1]]).sum()))
    return numbers, ranks


@pytest.mark.parametrize("name", some_as_proofs(LEVELS, ["rivals", "fog"]))
def test_no_single_opening_is_best_on_every_map(name: str) -> None:
    numbers, ranks = openings(name)
    assert len(set(numbers)) > 1
    assert len(set(ranks)) > 1  # nor is "the deposit nearest to a town"
    games = played("planner", name)
    made = {tuple(orders["verb"][:16].tolist()) for orders in games.orders}
    assert len(made) > 1
