"""Maps: terrain, sites and travel times from a seed. Read-only and shared: a state holds only its map's row in a pool.

Travel is four-connected; a step between two tiles takes the sum of their terrain costs in travel units, so a plain step
takes 2 and the way back as long as the way there. Water cannot be crossed; land cut off from the sites becomes water,
so every site and every land tile is reachable from every other.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from envs.waybill.jit import allocating, jit
from envs.waybill.state import (
    FOREST,
    HILL,
    MAX_BUILDINGS,
    MAX_CARTS,
    MAX_DEPOSITS,
    MAX_GOODS,
    MAX_RECIPES,
    MAX_SEATS,
    MAX_SIDE,
    MAX_TOWNS,
    ORDER,
    PLAIN,
    WATER,
    records,
)

UNREACHABLE = 65535
RULE_CANDIDATES = 48  # orders that a rule chooses from
NEAR = 6  # free tiles kept around each site, nearest first
TEST_SEEDS, VALIDATION_SEEDS, TRAIN_SEEDS = (
    0,
    2**31,
    2**32,
)  # first seed of each range; training never draws below 2**32
_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX1, _MIX2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_S27, _S30, _S31, _S33 = np.uint64(27), np.uint64(30), np.uint64(31), np.uint64(33)


class MapPool(NamedTuple):
    """M maps of one level as arrays; N sites are the deposits first, then the towns; T = side² tiles; G goods."""

    seed: np.ndarray  # uint64 [M]
    terrain: np.ndarray  # int8 [M, T]
    site_tile: np.ndarray  # int16 [M, N]
    site_good: np.ndarray  # int8 [M, N], -1 for towns
    site_price: np.ndarray  # int16 [M, N, G] in an empty market, 0: does not buy
    site_travel: np.ndarray  # uint16 [M, N, T] travel units
    near: np.ndarray  # int16 [M, N, NEAR] land tiles to build on, nearest first


class Scratch(NamedTuple):
    """Working memory of one thread, so that the rules allocate nothing."""

    distance: np.ndarray  # uint16 [tiles]
    queue: np.ndarray  # int16 [tiles]
    waiting: np.ndarray  # bool [tiles]
    actions: np.ndarray  # int64 [most legal raw actions]
    order: np.ndarray  # ORDER [1]
    rank: np.ndarray  # int64 [MAX_SEATS], see tick.py
    script: np.ndarray  # int64 [MAX_SEATS], who decides for each seat
    seat_orders: np.ndarray  # ORDER [MAX_SEATS], see scripted.py
    row: np.ndarray  # ORDER [candidates of a rule]
    worth: np.ndarray  # float32 [candidates of a rule, 2]
    flows: np.ndarray  # float64 [places + 3, MAX_GOODS], see estimates.py
    ahead: np.ndarray  # float64 [3], see company_features.py


@jit
def mix(x: Any) -> Any:
    """splitmix64's output function (Steele, Lea & Flood 2014): uint64 → uint64."""
    z = (x ^ (x >> _S30)) * _MIX1
    z = (z ^ (z >> _S27)) * _MIX2
    return z ^ (z >> _S31)


@jit
def draw(rng: Any, n: Any) -> Any:
    """A uniform integer in 0..n-1; ``rng`` is uint64 [1] and moves on."""
    rng[0] = rng[0] + _GAMMA
    return np.int64(mix(rng[0]) >> _S33) % n


@jit
def travel_field(terrain: Any, cost: Any, side: Any, start: Any, scratch: Any) -> None:
    """Travel units from ``start`` to every tile, into ``scratch.distance`` (label-correcting search, FIFO)."""
    distance, queue, waiting = scratch.distance, scratch.queue, scratch.waiting
    tiles = side * side
    distance[:tiles] = UNREACHABLE
    waiting[:tiles] = False
    distance[start] = 0
    queue[0] = start
    head, count = 0, 1
    while count > 0:
        tile = np.int64(queue[head])
        head = head + 1 if head + 1 < tiles else 0
        count -= 1
        waiting[tile] = False
        row, column = tile // side, tile % side
        here = np.int64(cost[terrain[tile]])
        for k in range(4):
            r = row + (k == 0) - (k == 1)
            c = column + (k == 2) - (k == 3)
            if r < 0 or c < 0 or r >= side or c >= side:
                continue
            other = r * side + c
            if terrain[other] == WATER:
                continue
            far = np.int64(distance[tile]) + here + np.int64(cost[terrain[other]])
            if far < np.int64(distance[other]):
                distance[other] = far
                if not waiting[other]:
                    waiting[other] = True
                    end = head + count
                    queue[end if end < tiles else end - tiles] = other
                    count += 1


@allocating
def noise(rng: Any, side: Any, cells: Any) -> Any:
    """Smooth integer noise [T]: a random lattice of ``cells``+1 points a side, interpolated linearly."""
    lattice = np.zeros((cells + 2, cells + 2), np.int64)
    for i in range(cells + 2):
        for j in range(cells + 2):
            lattice[i, j] = draw(rng, 1024)
    out = np.zeros(side * side, np.int64)
    for tile in range(side * side):
        y, x = (tile // side) * cells, (tile % side) * cells
        i, j, v, u = y // side, x // side, y % side, x % side
        top = lattice[i, j] * (side - u) + lattice[i, j + 1] * u
        bottom = lattice[i + 1, j] * (side - u) + lattice[i + 1, j + 1] * u
        out[tile] = top * (side - v) + bottom * v
    return out


@allocating
def draw_terrain(rng: Any, level: Any, terrain: Any) -> None:
    """Terrain [T] by rank of noise: the lowest tiles are water, the highest hills, forest is laid over the rest."""
    side = np.int64(level.side)
    tiles = side * side
    low = np.argsort(noise(rng, side, 3) * 3 + noise(rng, side, 6) * 2, kind="mergesort")
    wood = np.argsort(noise(rng, side, 4), kind="mergesort")
    terrain[:] = PLAIN
    for k in range(tiles * np.int64(level.terrain_percent[FOREST]) // 100):
        terrain[wood[k]] = FOREST
    for k in range(tiles * np.int64(level.terrain_percent[HILL]) // 100):
        terrain[low[tiles - 1 - k]] = HILL
    for k in range(tiles * np.int64(level.terrain_percent[WATER]) // 100):
        terrain[low[k]] = WATER


@allocating
def keep_largest_land(level: Any, terrain: Any, scratch: Any) -> Any:
    """Turn all land but the largest connected part into water; returns the tiles of land left."""
    side = np.int64(level.side)
    tiles = side * side
    label = np.full(tiles, -1, np.int64)
    best, best_size = -1, 0
    for tile in range(tiles):
        if terrain[tile] != WATER and label[tile] < 0:
            travel_field(terrain, level.terrain_cost, side, tile, scratch)
            size = 0
            for other in range(tiles):
                if scratch.distance[other] != UNREACHABLE:
                    label[other] = tile
                    size += 1
            if size > best_size:
                best, best_size = tile, size
    for tile in range(tiles):
        if label[tile] != best:
            terrain[tile] = WATER
    return best_size


@jit
def place_sites(rng: Any, level: Any, terrain: Any, site_tile: Any) -> Any:
    """Draw land tiles for all sites, no two within a step of each other and none beside the edge; False if it fails."""
    side = np.int64(level.side)
    count = np.int64(level.n_deposits) + np.int64(level.n_towns)
    for i in range(count):
        placed = False
        for _ in range(200):
            tile = draw(rng, side * side)
            row, column = tile // side, tile % side
            free = terrain[tile] != WATER and 0 < row < side - 1 and 0 < column < side - 1
            for j in range(i):
                other = np.int64(site_tile[j])
                if abs(other // side - row) <= 1 and abs(other % side - column) <= 1:
                    free = False
            if free:
                site_tile[i] = tile
                placed = True
                break
        if not placed:
            return False
    for i in range(count):
        terrain[site_tile[i]] = PLAIN
    return True


@jit
def draw_prices(rng: Any, level: Any, price: Any) -> None:
    """Town prices [n_towns, G]: each town buys about two thirds of the goods for sale, every good has a buyer."""
    n_towns, spread = np.int64(level.n_towns), np.int64(level.price_spread_percent)
    for good in range(level.n_goods):
        base = np.int64(level.price[good])
        if base == 0:
            continue
        sure = draw(rng, n_towns)
        for town in range(n_towns):
            percent = 100 - spread + draw(rng, 2 * spread + 1)
            if draw(rng, 3) > 0 or town == sure:
                price[town, good] = max(1, base * percent // 100)


@jit
def fill_near(terrain: Any, site_tile: Any, travel: Any, all_known: Any, near: Any) -> None:
    """The NEAR land tiles closest to each site by travel time, ties go to the lower tile. -1 pads.

    Where not all sites are known to everybody, another's tile is no exception: it would give it away.
    """
    for site in range(len(site_tile)):
        for k in range(NEAR):
            best = -1
            for tile in range(len(terrain)):
                if terrain[tile] == WATER or (best >= 0 and travel[site, tile] >= travel[site, best]):
                    continue
                free = True
                for other in range(len(site_tile)):
                    free = free and (site_tile[other] != tile or (other != site and not all_known))
                for j in range(k):
                    free = free and near[site, j] != tile
                if free:
                    best = tile
            near[site, k] = best


@allocating
def generate(seed: Any, level: Any, pool: Any, row: Any, scratch: Any) -> None:
    """Draw the map of ``seed`` into row ``row`` of the pool. The same seed gives the same map on every machine."""
    rng = np.empty(1, np.uint64)
    rng[0] = mix(np.uint64(seed) + _GAMMA)
    side, n_deposits = np.int64(level.side), np.int64(level.n_deposits)
    terrain, site_tile = pool.terrain[row], pool.site_tile[row]
    while True:
        draw_terrain(rng, level, terrain)
        land = keep_largest_land(level, terrain, scratch)
        if land * 2 >= side * side and place_sites(rng, level, terrain, site_tile):
            break
    pool.seed[row] = np.uint64(seed)
    pool.site_good[row, :] = -1
    pool.site_price[row, :, :] = 0
    for i in range(n_deposits):
        pool.site_good[row, i] = i % np.int64(level.n_raw)
    draw_prices(rng, level, pool.site_price[row, n_deposits:])
    for i in range(len(site_tile)):
        travel_field(terrain, level.terrain_cost, side, np.int64(site_tile[i]), scratch)
        pool.site_travel[row, i, :] = scratch.distance[: side * side]
    fill_near(terrain, site_tile, pool.site_travel[row], level.sight == 0, pool.near[row])


@allocating
def generate_many(seeds: Any, level: Any, pool: Any, rows: Any, scratch: Any) -> None:
    """Draw the maps of ``seeds`` [n] into ``rows`` [n] of the pool."""
    for i in range(len(seeds)):
        generate(seeds[i], level[0], pool, rows[i], scratch)


def make_scratch() -> Scratch:
    """Working memory for one thread."""
    tiles = MAX_SIDE * MAX_SIDE
    routes = (MAX_CARTS + 1) * MAX_BUILDINGS * (MAX_BUILDINGS + MAX_TOWNS)
    return Scratch(
        distance=np.zeros(tiles, np.uint16),
        queue=np.zeros(tiles, np.int16),
        waiting=np.zeros(tiles, np.bool_),
        actions=np.zeros(1 + MAX_DEPOSITS + MAX_RECIPES * tiles + routes + MAX_BUILDINGS, np.int64),
        order=records(1, ORDER),
        rank=np.zeros(MAX_SEATS, np.int64),
        script=np.zeros(MAX_SEATS, np.int64),
        seat_orders=records(MAX_SEATS, ORDER),
        row=records(RULE_CANDIDATES, ORDER),
        worth=np.zeros((RULE_CANDIDATES, 2), np.float32),
        flows=np.zeros((MAX_BUILDINGS + MAX_TOWNS + 3, MAX_GOODS), np.float64),
        ahead=np.zeros(3, np.float64),
    )


def make_pool(level: np.ndarray, seeds: np.ndarray) -> MapPool:
    """The maps of ``seeds`` [M] for a level record [1]; about 0.1 ms a map.

    Args:
        level: LEVEL record, shape [1].
        seeds: map seeds, any integers from 0 to 2**63.
    """
    row: Any = level[0]
    m, t = len(seeds), int(row["side"]) ** 2
    n, g = int(row["n_deposits"]) + int(row["n_towns"]), int(row["n_goods"])
    pool = MapPool(
        seed=np.zeros(m, np.uint64),
        terrain=np.zeros((m, t), np.int8),
        site_tile=np.zeros((m, n), np.int16),
        site_good=np.zeros((m, n), np.int8),
        site_price=np.zeros((m, n, g), np.int16),
        site_travel=np.zeros((m, n, t), np.uint16),
        near=np.zeros((m, n, NEAR), np.int16),
    )
    generate_many(np.asarray(seeds, np.uint64), level, pool, np.arange(m), make_scratch())
    return pool
