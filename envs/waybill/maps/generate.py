"""A map from its seed: terrain, deposits, towns, prices, and travel times from each site."""

from __future__ import annotations

from typing import Any

import numpy as np

from envs.waybill.core.draws import GAMMA, draw, mix
from envs.waybill.core.jit import allocating, jit
from envs.waybill.core.state import (
    FOREST,
    HILL,
    PLAIN,
    WATER,
)
from envs.waybill.maps.travel import UNREACHABLE, travel_field

NEAR = 6  # free tiles kept around each site, nearest first


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
def nearest_tiles(terrain: Any, site_tile: Any, travel: Any, all_known: Any, site: Any, near: Any) -> None:
    """The NEAR land tiles closest to a site by travel time, ties go to the lower tile, into its row. -1 pads.

    Where not all sites are known to everybody, another's tile is no exception: it would give it away.
    """
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


@jit
def fill_near(terrain: Any, site_tile: Any, travel: Any, all_known: Any, near: Any) -> None:
    """``nearest_tiles`` of every site."""
    for site in range(len(site_tile)):
        nearest_tiles(terrain, site_tile, travel, all_known, site, near)


@allocating
def generate(seed: Any, level: Any, pool: Any, row: Any, scratch: Any) -> None:
    """Draw the map of ``seed`` into row ``row`` of the pool. The same seed gives the same map on every machine."""
    rng = np.empty(1, np.uint64)
    rng[0] = mix(np.uint64(seed) + GAMMA)
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
