"""What all companies of the reference share: the land with its deposits and markets, and the turn."""

from __future__ import annotations

from collections import Counter

from country import Country
from rulebook import Rulebook


class Land:
    """Deposits, markets and the clock of a game."""

    def __init__(self, book: Rulebook, country: Country) -> None:
        self.book, self.country = book, country
        self.turn = 0
        self.over = False
        self.reserve = {site.number: book.n["reserve"] for site in country.deposits}
        self.renewed = dict.fromkeys(self.reserve, 0)
        self.owner: dict[int, int | None] = dict.fromkeys(self.reserve)
        self.glut: Counter[tuple[int, str]] = Counter()  # by town and good

    def price(self, town: int, good: str) -> int:
        """Coins that a town pays for the next unit: base · depth / (depth + glut), rounded down."""
        depth, base = self.book.n["market_depth"], self.country.sites[town].prices.get(good, 0)
        return base * depth // (depth + self.glut[town, good])

    def recover(self) -> None:
        """Towns forget a share of the glut, rounded up; deposits grow back one unit every so many turns."""
        for market, units in self.glut.items():
            self.glut[market] = units - -(-units // self.book.n["market_turns"])
        if (self.turn + 1) % self.book.n["renew_turns"] == 0:
            for site, units in self.reserve.items():
                if units < self.book.n["reserve"]:
                    self.reserve[site] += 1
                    self.renewed[site] += 1
