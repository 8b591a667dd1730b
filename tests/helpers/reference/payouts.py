"""Rewards of the reference, of one company in one turn, in starting cashes."""

from __future__ import annotations

from country import Site
from holdings import Company
from rulebook import EXTRACTOR, Rulebook
from state_of_world import Land

SHARES = {"extractor": 0.2, "to workshop": 0.35, "input": 0.45, "product": 0.65, "to town": 0.85}
STAGES_PAID = ("dig", "deliver", "refine", "sell")


def is_out(land: Land, company: Company) -> bool:
    """True if there is nothing more to decide for the company."""
    return land.over or company.bankrupt


def final_profit(land: Land, company: Company) -> float:
    """The score in the turn that ends the company's game, else 0; a bankrupt company was told when it became so."""
    if not is_out(land, company) or company.cash_before < 0:
        return 0.0
    return (company.cash - land.book.n["start_cash"]) / land.book.n["start_cash"]


class Payouts:
    """All rewards of a company; asked once after each turn, as they remember what was before."""

    def __init__(self, land: Land, company: Company, gamma: float, bonus: float) -> None:
        self.land, self.company, self.gamma, self.bonus = land, company, gamma, bonus
        self.potential, self.milestones = progress(land, company), self.milestones_so_far()

    def of_turn(self) -> dict[str, float]:
        """Name of a reward → what it pays for the turn just played."""
        company, start_cash = self.company, self.land.book.n["start_cash"]
        before, self.potential = self.potential, progress(self.land, company)
        counted, self.milestones = self.milestones, self.milestones_so_far()
        sparse = final_profit(self.land, company)
        return {
            "sparse": sparse,
            "cash": (company.cash - company.cash_before) / start_cash,
            "shaped": sparse + self.gamma * self.potential - before,
            "milestone": sparse + self.bonus * (self.milestones - counted),
        }

    def milestones_so_far(self) -> int:
        """Extractors and workshops begun, carts sent, and first times."""
        given, stages = self.company.given, self.company.stages
        return given["extract"] + given["workshop"] + given["haul"] + sum(stage in stages for stage in STAGES_PAID)


def progress(land: Land, company: Company) -> float:
    """Φ: profit so far, what stands at its cost written off to the horizon, and goods by how far they came."""
    if is_out(land, company):
        return 0.0
    book = land.book
    assets = len(company.carts) * book.n["cart_cost"] + sum(book.cost[b.kind] for b in company.buildings)
    written_off = assets * (book.n["horizon"] - land.turn) / book.n["horizon"]
    goods = 0.0
    for building in company.buildings:
        share = SHARES["extractor" if building.kind == EXTRACTOR else "product"]
        goods += share * building.stock * worth(book, company, building.good, stages=2)
        for good, units in building.inputs.items():
            goods += SHARES["input"] * units * worth(book, company, good, stages=2)
    for cart in company.carts:
        if cart.load > 0:
            share = SHARES["to town" if isinstance(cart.target, Site) else "to workshop"]
            goods += share * cart.load * worth(book, company, cart.good, stages=2)
    return (company.cash - book.n["start_cash"] + written_off + goods) / book.n["start_cash"]


def worth(book: Rulebook, company: Company, good: str, *, stages: int) -> float:
    """The highest mean price of a unit of a good, or of its part in what it becomes in so many stages at most."""
    prices = book.n["prices"]
    best = float(prices.get(good, 0))
    if stages == 0:
        return best
    for number, recipe in enumerate(book.recipes):
        owns_one = any(building.recipe == number for building in company.buildings)
        if good in recipe.inputs and (owns_one or prices.get(good, 0) == 0):
            output = worth(book, company, recipe.output, stages=stages - 1)
            best = max(best, output * recipe.units / recipe.inputs[good] / len(recipe.inputs))
    return best
