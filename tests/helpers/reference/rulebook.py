"""A level's numbers as the reference of the rules uses them: plain Python, goods by name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

EXTRACTOR, WORKSHOP = "extractor", "workshop"
TERRAINS = ("plain", "forest", "hill", "water")


@dataclass(frozen=True)
class Recipe:
    """What a workshop makes of what."""

    inputs: dict[str, int]  # good → units, in the order of the level file
    output: str
    units: int


class Order(NamedTuple):
    """An order in words; what a verb does not need is None. ``cart`` None of a HAUL means a new one."""

    verb: str
    tile: int | None = None
    recipe: int | None = None
    cart: int | None = None
    target: int | None = None

    def __str__(self) -> str:
        words = [self.verb]
        if self.verb == "workshop":
            words.append(f"of recipe {self.recipe}")
        if self.verb == "haul":
            words.append("a new cart" if self.cart is None else f"cart {self.cart}")
        if self.tile is not None:
            words.append(f"tile {self.tile}")
        if self.target is not None:
            words.append(f"to tile {self.target}")
        return " ".join(words)


PASSING = Order("pass")


@dataclass
class Rulebook:
    """The numbers of a level; ``n`` has those that need no other form, by the names of the level file."""

    n: dict[str, Any]
    goods: list[str] = field(init=False)
    raw: list[str] = field(init=False)
    recipes: list[Recipe] = field(init=False)
    companies: int = field(init=False)
    cost: dict[str, int] = field(init=False)
    lead: dict[str, int] = field(init=False)
    upkeep: dict[str, int] = field(init=False)
    ground: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        n = self.n
        self.raw = list(n["raw_goods"])
        self.goods = self.raw + list(n["refined_goods"])
        self.recipes = [Recipe(dict(r["inputs"]), r["output"], r["output_units"]) for r in n["recipes"]]
        self.companies = 1 + len(n["rivals"])
        for name in ("cost", "lead", "upkeep"):
            setattr(self, name, {kind: n[f"{kind}_{name}"] for kind in (EXTRACTOR, WORKSHOP)})
        self.ground = {kind: n["terrain"][f"{kind}_cost"] for kind in TERRAINS if kind != "water"}

    @property
    def fog(self) -> bool:
        """True if a company sees only a part of the map."""
        return self.n["sight"] > 0

    def refund(self, kind: str) -> int:
        """Coins for clearing a building."""
        return self.cost[kind] * self.n["refund_percent"] // 100

    def turns(self, units: int) -> int:
        """Turns that a cart needs for a way of so many travel units, at least one."""
        return max(1, -(-units // self.n["cart_speed"]))
