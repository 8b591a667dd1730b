"""Levels: one file of numbers each, checked here and turned into the record that the rules read."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from envs.waybill.core import state as st
from groundwork.errors import WaybillError

RIVALS = st.SCRIPTS[1:]
LEVEL_FOLDER = Path(__file__).resolve().parents[3] / "conf" / "level"


@dataclass
class RecipeConfig:
    """One workshop recipe: ``inputs`` (good → units) become ``output_units`` of ``output`` each turn."""

    inputs: dict[str, int]
    output: str
    output_units: int = 1


@dataclass
class TerrainConfig:
    """Shares of the map in per cent, plain takes the rest; costs in travel cost per tile."""

    forest_percent: int = 22
    hill_percent: int = 12
    water_percent: int = 14
    plain_cost: int = 1
    forest_cost: int = 2
    hill_cost: int = 3


@dataclass
class LevelConfig:
    """Every number of a level. Units: turns, coins, goods, travel units (see ``core/state.py``).

    ``sight`` is how far a company sees from its sites and roads, 0 for everything. ``rivals`` are the rules by which
    the other companies play: random, greedy or planner. ``planner_effort`` is the number of searches that the planner
    makes (``players/planner.py``): how long it may think; ``planner_beliefs`` the states that the one draws which knows
    only what its seat knows (``players/planner_seen.py``). ``rung`` is the level's place on the ladder, from 1 for the
    easiest; None if it is not on it. ``returns`` are the lowest and highest return of a game, in starting cashes, for
    what has to know them beforehand. Neither says anything of the games.

    Raises:
        WaybillError: in one line, when a number is outside its range or names an unknown good.
    """

    name: str
    side: int
    deposits: int
    towns: int
    raw_goods: list[str]
    refined_goods: list[str]
    prices: dict[str, int]
    horizon: int
    start_cash: int
    train_steps: int
    recipes: list[RecipeConfig] = field(default_factory=list)
    max_buildings: int = 16
    max_carts: int = 8
    extractor_cost: int = 40
    extractor_lead: int = 3
    extractor_upkeep: int = 1
    workshop_cost: int = 60
    workshop_lead: int = 4
    workshop_upkeep: int = 1
    cart_cost: int = 20
    cart_upkeep: int = 1
    cart_capacity: int = 8
    cart_speed: int = 6
    refund_percent: int = 50
    dig_rate: int = 2
    store: int = 24
    reserve: int = 120
    renew_turns: int = 4
    price_spread_percent: int = 30
    market_depth: int = 24
    market_turns: int = 12
    sight: int = 0
    planner_effort: int = 3
    planner_beliefs: int = 4
    rivals: list[str] = field(default_factory=list)
    terrain: TerrainConfig = field(default_factory=TerrainConfig)
    rung: int | None = field(default=None, compare=False)
    returns: list[float] = field(default_factory=lambda: [-5.0, 25.0], compare=False)

    @property
    def goods(self) -> list[str]:
        """All goods; a good's number is its place in this list, raw goods first."""
        return [*self.raw_goods, *self.refined_goods]

    def __post_init__(self) -> None:
        for name, (low, high) in _RANGES.items():
            self._need(low <= getattr(self, name) <= high, f"{name}={getattr(self, name)} is not in {low}..{high}")
        self._need(self.rung is None or 1 <= self.rung <= 1000, f"rung={self.rung} is not in 1..1000 or null")
        fine = len(self.returns) == 2 and -math.inf < self.returns[0] < self.returns[1] < math.inf
        self._need(fine, f"returns={self.returns} are not two finite numbers, the lower one first")
        raw, goods, recipes = len(self.raw_goods), len(self.goods), len(self.recipes)
        self._need(1 <= raw <= min(4, self.deposits), f"{raw} raw goods, allowed are 1..4 and at most one a deposit")
        self._need(goods <= st.MAX_GOODS, f"{goods} goods, allowed are 1..{st.MAX_GOODS}")
        self._need(len(set(self.goods)) == goods, f"a good is named twice in {', '.join(self.goods)}")
        self._need(recipes <= st.MAX_RECIPES, f"{recipes} recipes, allowed are 0..{st.MAX_RECIPES}")
        room = max(3, (self.side - 2) ** 2 // 7)
        sites = self.deposits + self.towns
        self._need(sites <= room, f"{sites} deposits and towns, a map of side {self.side} has room for {room}")
        named = {*self.prices, *(good for r in self.recipes for good in [*r.inputs, r.output])}
        for good in sorted(named - set(self.goods)):
            self._need(False, f"unknown good {good!r}, known are {', '.join(self.goods)}")
        for good, price in self.prices.items():
            self._need(0 <= price <= 1000, f"prices.{good}={price} is not in 0..1000")
        self._need(any(self.prices.values()), "no good has a price above 0, so nothing can be earned")
        for recipe in self.recipes:
            self._check_recipe(recipe)
        self._check_terrain()
        self._check_rivals()
        self._check_cash()

    def _need(self, fine: bool, problem: str) -> None:
        if not fine:
            raise WaybillError(f"level {self.name}: {problem}")

    def _check_recipe(self, recipe: RecipeConfig) -> None:
        units = [recipe.output_units, *recipe.inputs.values()]
        many = f"recipe for {recipe.output!r}"
        self._need(1 <= len(recipe.inputs) <= st.MAX_INPUTS, f"{many} needs 1..{st.MAX_INPUTS} inputs")
        self._need(min(units) >= 1 and max(units) <= self.store, f"{many} has units outside 1..{self.store} (store)")
        self._need(recipe.output in self.refined_goods, f"{many} makes a raw good")
        order = self.goods
        later = all(order.index(good) < order.index(recipe.output) for good in recipe.inputs)
        self._need(later, f"{many} needs a good that comes after it in the list of goods")

    def _check_cash(self) -> None:
        """Refuse a level in which cash could leave the 32 bits that a state has for it.

        A cart sells at most what it holds, at most every second turn; clearing a building earns less than it cost.
        """
        dearest = max(self.prices.values()) * (100 + self.price_spread_percent) // 100
        a_turn = self.max_carts * self.cart_capacity * dearest // 2 + max(self.extractor_cost, self.workshop_cost)
        most = self.start_cash + self.horizon * a_turn
        what = "start_cash + horizon · (max_carts · cart_capacity · highest price / 2 + refund)"
        self._need(most < 2**31, f"cash could reach {most:,} coins, allowed are {2**31 - 1:,}: {what}")

    def _check_rivals(self) -> None:
        many, known = len(self.rivals), ", ".join(RIVALS)
        self._need(many < st.MAX_SEATS, f"{many} rivals, allowed are 0..{st.MAX_SEATS - 1}")
        for rival in self.rivals:
            self._need(rival in RIVALS, f"unknown rival {rival!r}, known are {known}")

    def _check_terrain(self) -> None:
        t = self.terrain
        costs, shares = (t.plain_cost, t.forest_cost, t.hill_cost), (t.forest_percent, t.hill_percent, t.water_percent)
        self._need(min(costs) >= 1 and max(costs) <= 9, f"terrain costs {costs} are not in 1..9")
        self._need(min(shares) >= 0 and sum(shares) <= 80, f"terrain shares {shares} % are not in 0..80 together")
        self._need(t.water_percent <= 40, f"terrain.water_percent={t.water_percent} is not in 0..40")

    @property
    def n_raw_actions(self) -> int:
        """Size of the raw action space of this level."""
        return st.n_raw_actions(self.side, len(self.recipes), self.max_carts)

    def numbers(self) -> dict[str, Any]:
        """All that decides its games, as plain data."""
        return {name: value for name, value in dataclasses.asdict(self).items() if name not in _BESIDE}

    def script(self) -> np.ndarray:
        """Who decides for each seat, int64 [MAX_SEATS]: seat 0 from outside, then the rivals by their rules."""
        seats = [st.OUTSIDE, *(st.SCRIPTS.index(rival) for rival in self.rivals)]
        return np.array(seats + [st.OUTSIDE] * (st.MAX_SEATS - len(seats)), np.int64)

    def record(self) -> np.ndarray:
        """The level as a LEVEL record, shape [1]."""
        array = st.records(1, st.LEVEL)
        row: Any = array[0]
        same = {f.name for f in dataclasses.fields(self)} & set(st.LEVEL.names or ()) - {"recipes"}
        for name in same:
            row[name] = getattr(self, name)
        number = {good: i for i, good in enumerate(self.goods)}
        row["n_deposits"], row["n_towns"] = self.deposits, self.towns
        row["n_seats"] = 1 + len(self.rivals)
        row["n_goods"], row["n_raw"], row["n_recipes"] = len(self.goods), len(self.raw_goods), len(self.recipes)
        for good, price in self.prices.items():
            row["price"][number[good]] = price
        t = self.terrain
        row["terrain_cost"][:] = (t.plain_cost, t.forest_cost, t.hill_cost, 0)
        row["terrain_percent"][:] = (
            100 - t.forest_percent - t.hill_percent - t.water_percent,
            t.forest_percent,
            t.hill_percent,
            t.water_percent,
        )
        for i, recipe in enumerate(self.recipes):
            out = row["recipes"][i]
            out["n_inputs"], out["output"], out["output_units"] = (
                len(recipe.inputs),
                number[recipe.output],
                recipe.output_units,
            )
            out["inputs"][:] = -1
            for j, (good, units) in enumerate(recipe.inputs.items()):
                out["inputs"][j], out["input_units"][j] = number[good], units
        return array


_BESIDE = ("rung", "returns")  # no game depends on them

_RANGES = {
    "side": (6, st.MAX_SIDE), "deposits": (1, st.MAX_DEPOSITS), "towns": (1, st.MAX_TOWNS), "horizon": (2, 2000),
    "start_cash": (1, 100_000), "train_steps": (1, 10**9),
    "max_buildings": (1, st.MAX_BUILDINGS), "max_carts": (1, st.MAX_CARTS),
    "extractor_cost": (1, 10_000), "extractor_lead": (0, 1000), "extractor_upkeep": (0, 1000),
    "workshop_cost": (1, 10_000), "workshop_lead": (0, 1000), "workshop_upkeep": (0, 1000),
    "cart_cost": (1, 10_000), "cart_upkeep": (0, 1000), "cart_capacity": (1, 1000), "cart_speed": (1, 1000),
    "refund_percent": (0, 99), "dig_rate": (1, 100), "store": (1, 10_000),
    "reserve": (1, 30_000), "renew_turns": (1, 10_000),
    "sight": (0, 1000), "planner_effort": (1, 6), "planner_beliefs": (1, 64),
    "price_spread_percent": (0, 90), "market_depth": (1, 10_000), "market_turns": (1, 10_000),
}  # fmt: skip


def from_mapping(values: dict[str, Any], source: str) -> LevelConfig:
    """A checked level from plain values.

    Raises:
        WaybillError: in one line that names ``source``, for unknown or missing keys and numbers out of range.
    """
    known = {f.name for f in dataclasses.fields(LevelConfig)}
    if unknown := set(values) - known:
        raise WaybillError(f"{source}: unknown key {sorted(unknown)[0]!r}, known are {', '.join(sorted(known))}")
    try:
        recipes = [RecipeConfig(**dict(r)) for r in values.get("recipes", [])]
        terrain = TerrainConfig(**dict(values.get("terrain", {})))
        return LevelConfig(**{**values, "recipes": recipes, "terrain": terrain})
    except (TypeError, ValueError) as error:
        raise WaybillError(f"{source}: {error}") from None


def names() -> list[str]:
    """Names of the level files: those on the ladder in its order, then the others."""
    found = {path.stem: yaml.safe_load(path.read_text()).get("rung") for path in LEVEL_FOLDER.glob("*.yaml")}
    return sorted(found, key=lambda name: (found[name] is None, found[name], name))


def ladder() -> list[str]:
    """Names of the levels on the ladder, the easiest first."""
    return [name for name in names() if load_level(name).rung is not None]


def load_level(name: str) -> LevelConfig:
    """The level of that name.

    Raises:
        WaybillError: if no such level file exists, naming those that do.
    """
    path = LEVEL_FOLDER / f"{name}.yaml"
    if not path.is_file():
        raise WaybillError(f"unknown level {name!r}, known are {', '.join(names())}")
    return from_mapping(yaml.safe_load(path.read_text()), f"level file {path.name}")
