"""A game of the engine and one of the reference as the same nested words and numbers, and their first difference."""

from __future__ import annotations

from typing import Any

import numpy as np
from country import Site
from holdings import Building, Cart, Company
from outlook import seen_from_road, seen_from_tile
from world import World

from envs.waybill.core import state as st

Picture = dict[str, Any]
KINDS = ("nothing", "extractor", "workshop")


class Disagreement(AssertionError):
    """Engine and reference differ."""


def first_difference(here: Any, there: Any, path: str = "") -> str | None:
    """Where the engine's picture (here) differs from the reference's (there), in words; None if nowhere."""
    if isinstance(here, dict) and isinstance(there, dict):
        for key in {**here, **there}:
            if (
                found := first_difference(here.get(key), there.get(key), f"{path}, {key}" if path else key)
            ) is not None:
                return found
        return None
    return None if here == there else f"{path}: {here} in the engine, {there} in the reference"


def bits(number: int) -> list[int]:
    """The sites of a bit set."""
    return [site for site in range(32) if number >> site & 1]


class EnginePicture:
    """What matters of a STATE record, in words; goods, deposits and towns as the level has them."""

    def __init__(self, goods: list[str], deposits: int, towns: int, companies: int, recipes: int) -> None:
        self.goods, self.deposits, self.towns = goods, deposits, towns
        self.companies, self.recipes = companies, recipes

    def of(self, record: Any) -> Picture:
        s = dict(zip(st.STATE.names, record.item(), strict=True))
        picture: Picture = {"turn": s["turn"], "over": s["done"] != 0}
        for d in range(self.deposits):
            owner = None if s["owner"][d] == st.NOBODY else int(s["owner"][d])
            picture[f"deposit {d}"] = {"reserve": s["reserve"][d], "renewed": s["renewed"][d], "owner": owner}
        for t in range(self.towns):
            glut = dict(zip(self.goods, s["glut"][t].tolist(), strict=False))
            picture[f"town {self.deposits + t}"] = {"glut": glut}
        for seat in range(self.companies):
            picture[f"seat {seat}"] = self._company(record["companies"][seat])
        return picture

    def _company(self, record: Any) -> Picture:
        c = dict(zip(st.COMPANY.names, record.item(), strict=True))
        picture: Picture = {name: c[name] for name in ("home", "cash", "cash_tm1", "sales", "public_sales")}
        picture |= {name: c[name] for name in ("public_total", "public_recent", "illegal", "n_carts", "n_slots")}
        picture["bankrupt"] = c["bankrupt"] != 0
        picture["orders"] = dict(zip(st.VERBS, c["orders"].tolist(), strict=True))
        picture["stages"] = dict(zip(st.STAGES, c["stage_turn"].tolist(), strict=True))
        picture["made"] = dict(zip(self.goods, c["made_turn"].tolist(), strict=False))
        picture["workshops"] = c["workshops"].tolist()[: self.recipes]
        picture["coins"] = dict(zip(st.CASH_ACCOUNTS, c["cash_ledger"].tolist(), strict=True))
        for good, row in zip(self.goods, c["goods_ledger"].tolist(), strict=False):
            picture[f"units of {good}"] = dict(zip(st.GOODS_ACCOUNTS, row, strict=True))
        picture["known"] = [site for site in bits(c["known"]) if site < self.deposits + self.towns]
        seen = zip(c["seen_reserve"].tolist(), c["seen_taken"].tolist(), strict=True)
        for d, (reserve, taken) in zip(range(self.deposits), seen, strict=False):
            picture[f"deposit {d} as seen"] = {"reserve": reserve, "taken": taken != 0, "turn": int(c["seen_turn"][d])}
        for t in range(self.towns):
            seen_glut = dict(zip(self.goods, c["seen_glut"][t].tolist(), strict=False))
            turn = int(c["seen_turn"][self.deposits + t])
            picture[f"town {self.deposits + t} as seen"] = {"glut": seen_glut, "turn": turn}
        stand = c["buildings"]["kind"] != st.EMPTY
        for b in np.flatnonzero(stand):
            picture[f"building {b}"] = self._building(c["buildings"][b], stand)
        for k in np.flatnonzero(c["carts"]["phase"] != st.NO_CART):
            picture[f"cart {k}"] = self._cart(c["carts"][k])
        return picture

    def _building(self, record: Any, stand: Any) -> Picture:
        b = dict(zip(st.BUILDING.names, record.item(), strict=True))
        works = b["kind"] == st.WORKS
        return {
            "kind": KINDS[b["kind"]], "tile": b["tile"], "ready in": b["ready_in"], "gives": self.goods[b["output"]],
            "recipe": b["recipe"] if works else None, "deposit": None if works else b["site"], "stock": b["stock"],
            "inputs": b["inputs"].tolist(), "sees": bits(b["sees"]), "ways": np.where(stand, b["travel"], 0).tolist(),
        }  # fmt: skip

    def _cart(self, record: Any) -> Picture:
        k = dict(zip(st.CART.names, record.item(), strict=True))
        picture: Picture = {"phase": st.CART_PHASES[k["phase"]], "load": k["load"]}
        for name in ("leg_from", "leg_to", "leg_turns", "leg_left"):
            picture[name] = k[name]
        if k["phase"] != st.IDLE:
            picture |= {
                "source": k["source"],
                "good": self.goods[k["good"]],
                "route": k["route"],
                "sees": bits(k["sees"]),
            }
            town = k["target"] >= st.MAX_BUILDINGS
            picture["target"] = k["target"] if not town else f"site {self.deposits + k['target'] - st.MAX_BUILDINGS}"
        return picture


class ReferencePicture:
    """The same of a game of the reference."""

    def __init__(self, world: World) -> None:
        self.world, self.land = world, world.land

    def of(self) -> Picture:
        land = self.land
        picture: Picture = {"turn": land.turn, "over": land.over}
        for d in land.reserve:
            owner = land.owner[d]
            picture[f"deposit {d}"] = {"reserve": land.reserve[d], "renewed": land.renewed[d], "owner": owner}
        for town in land.country.towns:
            glut = {good: land.glut[town.number, good] for good in land.book.goods}
            picture[f"town {town.number}"] = {"glut": glut}
        for company in self.world.companies:
            picture[f"seat {company.seat}"] = self._company(company)
        return picture

    def _company(self, c: Company) -> Picture:
        book = self.land.book
        picture: Picture = {
            "home": c.home, "cash": c.cash, "cash_tm1": c.cash_before, "sales": c.sales,
            "public_sales": c.public_sales, "public_total": c.public_total, "public_recent": c.public_recent,
            "illegal": c.illegal, "n_carts": len(c.carts), "n_slots": c.slots_ever, "bankrupt": c.bankrupt,
            "orders": {verb: c.given[verb] for verb in st.VERBS},
            "stages": {stage: c.stages.get(stage, -1) for stage in st.STAGES},
            "made": {good: c.first_made.get(good, -1) for good in book.goods},
            "workshops": [c.workshops[r] for r in range(len(book.recipes))],
            "coins": {account: c.coins[account] for account in st.CASH_ACCOUNTS},
            "known": sorted(c.known),
        }  # fmt: skip
        for good in book.goods:
            picture[f"units of {good}"] = {account: c.units[good, account] for account in st.GOODS_ACCOUNTS}
        for d in self.land.reserve:
            picture[f"deposit {d} as seen"] = {
                "reserve": c.seen_reserve.get(d, 0), "taken": c.seen_taken.get(d, False), "turn": c.seen_turn.get(d, -1)
            }  # fmt: skip
        for town in self.land.country.towns:
            glut = {good: c.seen_glut.get((town.number, good), 0) for good in book.goods}
            picture[f"town {town.number} as seen"] = {"glut": glut, "turn": c.seen_turn.get(town.number, -1)}
        picture |= {f"building {b}": self._building(c, building) for b, building in enumerate(c.slots) if building}
        picture |= {f"cart {k}": self._cart(c, cart) for k, cart in enumerate(c.carts)}
        return picture

    def _building(self, c: Company, b: Building) -> Picture:
        ways = [0 if other is None else self.land.country.way(b.tile, other.tile) for other in c.slots]
        sees = seen_from_tile(self.land, b.tile) if self.land.book.fog else set()
        inputs = [*b.inputs.values(), 0, 0][: st.MAX_INPUTS]
        return {
            "kind": b.kind, "tile": b.tile, "ready in": b.ready_in, "gives": b.good, "recipe": b.recipe,
            "deposit": b.deposit, "stock": b.stock, "inputs": inputs, "sees": sorted(sees), "ways": ways,
        }  # fmt: skip

    def _cart(self, c: Company, k: Cart) -> Picture:
        picture: Picture = {"phase": k.phase.value, "load": k.load}
        picture |= {"leg_from": k.leg_from, "leg_to": k.leg_to, "leg_turns": k.leg_turns, "leg_left": k.leg_left}
        if k.source is not None and k.target is not None:
            picture |= {"source": c.slots.index(k.source), "good": k.good, "route": k.route}
            picture["sees"] = sorted(seen_from_road(self.land, k)) if self.land.book.fog else []
            town = isinstance(k.target, Site)
            picture["target"] = f"site {k.target.number}" if town else c.slots.index(k.target)
        return picture
