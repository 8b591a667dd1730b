"""The game state: one fixed-size NumPy record, and the orders that change it.

A state is a record of a few KB that serves every level (capacities are those of the largest level, counts in the level
record bound the loops). Cloning a game is one assignment (``b[0] = a[0]``), saving it is ``state.tobytes()``. Some
fields are wider than they need to be, so that there are no gaps between them, which NumPy does not copy.

The world (deposits, markets) is kept once, each company in its seat: ``state.companies[seat]``. What a company knows of
the world is in its own record (``known``, ``seen_*``), so whoever decides or observes for it needs no other one.

Units: goods in whole units, cash in whole coins, time in turns, distances in travel units (half tile costs, see
``maps/pool.py``). Tiles are flat row-major indices ``row * side + column``; -1 means "no tile", "no site", "no good".
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

# --- capacities: every level must fit into these ------------------------------------------------------------------
MAX_SIDE = 32
MAX_DEPOSITS = 16
MAX_TOWNS = 8
MAX_BUILDINGS = 16
MAX_CARTS = 16
MAX_GOODS = 8
MAX_RECIPES = 4
MAX_INPUTS = 2
MAX_CANDIDATES = 256
MAX_SEATS = 4

# --- verbs, in the order of the flat action space ----------------------------------------------------------------
PASS, EXTRACT, WORKSHOP, HAUL, DISMANTLE = range(5)
VERBS = ("pass", "extract", "workshop", "haul", "dismantle")
NEW_CART = -1
NOBODY = -1

# --- who decides for a seat: somebody outside the engine, or a rule -----------------------------------------------
OUTSIDE, RANDOM, GREEDY, PLANNER = range(4)
SCRIPTS = ("outside", "random", "greedy", "planner")

# --- what stands on a tile ---------------------------------------------------------------------------------------
EMPTY, EXTRACTOR, WORKS = range(3)
PLAIN, FOREST, HILL, WATER = range(4)
TERRAINS = ("plain", "forest", "hill", "water")

# --- what a cart does --------------------------------------------------------------------------------------------
NO_CART, IDLE, TO_SOURCE, LOADING, TO_TARGET, UNLOADING = range(6)
CART_PHASES = ("none", "idle", "to source", "loading", "to target", "unloading")

# --- the double-entry ledger: accounts that cash and goods come from or go to ---------------------------------------
CASH_ACCOUNTS = ("capital", "sales", "extractors", "workshops", "carts", "upkeep", "refunds")
CAPITAL, SALES, EXTRACTORS, WORKSHOPS, CARTS, UPKEEP, REFUNDS = range(7)
GOODS_ACCOUNTS = ("dug", "consumed", "produced", "sold", "lost")
DUG, CONSUMED, PRODUCED, SOLD, LOST = range(5)

# --- the stages of the supply chain, first turn reached is kept in the state (the funnel) ---------------------------
STAGES = ("extractor", "dig", "workshop", "deliver", "refine", "sell")
STAGE_EXTRACTOR, STAGE_DIG, STAGE_WORKSHOP, STAGE_DELIVER, STAGE_REFINE, STAGE_SELL = range(6)

ORDER = np.dtype(
    [
        ("verb", "i1"),
        ("recipe", "i1"),  # WORKSHOP only
        ("cart", "i1"),  # HAUL only; NEW_CART buys one
        ("tile", "i2"),  # where to build or dismantle; HAUL: the source
        ("target", "i2"),  # HAUL only: the destination
    ],
    align=True,
)

BUILDING = np.dtype(
    [
        ("kind", "i1"),  # EMPTY, EXTRACTOR or WORKS
        ("recipe", "i1"),  # WORKS: its recipe
        ("site", "i1"),  # EXTRACTOR: its deposit
        ("output", "i1"),  # the good it gives
        ("ready_in", "i4"),  # turns of building work left
        ("sees", "u4"),  # sites within sight, one bit each
        ("tile", "i2"),
        ("stock", "i2"),  # units of the output good
        ("inputs", "i2", (MAX_INPUTS,)),  # WORKS: units of each input good
        ("travel", "u2", (MAX_BUILDINGS,)),  # travel units to each other building, kept on both sides
    ],
    align=True,
)

CART = np.dtype(
    [
        ("phase", "i1"),
        ("source", "i1"),  # building slot
        ("target", "i1"),  # place: building slot, or MAX_BUILDINGS + town
        ("good", "i1"),
        ("load", "i2"),
        ("route", "i2"),  # turns from source to target
        ("leg_from", "i2"),  # tile
        ("leg_to", "i2"),  # tile
        ("leg_turns", "i2"),  # of the whole leg
        ("leg_left", "i2"),  # still to drive: more than the whole leg before its start, see rules/orders.py
        ("sees", "u4"),  # sites within sight of its road, one bit each, once it has driven it
    ],
    align=True,
)

COMPANY = np.dtype(
    [
        ("key", "u8"),  # of its own random draws, ties among them
        ("seat", "i1"),
        ("home", "i1"),  # the town (site) where it was founded
        ("bankrupt", "i2"),
        ("cash", "i4"),
        ("cash_tm1", "i4"),  # cash before this turn's order
        ("sales", "i4"),  # coins taken in the last turn
        ("public_sales", "i4"),  # what others know of it: one turn late
        ("public_total", "i4"),  # all sales known to others
        (
            "public_recent",
            "i8",
        ),  # those of the last turns, an eighth is forgotten each turn; i8: no padding
        ("n_carts", "i4"),
        ("n_slots", "i4"),  # building slots ever used: the bound of loops over buildings
        ("illegal", "i2"),
        ("orders", "i2", (len(VERBS),)),  # legal orders given, by verb
        ("stage_turn", "i2", (len(STAGES),)),  # first turn that reached the stage, -1 before
        ("made_turn", "i2", (MAX_GOODS,)),  # first turn that gave a unit of the good, -1 before
        ("workshops", "i2", (MAX_RECIPES,)),  # ever built, by recipe
        ("known", "u4"),  # sites it has ever seen, one bit each
        ("seen_reserve", "i2", (MAX_DEPOSITS,)),  # as it last saw them
        ("seen_taken", "i1", (MAX_DEPOSITS,)),  # by another company
        ("seen_turn", "i2", (MAX_DEPOSITS + MAX_TOWNS,)),  # when it last saw a site, -1 before
        ("seen_glut", "i4", (MAX_TOWNS, MAX_GOODS)),
        ("cash_ledger", "i4", (len(CASH_ACCOUNTS),)),
        ("goods_ledger", "i4", (MAX_GOODS, len(GOODS_ACCOUNTS))),
        ("buildings", BUILDING, (MAX_BUILDINGS,)),
        ("carts", CART, (MAX_CARTS,)),
    ],
    align=True,
)

STATE = np.dtype(
    [
        ("rng", "u8"),
        ("map_seed", "u8"),
        ("map", "i4"),  # row of the map pool
        ("turn", "i2"),
        ("done", "i2"),
        ("reserve", "i2", (MAX_DEPOSITS,)),
        ("renewed", "i4", (MAX_DEPOSITS,)),
        ("owner", "i1", (MAX_DEPOSITS,)),  # seat whose extractor stands there, NOBODY
        ("glut", "i4", (MAX_TOWNS, MAX_GOODS)),  # units sold and not yet forgotten by the market
        ("companies", COMPANY, (MAX_SEATS,)),
    ],
    align=True,
)

RECIPE = np.dtype(
    [
        ("n_inputs", "i1"),
        ("output", "i1"),
        ("output_units", "i2"),
        ("inputs", "i1", (MAX_INPUTS,)),
        ("input_units", "i2", (MAX_INPUTS,)),
    ],
    align=True,
)

LEVEL = np.dtype(
    [
        ("side", "i2"),
        ("n_deposits", "i2"),
        ("n_towns", "i2"),
        ("n_goods", "i2"),
        ("n_raw", "i2"),
        ("n_recipes", "i2"),
        ("n_seats", "i2"),
        ("sight", "i2"),  # travel units; 0: everything is seen
        ("max_buildings", "i2"),
        ("max_carts", "i2"),
        ("horizon", "i2"),
        ("start_cash", "i4"),
        ("extractor_cost", "i4"),
        ("extractor_lead", "i2"),
        ("extractor_upkeep", "i2"),
        ("workshop_cost", "i4"),
        ("workshop_lead", "i2"),
        ("workshop_upkeep", "i2"),
        ("cart_cost", "i4"),
        ("cart_upkeep", "i2"),
        ("cart_capacity", "i2"),
        ("cart_speed", "i2"),  # travel units a turn
        ("refund_percent", "i2"),
        ("dig_rate", "i2"),
        ("store", "i2"),  # units of one good that a building holds
        ("reserve", "i2"),  # units in a deposit at the start
        ("renew_turns", "i2"),  # turns for one unit to grow back
        ("price", "i2", (MAX_GOODS,)),  # mean price in an empty market, 0: not for sale
        ("price_spread_percent", "i2"),
        ("market_depth", "i2"),  # units of glut that halve the price
        ("market_turns", "i2"),  # a 1/market_turns share of the glut is forgotten each turn
        ("terrain_cost", "i2", (len(TERRAINS),)),  # 0: cannot be crossed
        ("terrain_percent", "i2", (len(TERRAINS),)),
        ("recipes", RECIPE, (MAX_RECIPES,)),
    ],
    align=True,
)

JIT_DISABLED = os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")


def records(count: int, dtype: np.dtype) -> np.ndarray:
    """Zeroed records of shape [count]; with compilation switched off, a recarray the same rules can walk through."""
    array: Any = np.zeros(count, dtype)
    return array.view(np.recarray) if JIT_DISABLED else array


def n_raw_actions(side: int, n_recipes: int, max_carts: int) -> int:
    """Size of the flat order space 1 + T + R·T + (C+1)·T² + T with T = side² tiles."""
    tiles = side * side
    return 1 + tiles + n_recipes * tiles + (max_carts + 1) * tiles * tiles + tiles
