"""How old what is known is, and what can have become of it since: columns at the end of rows, where asked for.

What is said of reserves and prices are bounds that hold whatever others did: a deposit out of sight grew back at most,
and was dug at most from the turn on in which an extractor can have stood there; a market was sold to at least nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from envs.waybill.core.jit import jit
from envs.waybill.core.state import EXTRACTOR, HAUL, MAX_BUILDINGS, PASS
from envs.waybill.observation.company import TURNS_SCALE, squash
from envs.waybill.rules.books import building_at, knows, place_at, price_at, site_at

DATED_ENTITY = 3  # of a site: age, least and most reserve; of a rival: its sales of the last turns
DATED_ORDER = 4  # of the source's deposit: age, least and most reserve; the price where it is sold, if nobody sold


@jit
def age_of(s: Any, me: Any, site: Any) -> Any:
    """Turns since the company saw a site; since the game began if it only knows that it is there."""
    return np.int64(s.turn) - max(np.int64(0), np.int64(me.seen_turn[site]))


@jit
def most_reserve(s: Any, me: Any, lv: Any, site: Any) -> Any:
    """The most that a deposit can hold now, in units: what was seen, and what grew back."""
    if me.seen_turn[site] < 0:
        return np.int64(lv.reserve)
    grown = np.int64(s.turn) // np.int64(lv.renew_turns) - np.int64(me.seen_turn[site]) // np.int64(lv.renew_turns)
    return min(np.int64(lv.reserve), np.int64(me.seen_reserve[site]) + grown)


@jit
def least_reserve(s: Any, me: Any, lv: Any, site: Any) -> Any:
    """The least that a deposit can hold now, in units: others may have dug as soon and as fast as rules let them."""
    age = age_of(s, me, site)
    if age == 0 or lv.n_seats == 1:
        return most_reserve(s, me, lv, site)
    if me.seen_turn[site] < 0:
        return np.int64(0)
    lead = np.int64(0) if me.seen_taken[site] != 0 else np.int64(lv.extractor_lead)
    dug = np.int64(lv.dig_rate) * max(np.int64(0), age - lead)
    return max(np.int64(0), np.int64(me.seen_reserve[site]) - dug)


@jit
def highest_price(s: Any, me: Any, pool: Any, lv: Any, town: Any, good: Any) -> Any:
    """The most that a town can pay for a good now, in coins: what it had been sold was forgotten, and nothing added."""
    glut, share = np.int64(me.seen_glut[town, good]), np.int64(lv.market_turns)
    for _ in range(age_of(s, me, np.int64(lv.n_deposits) + town)):
        if glut == 0:
            break
        glut -= (glut + share - 1) // share
    return price_at(s, pool, lv, town, good, glut)


@jit
def date_deposit(s: Any, me: Any, lv: Any, site: Any, x: Any, at: Any) -> None:
    """Age, least and most reserve of a deposit, into three columns."""
    x[at] = squash(TURNS_SCALE * age_of(s, me, site))
    x[at + 1] = np.float64(least_reserve(s, me, lv, site)) / np.float64(lv.reserve)
    x[at + 2] = np.float64(most_reserve(s, me, lv, site)) / np.float64(lv.reserve)


@jit
def date_entities(s: Any, me: Any, lv: Any, entities: Any, count: Any) -> None:
    """The last columns of entity rows [E, Fe], of which the first ``count`` are there."""
    at = entities.shape[1] - DATED_ENTITY
    deposits = np.int64(lv.n_deposits)
    for site in range(deposits + np.int64(lv.n_towns)):
        if site < deposits and knows(me, site):
            date_deposit(s, me, lv, site, entities[site], at)
        elif knows(me, site):
            entities[site, at] = squash(TURNS_SCALE * age_of(s, me, site))
    row = count - np.int64(lv.n_seats) + 1  # rivals come last
    for seat in range(lv.n_seats):
        if seat != me.seat:
            recent = np.float64(s.companies[seat].public_recent)
            entities[row, at] = squash(2.0 * recent / np.float64(lv.start_cash))
            row += 1


@jit
def date_order(s: Any, me: Any, pool: Any, lv: Any, o: Any, top: Any, x: Any) -> None:
    """The last columns of a candidate's row [Fc]; ``top`` is the level's highest price."""
    if o.verb == PASS:
        return
    at, tile = len(x) - DATED_ORDER, np.int64(o.tile)
    b = building_at(me, tile)
    site: Any = site_at(s, me, pool, tile) if b < 0 else -1
    if b >= 0 and me.buildings[b].kind == EXTRACTOR:
        site = np.int64(me.buildings[b].site)
    if 0 <= site < lv.n_deposits:
        date_deposit(s, me, lv, site, x, at)
    if o.verb == HAUL:
        place = place_at(s, me, pool, lv, np.int64(o.target))
        if place >= MAX_BUILDINGS:
            good = np.int64(me.buildings[b].output)
            x[at + 3] = np.float64(highest_price(s, me, pool, lv, place - MAX_BUILDINGS, good)) / top
