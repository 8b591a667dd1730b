"""The map of the reference: terrain, sites and ways, all of it fixed for the whole game."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field

from rulebook import Rulebook


@dataclass
class Site:
    """A deposit of ``good``, or a town that pays ``prices`` in an empty market."""

    number: int
    tile: int
    good: str | None = None
    prices: dict[str, int] = field(default_factory=dict)

    @property
    def is_town(self) -> bool:
        return self.good is None


class Country:
    """Terrain by tile, sites by number (deposits first), and travel units between any two tiles."""

    def __init__(self, book: Rulebook, seed: int, terrain: list[str], sites: list[Site]) -> None:
        self.book, self.seed, self.terrain, self.sites = book, seed, terrain, sites
        self.side = book.n["side"]
        self.deposits = [site for site in sites if not site.is_town]
        self.towns = [site for site in sites if site.is_town]
        self.on_tile = {site.tile: site for site in sites}
        self._ways: dict[int, dict[int, int]] = {}
        self._near: dict[tuple[int, int, int], frozenset[int]] = {}

    def is_land(self, tile: int) -> bool:
        """True for a tile of the map that is not water."""
        return 0 <= tile < self.side**2 and self.terrain[tile] != "water"

    def way(self, start: int, end: int) -> int:
        """Travel units of the shortest way between two land tiles."""
        if end in self._ways and start not in self._ways:
            start, end = end, start  # as long there as back
        if start not in self._ways:
            self._ways[start] = self._ways_from(start)
        return self._ways[start][end]

    def near_road(self, start: int, end: int, detour: int) -> frozenset[int]:
        """Sites by which the way from a tile to another is at most ``detour`` travel units longer than the shortest."""
        if (start, end, detour) not in self._near:
            most, sites = self.way(start, end) + detour, self.sites
            near = (site.number for site in sites if self.way(site.tile, start) + self.way(site.tile, end) <= most)
            self._near[start, end, detour] = frozenset(near)
        return self._near[start, end, detour]

    def _neighbours(self, tile: int) -> list[int]:
        row, column = divmod(tile, self.side)
        around = [(row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)]
        inside = [(r, c) for r, c in around if 0 <= r < self.side and 0 <= c < self.side]
        return [r * self.side + c for r, c in inside if self.is_land(r * self.side + c)]

    def _ways_from(self, start: int) -> dict[int, int]:
        """Dijkstra's algorithm; a step costs what both its tiles cost together."""
        cost, done, waiting = self.book.ground, {}, [(0, start)]
        while waiting:
            units, tile = heapq.heappop(waiting)
            if tile not in done:
                done[tile] = units
                for other in self._neighbours(tile):
                    step = cost[self.terrain[tile]] + cost[self.terrain[other]]
                    heapq.heappush(waiting, (units + step, other))
        return done

    def faults(self) -> list[str]:
        """What is wrong with the map, in words: nothing, for one as docs/game.md tells of."""
        return [*self._faults_of_land(), *self._faults_of_sites(), *self._faults_of_prices()]

    def _faults_of_land(self) -> Iterator[str]:
        land = {tile for tile in range(self.side**2) if self.is_land(tile)}
        if 2 * len(land) < self.side**2:
            yield "less than half is land"
        if set(self._ways_from(min(land))) != land:
            yield "not all land is connected"

    def _faults_of_sites(self) -> Iterator[str]:
        raw = self.book.raw
        for site in self.sites:
            row, column = divmod(site.tile, self.side)
            if self.terrain[site.tile] != "plain":
                yield f"site {site.number} is on {self.terrain[site.tile]}"
            if {row, column} & {0, self.side - 1}:
                yield f"site {site.number} is at the edge"
            if not site.is_town and site.good != raw[site.number % len(raw)]:
                yield f"deposit {site.number} holds {site.good}"
            for other in self.sites[: site.number]:
                if max(abs(other.tile // self.side - row), abs(other.tile % self.side - column)) < 2:
                    yield f"sites {other.number} and {site.number} touch"

    def _faults_of_prices(self) -> Iterator[str]:
        spread = self.book.n["price_spread_percent"]
        for good in self.book.goods:
            mean = self.book.n["prices"].get(good, 0)
            paid = [town.prices[good] for town in self.towns if town.prices.get(good, 0) != 0]
            if (mean > 0) != bool(paid):
                yield f"{len(paid)} towns buy {good}, whose price is {mean}"
            low, high = max(1, mean * (100 - spread) // 100), max(1, mean * (100 + spread) // 100)
            yield from (f"a town pays {price} for {good}" for price in paid if not low <= price <= high)
