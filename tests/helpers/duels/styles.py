"""Who gives the orders while engine and reference are compared: players, chance, and moods that look for trouble."""

from __future__ import annotations

import random
from collections.abc import Callable

from converted import order_numbered, order_of
from rulebook import PASSING, Order
from versus import Match

from envs.waybill.core.state import GREEDY, ORDER, records
from envs.waybill.players.planner import make_planner_scratch, plan_ahead
from envs.waybill.players.scripted import decide_scripted

Style = Callable[[Match, random.Random], list[Order]]


def legal_of_all(match: Match) -> list[list[Order]]:
    """The legal orders of each seat; PASS alone for one that is out."""
    seats = range(match.book.companies)
    return [[PASSING] if match.world.companies[seat].bankrupt else match.legal(seat) for seat in seats]


def by_verb(rng: random.Random, legal: list[Order], weights: dict[str, int]) -> Order:
    """A legal order: first a verb by its weight, then any of its orders."""
    verbs = [verb for verb in weights if any(order.verb == verb for order in legal)]
    if not verbs:
        return PASSING
    verb = rng.choices(verbs, [weights[v] for v in verbs])[0]
    return rng.choice([order for order in legal if order.verb == verb])


def at_random(match: Match, rng: random.Random) -> list[Order]:
    """Legal orders, PASS two times of three so that games last."""
    weights = {"pass": 14, "extract": 2, "workshop": 1, "haul": 3, "dismantle": 1}
    return [by_verb(rng, legal, weights) for legal in legal_of_all(match)]


def anything(match: Match, rng: random.Random) -> Order:
    """An action of the raw space, nearly always illegal; or one near to what there is; or no order of this level."""
    order = order_numbered(match.book, rng.randrange(match.level.n_raw_actions))
    kind = rng.random()
    if kind < 0.5:
        sites = [site.tile for site in match.world.land.country.sites]
        tiles = sites + [tile for company in match.world.companies for tile in company.on_tile] * 2
        verb = rng.choice(["extract", "workshop", "haul", "haul", "dismantle"])
        cart = rng.choice([None, *range(match.level.max_carts)])
        order = Order(verb, rng.choice(tiles), rng.randrange(4), cart, rng.choice(tiles))
    elif kind < 0.6:
        verb = rng.choice(["extract", "workshop", "haul", "dismantle", "nothing"])
        order = Order(verb, *(rng.choice([-9, -2, 0, 3, 99]) for _ in range(4)))
    return order


def raw_numbers(match: Match, rng: random.Random) -> list[Order]:
    """Any orders, after many others were judged; now and then a legal one, so that something stands."""
    orders = []
    for company, legal in zip(match.world.companies, legal_of_all(match), strict=True):
        if not company.bankrupt:
            match.judge(company.seat, [anything(match, rng) for _ in range(32)])
        sensible = by_verb(rng, legal, {"extract": 2, "haul": 4, "workshop": 1, "pass": 2})
        orders.append(sensible if rng.random() < 0.2 else anything(match, rng))
    return orders


def greedily(match: Match, rng: random.Random) -> list[Order]:
    """The greedy rule in all seats."""
    orders = records(match.book.companies, ORDER).reshape(1, -1)
    match.scratch.script[:] = GREEDY
    decide_scripted(match.states, match.pool, match.record, match.scratch, orders, 0, 1)
    legal_of_all(match)
    return [order_of(numbers) for numbers in orders[0].tolist()]


class Planned:
    """The planner in the first seat, greedy rivals in the others."""

    def __init__(self) -> None:
        self._plans: dict[int, list[Order]] = {}

    def __call__(self, match: Match, rng: random.Random) -> list[Order]:
        if id(match) not in self._plans:
            plan = records(match.level.horizon, ORDER).reshape(1, -1)
            match.scratch.script[:] = GREEDY
            search = make_planner_scratch(match.level)
            plan_ahead(match.states, 0, match.pool, match.record, match.scratch, search, plan, 0)
            self._plans[id(match)] = [order_of(numbers) for numbers in plan[0].tolist()]
        turn = int(match.states["turn"][0])
        return [self._plans[id(match)][turn], *greedily(match, rng)[1:]]


MOODS = {
    "turn carts round": {"haul": 1},
    "clear": {"dismantle": 3, "haul": 1, "pass": 1},
    "build": {"extract": 2, "workshop": 2, "pass": 1},
    "spend": {"workshop": 1, "extract": 1, "haul": 2},
    "wait": {"pass": 1},
    "build and clear": {"extract": 1, "workshop": 1, "dismantle": 2, "haul": 1},
}


class Spiteful:
    """Moods of a few turns that look for trouble: carts turned round on the road, buildings cleared under them, all
    companies with one order, orders that were legal before, spending until nothing is left, greedy play in between.

    Now and then a purse holds just what something costs, or a coin less.
    """

    def __init__(self) -> None:
        self._mood, self._left, self._before = "greedy", 0, [PASSING]

    def __call__(self, match: Match, rng: random.Random) -> list[Order]:
        if self._left == 0:
            self._mood, self._left = rng.choice(["greedy"] * 6 + ["wait", "alike", "late", *MOODS]), rng.randint(1, 12)
        self._left -= 1
        if rng.random() < 0.1:
            price = rng.choice([*match.book.cost.values(), match.level.cart_cost])
            standing = [company.seat for company in match.world.companies if not company.bankrupt]
            match.set_cash(rng.choice(standing), price - rng.randint(0, 1))
        if self._mood == "greedy":
            orders = greedily(match, rng)
            self._before = orders
            return orders
        legal = legal_of_all(match)
        if self._mood == "late":
            return [rng.choice(self._before) for _ in legal]
        if self._mood == "alike":
            return [by_verb(rng, rng.choice(legal), MOODS["spend"])] * len(legal)
        orders = [by_verb(rng, orders, MOODS[self._mood]) for orders in legal]
        if self._mood == "turn carts round":  # those that are on the road, not new ones
            old = [[o for o in found if o.verb == "haul" and o.cart is not None] for found in legal]
            orders = [rng.choice(found) if found else order for found, order in zip(old, orders, strict=True)]
        return orders


STYLES: dict[str, Callable[[], Style]] = {
    "random": lambda: at_random,
    "raw": lambda: raw_numbers,
    "greedy": lambda: greedily,
    "spiteful": Spiteful,
    "planner": Planned,
}
