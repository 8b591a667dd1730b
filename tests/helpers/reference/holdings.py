"""What a company of the reference owns: buildings, carts, and books of every coin and unit."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum

from country import Site
from rulebook import EXTRACTOR, Recipe, Rulebook


class Phase(Enum):
    """What a cart is doing."""

    IDLE = "idle"
    TO_SOURCE = "to source"
    LOADING = "loading"
    TO_TARGET = "to target"
    UNLOADING = "unloading"


@dataclass(eq=False)
class Building:
    """An extractor on a deposit, or a workshop of a recipe."""

    kind: str
    tile: int
    ready_in: int
    good: str  # what it gives
    deposit: int | None = None  # the number of an extractor's site
    recipe: int | None = None
    stock: int = 0  # of what it gives
    inputs: dict[str, int] = field(default_factory=dict)  # of what a workshop takes


@dataclass(eq=False)
class Cart:
    """A cart commutes between a building and a building or town; a leg is one way from tile to tile."""

    source: Building | None
    target: Building | Site | None
    good: str | None
    phase: Phase
    leg_from: int
    leg_to: int
    leg_turns: int = 0
    leg_left: int = 0
    route: int = 0  # turns from source to target
    load: int = 0
    road_driven: bool = False  # it has been from source to target: sites by the road are seen

    @classmethod
    def at(cls, tile: int) -> Cart:
        """A new cart that stands on a tile."""
        return cls(None, None, None, Phase.IDLE, tile, tile)


class Company:
    """A company in its seat: cash, holdings, books and what it knows of the world."""

    def __init__(self, seat: int, book: Rulebook, home: int, key: int) -> None:
        self.seat, self.book, self.home, self.key = seat, book, home, key
        self.cash = self.cash_before = 0
        self.bankrupt = False
        self.slots: list[Building | None] = [None] * 16
        self.on_tile: dict[int, Building] = {}
        self.carts: list[Cart] = []
        self.coins: Counter[str] = Counter()  # by cause
        self.units: Counter[tuple[str, str]] = Counter()  # by good and cause
        self.sales = self.public_sales = self.public_total = self.public_recent = 0
        self.illegal = 0
        self.given: Counter[str] = Counter()  # legal orders by verb
        self.stages: dict[str, int] = {}  # the first turn that reached a stage
        self.first_made: dict[str, int] = {}  # the first turn that gave a good
        self.workshops: Counter[int] = Counter()  # ever built, by recipe
        self.slots_ever = 0  # the highest slot ever used, plus one
        self.known: set[int] = set()  # sites
        self.seen_turn: dict[int, int] = {}
        self.seen_reserve: dict[int, int] = {}
        self.seen_taken: dict[int, bool] = {}
        self.seen_glut: dict[tuple[int, str], int] = {}
        self.receive("capital", book.n["start_cash"])

    def receive(self, cause: str, coins: int) -> None:
        """Coins come (negative: go), and are booked."""
        self.cash += coins
        self.coins[cause] += coins

    def count(self, cause: str, good: str, units: int) -> None:
        """Units of a good come (negative: go), and are booked."""
        self.units[good, cause] += units

    def reach(self, stage: str, turn: int) -> None:
        """Note a stage the first time."""
        self.stages.setdefault(stage, turn)

    def made(self, cause: str, good: str, units: int, turn: int) -> None:
        """Units of a good were dug or produced."""
        self.count(cause, good, units)
        if units > 0:
            self.first_made.setdefault(good, turn)

    def put_up(self, building: Building) -> None:
        """A building takes the lowest free slot."""
        slot = self.slots.index(None)
        self.slots[slot] = self.on_tile[building.tile] = building
        self.slots_ever = max(self.slots_ever, slot + 1)

    def clear(self, building: Building) -> None:
        """A building is gone."""
        self.slots[self.slots.index(building)] = None
        del self.on_tile[building.tile]

    @property
    def buildings(self) -> list[Building]:
        """Those that stand, in the order of their slots."""
        return [building for building in self.slots if building is not None]

    def building_at(self, tile: int | None) -> Building | None:
        """Its building on a tile."""
        return self.on_tile.get(-1 if tile is None else tile)

    def recipe_of(self, building: Building) -> Recipe | None:
        """What a workshop makes; None for an extractor."""
        return None if building.recipe is None else self.book.recipes[building.recipe]

    def upkeep(self) -> int:
        """Coins a turn for all it owns."""
        buildings = sum(self.book.upkeep[building.kind] for building in self.buildings)
        return buildings + self.book.n["cart_upkeep"] * len(self.carts)

    def room(self) -> bool:
        """True if it may own one building more."""
        return len(self.on_tile) < self.book.n["max_buildings"]

    def extractor_on(self, deposit: int) -> bool:
        """True if its extractor stands on a deposit."""
        return any(b.kind == EXTRACTOR and b.deposit == deposit for b in self.buildings)
