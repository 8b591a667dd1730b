"""Fog: nothing that is hidden from a company reaches what it is shown, and what it may see does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from handmade import NORTH, Play, company, costs_of, dijkstra, hand_level, hand_pool, make_order
from rivalry import Seen, contested, games_of, look, midgame, mixed_orders

from envs.waybill.core.state import EMPTY, EXTRACT, IDLE, PASS, WORKSHOP
from envs.waybill.maps.pool import MapPool

PUBLIC = ("seat", "bankrupt", "public_sales", "public_total", "public_recent")
ACTIONS = ["heuristic", "masked", "buckets", "random_k"]
SIGHT = 8


def known(play: Play) -> np.ndarray:
    """Sites that the company in seat 0 knows, bool [N, sites]."""
    return (company(play.states)["known"][:, None] >> np.arange(play.pool.site_tile.shape[1])) & 1 == 1


def other_rivals(play: Play, states: np.ndarray) -> None:
    """Rivals of other games take the place of the rivals, but for what is public of them."""
    companies = states["companies"]
    for seat in range(1, play.seats):
        public = {name: companies[name][:, seat].copy() for name in PUBLIC}
        companies[:, seat] = np.roll(companies[:, 3 - seat].copy(), 5)
        for name, values in public.items():
            companies[name][:, seat] = values


def other_world(play: Play, states: np.ndarray, rng: np.random.Generator) -> None:
    """Reserves, owners and markets change everywhere: what the company has seen of them, it keeps in its own record."""
    states["reserve"] = rng.integers(0, play.level.reserve, states["reserve"].shape)
    states["owner"] = rng.integers(-1, play.seats, states["owner"].shape)
    states["glut"] = rng.integers(0, 40, states["glut"].shape)
    states["renewed"], states["rng"], states["map_seed"] = 7, 8, 9


def other_sites(play: Play, rng: np.random.Generator) -> MapPool:
    """Sites that seat 0 doesn't know lie elsewhere, with other goods and prices."""
    pool = MapPool(*(array.copy() for array in play.pool))
    for row, site in np.argwhere(~known(play)):
        free = np.setdiff1d(np.flatnonzero(pool.terrain[row] != 3), pool.site_tile[row])
        pool.site_tile[row, site] = rng.choice(free)
        pool.site_travel[row, site] = rng.permutation(pool.site_travel[row, site])
        pool.near[row, site] = rng.permutation(free)[: pool.near.shape[2]]
        if site < play.level.deposits:
            pool.site_good[row, site] = 1 - pool.site_good[row, site]
        pool.site_price[row, site] = rng.integers(0, 30, pool.site_price.shape[2])
    return pool


def same(a: Seen, b: Seen) -> np.ndarray:
    """Games in which all is alike, bool [N]."""
    alike = (a.observations == b.observations).all(1) & (a.mask == b.mask).all(1)
    if a.orders is not None and b.orders is not None:
        alike &= (a.orders == b.orders).all(1)
    return alike


@pytest.mark.parametrize("actions", ACTIONS)
def test_nothing_hidden_is_shown(actions: str) -> None:
    play, rng = midgame(SIGHT), np.random.default_rng(3)
    assert (~known(play)).any(1).mean() > 0.7
    before = look(play, play.states, actions=actions)
    states = play.states.copy()
    other_rivals(play, states)
    other_world(play, states, rng)
    after = look(play, states, actions=actions, pool=other_sites(play, rng))
    assert same(before, after).all()
    assert (states != play.states).all()


def richer_rival(play: Play, states: np.ndarray) -> None:
    states["companies"]["public_total"][:, 1] += 500


def busier_rival(play: Play, states: np.ndarray) -> None:
    states["companies"]["public_sales"][:, 2] += 50


def lately_busy_rival(play: Play, states: np.ndarray) -> None:
    states["companies"]["public_recent"][:, 1] += 100


def fallen_rival(play: Play, states: np.ndarray) -> None:
    states["companies"]["bankrupt"][:, 1] ^= 1


def spent_deposit(play: Play, states: np.ndarray) -> None:
    company(states)["seen_reserve"][:] -= 1


def longer_ago(play: Play, states: np.ndarray) -> None:
    company(states)["seen_turn"][:] -= 1


def taken_deposit(play: Play, states: np.ndarray) -> None:
    company(states)["seen_taken"] ^= 1


def fuller_market(play: Play, states: np.ndarray) -> None:
    company(states)["seen_glut"][:] += 30


def new_site(play: Play, states: np.ndarray) -> None:
    company(states)["known"] |= np.uint32(2 ** play.pool.site_tile.shape[1] - 1)


@pytest.mark.parametrize(
    "change",
    [
        richer_rival, busier_rival, lately_busy_rival, fallen_rival, spent_deposit, longer_ago, taken_deposit,
        fuller_market, new_site,
    ],
)  # fmt: skip
def test_what_may_be_seen_is_shown(change: Callable[[Play, Any], None]) -> None:
    play = midgame(SIGHT)
    states = play.states.copy()
    change(play, states)
    alike = same(look(play, play.states), look(play, states))
    assert not alike[(~known(play)).any(1)].any()


@pytest.mark.parametrize("what", ["tile", "price"])
def test_known_sites_are_shown_as_they_are(what: str) -> None:
    play, rng = midgame(SIGHT), np.random.default_rng(4)
    pool = MapPool(*(array.copy() for array in play.pool))
    if what == "tile":
        pool.site_tile[:, 0] = rng.permutation(pool.site_tile[:, 0])
    else:
        pool.site_price[:, play.level.deposits :] += 3
    moved = (pool.site_tile[:, 0] != play.pool.site_tile[:, 0]) & known(play)[:, 0]
    priced = known(play)[:, play.level.deposits :].any(1)
    alike = same(look(play, play.states), look(play, play.states, pool=pool))
    assert not alike[moved if what == "tile" else priced].any()
    assert (moved if what == "tile" else priced).sum() > 4


def seen_now(state: Any) -> int:
    """The sites that the company in seat 0 sees now, as bits."""
    me, bits = company(state), 0
    for building in me["buildings"][: me["n_slots"]]:
        bits |= int(building["sees"]) * int(building["kind"] != EMPTY)
    for cart in me["carts"][: me["n_carts"]]:
        bits |= int(cart["sees"]) * int(cart["phase"] != IDLE)
    return bits


def test_what_is_out_of_sight_stays_as_it_was_last_seen() -> None:
    """A turn of passing tells of a reserve or a market exactly where the company has something nearby."""
    play = midgame(SIGHT)
    running = (play.states["done"] == 0) & (company(play.states)["bankrupt"] == 0)
    passes, told, kept = np.zeros((len(play.states), play.seats), make_order(PASS).dtype), 0, 0
    for site in range(play.level.deposits + play.level.towns):
        games = [Play(play.level, play.pool, len(play.states)) for _ in range(2)]
        for game in games:
            game.states[:] = play.states
        town = site - play.level.deposits
        if town < 0:
            games[1].states["reserve"][:, site] += 7
        else:
            games[1].states["glut"][:, town] += 60
        for game in games:
            game.step(passes)
        alike = same(*(look(play, game.states) for game in games))
        sees = np.array([seen_now(state) >> site & 1 for state in games[0].states]) == 1
        assert alike[running & ~sees].all()
        told, kept = told + (~alike[running & sees]).sum(), kept + (running & ~sees).sum()
        if town < 0:
            assert not alike[running & sees].any()
    assert told > 10
    assert kept > 10


def test_at_the_start_a_chain_is_known_and_no_more_than_that() -> None:
    """The home town, the nearest deposit of every raw good, the nearest buyer of every good for sale, and the near."""
    play = games_of(contested(sight=1, deposits=6, towns=4, side=14), 24)
    level, pool = play.level, play.pool
    for seat in range(play.seats):
        for i, me in enumerate(company(play.states, seat)):
            home = int(me["home"])
            way = pool.site_travel[i, :, pool.site_tile[i, home]].astype(int)
            want = set(np.flatnonzero(way <= 1).tolist())
            for good in range(len(level.goods)):
                buyers = np.flatnonzero(pool.site_price[i, :, good] > 0)
                want |= {min(buyers.tolist(), key=lambda site: way[site])}
                diggers = np.flatnonzero(pool.site_good[i] == good)
                want |= {min(diggers.tolist(), key=lambda site: way[site])} if len(diggers) else set()
            found = {site for site in range(len(way)) if int(me["known"]) >> site & 1}
            assert found == want
            assert home in found
            assert home >= level.deposits


def test_a_workshop_on_a_hidden_site_fails_and_reveals_it() -> None:
    level = hand_level(rivals=["greedy"], sight=1)
    game = Play(level, hand_pool(level))
    me = game.me
    assert int(me["known"]) == 0b110  # the town and the southern deposit, nearest to it
    game.order(EXTRACT, NORTH)
    assert (int(me["illegal"]), int(me["cash"]), int(me["known"])) == (1, 200, 0b110)
    game.order(WORKSHOP, NORTH)
    assert (int(me["illegal"]), int(me["cash"]), int(me["known"])) == (2, 200, 0b111)
    game.order(EXTRACT, NORTH)
    assert (int(me["illegal"]), int(me["cash"])) == (2, 159)


def test_a_cart_s_road_shows_what_lies_by_it() -> None:
    """Sites that are a detour of at most twice the sight: more than is seen from both ends."""
    play, more = midgame(4), 0
    for state in play.states:
        terrain = play.pool.terrain[state["map"]]
        for me in state["companies"][: play.seats]:
            for cart in me["carts"][: me["n_carts"]]:
                ends = [int(cart[end]) for end in ("leg_from", "leg_to")]
                if cart["sees"] == 0 or cart["phase"] == IDLE or cart["leg_turns"] == 0:
                    continue
                field = dijkstra(terrain, costs_of(play.level), play.level.side, ends[0])
                way = play.pool.site_travel[state["map"]].astype(int)
                want = way[:, ends[0]] + way[:, ends[1]] <= field[ends[1]] + 2 * 4
                assert [int(cart["sees"]) >> site & 1 for site in range(len(way))] == want.tolist()
                more += (want & (way[:, ends].min(1) > 4)).any()
    assert more > 2


def test_without_sight_everything_is_seen_every_turn() -> None:
    play, rng = games_of(contested(sight=0)), np.random.default_rng(2)
    for _ in range(40):
        play.step(mixed_orders(rng, play))
        s, n, towns = play.states, play.level.deposits, play.level.towns
        for seat in range(play.seats):
            me = company(s, seat)
            stands = me["bankrupt"] == 0
            np.testing.assert_array_equal(me["seen_reserve"][stands, :n], s["reserve"][stands, :n])
            taken = (s["owner"] != -1) & (s["owner"] != seat)
            np.testing.assert_array_equal(me["seen_taken"][stands, :n], taken[stands, :n])
            np.testing.assert_array_equal(me["seen_glut"][stands, :towns], s["glut"][stands, :towns])
