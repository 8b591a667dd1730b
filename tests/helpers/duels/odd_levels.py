"""Levels whose numbers are drawn: other sizes, recipes, stores, markets, rivals and fog than any level file has."""

from __future__ import annotations

import random
from typing import Any

from envs.waybill.core.levels import LevelConfig, RecipeConfig, TerrainConfig
from groundwork.errors import WaybillError

RAW, REFINED = ["wood", "ore", "clay"], ["planks", "iron", "bricks", "tools"]


def drawn_recipes(rng: random.Random, raw: list[str], refined: list[str]) -> list[RecipeConfig]:
    """A recipe for each refined good, of one or two goods before it in the list."""
    recipes = []
    for place, output in enumerate(refined):
        before = [*raw, *refined[:place]]
        inputs = rng.sample(before, min(len(before), rng.choice([1, 1, 2])))
        recipes.append(RecipeConfig({good: rng.randint(1, 4) for good in inputs}, output, rng.randint(1, 3)))
    return recipes


def drawn_numbers(rng: random.Random) -> dict[str, Any]:
    """Numbers of a level, most of them small, so that things fill up, run out and collide."""
    raw, refined = RAW[: rng.randint(1, 3)], REFINED[: rng.randint(0, 4)]
    prices = {good: rng.choice([0, 3, 8, 20, 90]) for good in [*raw, *refined]}
    pick = rng.choice
    return {
        "side": rng.randint(6, 13), "deposits": rng.randint(len(raw), 8), "towns": rng.randint(1, 4),
        "raw_goods": raw, "refined_goods": refined, "prices": prices, "recipes": drawn_recipes(rng, raw, refined),
        "horizon": rng.randint(2, 90), "start_cash": pick([30, 150, 400, 3000]), "train_steps": 1,
        "max_buildings": rng.randint(1, 16), "max_carts": rng.randint(1, 16),
        "extractor_cost": rng.randint(1, 60), "extractor_lead": rng.randint(0, 4), "extractor_upkeep": pick([0, 1, 5]),
        "workshop_cost": rng.randint(1, 80), "workshop_lead": rng.randint(0, 5), "workshop_upkeep": pick([0, 1, 7]),
        "cart_cost": rng.randint(1, 30), "cart_upkeep": pick([0, 1, 3]), "cart_capacity": rng.randint(1, 14),
        "cart_speed": rng.randint(1, 20), "refund_percent": pick([0, 33, 50, 99]), "dig_rate": rng.randint(1, 9),
        "store": rng.randint(4, 30), "reserve": pick([1, 9, 40, 120]), "renew_turns": rng.randint(1, 9),
        "price_spread_percent": pick([0, 30, 90]), "market_depth": pick([1, 5, 24]), "market_turns": rng.randint(1, 15),
        "sight": pick([0, 0, 4, 10, 25]), "rivals": ["greedy"] * rng.randint(0, 3),
        "terrain": TerrainConfig(*(rng.randint(0, 26) for _ in range(3)), *sorted(rng.sample(range(1, 10), 3))),
    }  # fmt: skip


def odd_level(seed: int) -> LevelConfig:
    """The level of a seed: the first numbers drawn that make one."""
    rng = random.Random(seed)
    while True:
        try:
            return LevelConfig(name=f"odd {seed}", **drawn_numbers(rng))
        except WaybillError:
            continue
