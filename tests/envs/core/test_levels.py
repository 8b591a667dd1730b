"""Level files and their checks: a bad number is one clear line, and the raw action space has its literal sizes."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from envs.waybill.core import levels
from envs.waybill.core.levels import LevelConfig, RecipeConfig, TerrainConfig
from envs.waybill.core.state import n_raw_actions


def values(**changed: Any) -> dict[str, Any]:
    good: dict[str, Any] = {
        "name": "test", "side": 10, "deposits": 4, "towns": 2, "raw_goods": ["wood"], "refined_goods": ["planks"],
        "prices": {"planks": 10}, "recipes": [{"inputs": {"wood": 2}, "output": "planks"}], "horizon": 20,
        "start_cash": 100, "train_steps": 1000,
    }  # fmt: skip
    return {**good, **changed}


@pytest.mark.parametrize(
    ("side", "recipes", "carts", "count"),
    [(16, 2, 16, 1_115_137), (32, 2, 16, 17_829_889), (12, 2, 8, 187_201), (10, 0, 6, 70_201), (6, 0, 1, 2665)],
)
def test_size_of_the_raw_action_space(side: int, recipes: int, carts: int, count: int) -> None:
    assert n_raw_actions(side, recipes, carts) == count


@pytest.mark.parametrize("name", levels.names())
def test_every_level_file_loads_and_is_named_after_its_file(name: str) -> None:
    level = levels.load_level(name)
    assert level.name == name
    assert level.n_raw_actions == n_raw_actions(level.side, len(level.recipes), level.max_carts)
    record = level.record()[0]
    for field in ("side", "horizon", "start_cash", "cart_speed", "market_depth", "extractor_lead", "refund_percent"):
        assert record[field] == getattr(level, field), field
    assert record["terrain_percent"].sum() == 100
    assert record["n_goods"] == len(level.goods)


def test_returns_are_the_levels_own_and_no_part_of_the_game() -> None:
    highest = {name: levels.load_level(name).returns[1] for name in levels.names()}
    assert highest == {"haul": 10, "refine": 25, "chain": 40, "rivals": 30, "fog": 30}
    other = dataclasses.replace(levels.load_level("haul"), returns=[-1.0, 1.0])
    assert other == levels.load_level("haul")
    assert "returns" not in other.numbers()


def test_haul_and_refine_are_there() -> None:
    assert {"haul", "refine"} <= set(levels.names())


def test_a_level_record_by_literals() -> None:
    level = levels.from_mapping(
        values(
            raw_goods=["ore", "coal"], refined_goods=["iron", "steel"], prices={"steel": 50, "iron": 7},
            recipes=[
                {"inputs": {"ore": 2}, "output": "iron"},
                {"inputs": {"iron": 1, "coal": 3}, "output": "steel", "output_units": 2},
            ],
        ),
        "test",
    )  # fmt: skip
    row = level.record()[0]
    assert level.goods == ["ore", "coal", "iron", "steel"]
    assert row["price"].tolist() == [0, 0, 7, 50, 0, 0, 0, 0]
    assert [row[name] for name in ("n_goods", "n_raw", "n_recipes")] == [4, 2, 2]
    first, second = row["recipes"][0], row["recipes"][1]
    assert (first["n_inputs"], first["output"], first["output_units"]) == (1, 2, 1)
    assert (first["inputs"].tolist(), first["input_units"].tolist()) == ([0, -1], [2, 0])
    assert (second["n_inputs"], second["output"], second["output_units"]) == (2, 3, 2)
    assert (second["inputs"].tolist(), second["input_units"].tolist()) == ([2, 1], [1, 3])


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"side": 5}, "side=5 is not in 6..32"),
        ({"side": 33}, "side=33 is not in 6..32"),
        ({"returns": [3.0, 1.0]}, "returns=[3.0, 1.0] are not two finite numbers, the lower one first"),
        ({"returns": [3.0]}, "returns=[3.0] are not two finite numbers"),
        ({"returns": [0.0, float("inf")]}, "returns=[0.0, inf] are not two finite numbers"),
        ({"deposits": 0}, "deposits=0"),
        ({"towns": 9}, "towns=9"),
        ({"horizon": 1}, "horizon=1"),
        ({"start_cash": 0}, "start_cash=0"),
        ({"max_carts": 17}, "max_carts=17 is not in 1..16"),
        ({"max_buildings": 17}, "max_buildings=17 is not in 1..16"),
        ({"refund_percent": 100}, "refund_percent=100 is not in 0..99"),
        ({"cart_speed": 0}, "cart_speed=0"),
        ({"market_turns": 0}, "market_turns=0"),
        ({"renew_turns": 0}, "renew_turns=0"),
        ({"prices": {"planks": 0}}, "no good has a price above 0"),
        ({"prices": {"planks": -1}}, "prices.planks=-1"),
        ({"prices": {"gold": 5}}, "unknown good 'gold', known are wood, planks"),
        ({"recipes": [{"inputs": {"oar": 1}, "output": "planks"}]}, "unknown good 'oar'"),
        ({"recipes": [{"inputs": {}, "output": "planks"}]}, "needs 1..2 inputs"),
        ({"recipes": [{"inputs": {"wood": 0}, "output": "planks"}]}, "units outside 1..24 (store)"),
        ({"recipes": [{"inputs": {"wood": 1}, "output": "planks", "output_units": 0}]}, "units outside 1..24 (store)"),
        ({"recipes": [{"inputs": {"wood": 1}, "output": "planks"}] * 5}, "5 recipes"),
        ({"raw_goods": []}, "0 raw goods"),
        ({"raw_goods": list("abcde")}, "5 raw goods"),
        ({"terrain": {"water_percent": 41}}, "terrain.water_percent=41 is not in 0..40"),
        ({"terrain": {"forest_percent": -1}}, "terrain shares (-1, 12, 14) % are not in 0..80"),
        ({"terrain": {"hill_cost": 10}}, "terrain costs (1, 2, 10) are not in 1..9"),
        ({"terrain": {"swamp_percent": 3}}, "swamp_percent"),
        ({"hights": 3}, "unknown key 'hights'"),
        ({"side": "ten"}, "test.yaml: "),
    ],
)
def test_a_bad_number_is_one_clear_line(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match="test") as caught:
        levels.from_mapping(values(**changed), "level file test.yaml")
    line = str(caught.value)
    assert line.startswith("level file test.yaml: ")
    assert said in line
    assert "\n" not in line


def test_a_missing_number_is_named() -> None:
    with pytest.raises(ValueError, match="horizon"):
        levels.from_mapping({key: value for key, value in values().items() if key != "horizon"}, "test")


def test_an_unknown_level_names_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"unknown level 'hall', known are .*haul.*refine"):
        levels.load_level("hall")


def test_a_level_survives_being_written_as_plain_values() -> None:
    level = levels.from_mapping(values(), "test")
    again = levels.from_mapping(yaml.safe_load(yaml.safe_dump(dataclasses.asdict(level))), "test")
    assert again == level
    assert again.record().tobytes() == level.record().tobytes()


def test_level_files_say_only_what_is_known(tmp_path: Path) -> None:
    for name in levels.names():
        keys = set(yaml.safe_load((levels.LEVEL_FOLDER / f"{name}.yaml").read_text()))
        assert keys <= {field.name for field in dataclasses.fields(LevelConfig)}


def test_defaults_are_in_range() -> None:
    level = LevelConfig(**{**values(), "recipes": [RecipeConfig({"wood": 2}, "planks")]}, terrain=TerrainConfig())
    assert np.array_equal(level.record()[0]["terrain_cost"], [1, 2, 3, 0])
