"""A game of the reference, turn by turn."""

from __future__ import annotations

from collections.abc import Sequence

from carriage import run
from country import Country
from dealings import give
from draws_of_game import rank, start_keys
from holdings import Building, Company
from outlook import found, in_sight, look_at
from rulebook import EXTRACTOR, Order, Rulebook
from state_of_world import Land


class World:
    """All of a game: the land and its companies."""

    def __init__(self, book: Rulebook, country: Country, seed: int) -> None:
        self.land = Land(book, country)
        keys, first = start_keys(country.seed, seed, book.companies, len(country.towns))
        homes = [country.towns[(first + seat) % len(country.towns)].number for seat in range(book.companies)]
        self.companies = [Company(seat, book, homes[seat], keys[seat]) for seat in range(book.companies)]
        for company in self.companies:
            found(self.land, company)

    def play(self, orders: Sequence[Order]) -> None:
        """One order of each company, then one turn of the world; a game that is over stays as it is."""
        land = self.land
        if land.over:
            return
        for company in self.companies:
            company.cash_before = company.cash
        order_of_seats = rank([company.key for company in self.companies], land.turn)
        ranked = [self.companies[seat] for seat in order_of_seats]
        for company in ranked:
            if not company.bankrupt:
                give(land, company, orders[company.seat])
        for company in ranked:
            self._run_company(company)
        land.recover()
        for company in ranked:
            self._close(company)
        land.turn += 1
        for company in self.companies:
            if not company.bankrupt:
                look_at(land, company, in_sight(land, company))
        land.over = land.turn >= land.book.n["horizon"] or all(company.bankrupt for company in self.companies)

    def _run_company(self, company: Company) -> None:
        """Sales of the turn before become public; buildings work, then carts drive."""
        company.public_sales = company.sales
        company.public_total += company.sales
        company.public_recent = company.public_recent * 7 // 8 + company.sales
        company.sales = 0
        if company.bankrupt:
            return
        for building in company.buildings:
            self._work(company, building)
        for cart in company.carts:
            run(self.land, company, cart)

    def _work(self, company: Company, building: Building) -> None:
        """Building work advances; what stands digs or refines."""
        if building.ready_in > 0:
            building.ready_in -= 1
        elif building.kind == EXTRACTOR:
            self._dig(company, building)
        else:
            self._refine(company, building)

    def _dig(self, company: Company, building: Building) -> None:
        n, land = self.land.book.n, self.land
        units = min(n["dig_rate"], land.reserve[building.deposit], n["store"] - building.stock)
        land.reserve[building.deposit] -= units
        building.stock += units
        company.made("dug", building.good, units, land.turn)
        if units > 0:
            company.reach("dig", land.turn)

    def _refine(self, company: Company, building: Building) -> None:
        """One batch, if all inputs are there and the output fits."""
        recipe = company.recipe_of(building)
        if any(building.inputs[good] < units for good, units in recipe.inputs.items()):
            return
        if building.stock + recipe.units > self.land.book.n["store"]:
            return
        for good, units in recipe.inputs.items():
            building.inputs[good] -= units
            company.count("consumed", good, -units)
        building.stock += recipe.units
        company.made("produced", recipe.output, recipe.units, self.land.turn)
        company.reach("refine", self.land.turn)

    def _close(self, company: Company) -> None:
        """Upkeep; a company that cannot pay it is bankrupt and gives its deposits up."""
        if company.bankrupt:
            return
        company.receive("upkeep", -company.upkeep())
        if company.cash < 0:
            company.bankrupt = True
            for site, owner in self.land.owner.items():
                if owner == company.seat:
                    self.land.owner[site] = None
