"""Games among any players are the engine's own; a tournament tells who beats whom and keeps all games."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from envs.waybill.core import levels
from envs.waybill.core.levels import LevelConfig
from envs.waybill.core.state import STATE, records
from envs.waybill.maps.pool import make_pool
from envs.waybill.players import play
from envs.waybill.rules.game import start_games
from experiments.games.waybill.arena import Arena, ArenaGames, with_budget
from experiments.games.waybill.environments import seats_env
from experiments.games.waybill.rivals import policy_setup
from experiments.runs import train
from experiments.runs.policies import load_policy
from experiments.studies import tournament
from groundwork.errors import WaybillError
from tiny import DQN, tiny_node

MAPS = 5


def small(*rivals: str, horizon: int = 20) -> LevelConfig:
    return replace(levels.load_level("haul"), horizon=horizon, rivals=list(rivals), planner_effort=1)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs")
    train.start_run(tiny_node(out, *DQN, "steps=5000", "level.horizon=40", "evaluation.every=2500"), folder=out / "run")
    return out / "run"


@pytest.mark.parametrize("first", ["random", "greedy", "planner"])
@pytest.mark.parametrize("rivals", [("random",), ("greedy",), ("greedy", "random")])
def test_rules_play_as_players_do(first: str, rivals: tuple[str, ...]) -> None:
    level = small(*rivals)
    played = Arena(level=level, first=7, maps=MAPS).play([first, *rivals]).of_first_seat(level.start_cash)
    alone = play.play_games(first, level, np.arange(7, 7 + MAPS, dtype=np.uint64), seed=7)
    for name in ("score", "bankrupt", "length", "won"):
        np.testing.assert_array_equal(getattr(played, name), getattr(alone, name), err_msg=name)


def test_a_policy_plays_as_in_its_environment(run: Path) -> None:
    level = small("greedy", horizon=40)
    played = Arena(level=level, first=0, maps=MAPS).play([str(run), "greedy"])
    setup = policy_setup(str(run))
    env = seats_env(setup, num_envs=MAPS, maps=(0, MAPS), level=level, in_order=True, seats=(0,))
    policy = load_policy(setup, run, env=env, device=torch.device("cpu"))
    env.reset(seed=0)
    states: Any = records(MAPS, STATE)
    pool = make_pool(level.record(), np.arange(MAPS, dtype=np.uint64))
    start_games(states, pool, level.record(), np.arange(MAPS), np.arange(MAPS, dtype=np.uint64), 0, MAPS)
    batch = env.batch
    batch.states[:] = states
    batch.look()
    scores, over = np.zeros(MAPS, np.int64), np.zeros(MAPS, bool)
    while not over.all():
        batch.step(policy.greedy(batch.observations, batch.space.mask))
        ended = batch.infos.over & ~over
        scores[ended] = batch.infos.score[ended]
        over |= ended
    bankrupt = played.bankrupt[:, 0]  # such a game ends in the engine, and goes on in the arena
    np.testing.assert_array_equal(played.cash[~bankrupt, 0] - level.start_cash, scores[~bankrupt])
    assert len(set(scores.tolist())) > 1


@pytest.mark.parametrize("actions", ["masked", "buckets"])
def test_policies_of_other_encodings_and_action_spaces_meet(tmp_path: Path, run: Path, actions: str) -> None:
    raw = (f"actions={actions}", "network=mlp", "network.width=[16]", "encoding=coordinates", "level.rivals=[greedy]")
    train.start_run(tiny_node(tmp_path, *DQN, *raw, "steps=300"), folder=tmp_path / "raw")
    level = small("greedy")
    arena = Arena(level=level, first=0, maps=MAPS)
    there, back = arena.play([str(tmp_path / "raw"), str(run)]), arena.play([str(run), str(tmp_path / "raw")])
    assert there.cash.shape == back.cash.shape == (MAPS, 2)
    np.testing.assert_array_equal(there.cash, arena.play([str(tmp_path / "raw"), str(run)]).cash)


def test_a_policy_that_searches_plays_better_from_either_seat(run: Path) -> None:
    arena = Arena(level=small("greedy", horizon=40), first=5, maps=12)
    found = {}
    for player in (str(run), f"{run}@2"):
        played = [arena.play([player, "random"]).cash[:, 0], arena.play(["random", player]).cash[:, 1]]
        found[player] = np.array(played).mean(axis=1)
        again = arena.play(["random", player]).cash[:, 1]
        np.testing.assert_array_equal(again, played[1])  # the same rounds, the same games
    assert (found[f"{run}@2"] > found[str(run)]).all()


def test_a_search_of_a_tournament_is_read_from_the_players_name(run: Path) -> None:
    assert with_budget("runs/A@20ms") == ("runs/A", "20ms")
    assert with_budget("runs/A") == ("runs/A", None)
    assert with_budget(str(run)) == (str(run), None)
    with pytest.raises(WaybillError, match="run@soon: search=soon: allowed are milliseconds"):
        Arena(level=small("greedy"), first=5, maps=2).check([f"{run}@soon"])


def test_cash_decides_and_who_is_bankrupt_loses() -> None:
    cash, bankrupt = np.array([[5, 4], [5, 5], [-3, 0], [-9, -1]]), np.array([[0, 0], [0, 0], [1, 0], [1, 1]], bool)
    played = ArenaGames(cash, bankrupt, np.full(4, 20), {})
    assert played.standing.tolist() == [[5, 4], [5, 5], [-1, 0], [-1, -1]]
    shares = tournament.shares_of({("a", "b"): played, ("b", "a"): played}, ["a", "b"])
    assert shares["a", "b"].tolist() == [0.5, 0.5, 0.5, 0.5]
    swapped = ArenaGames(cash[:, ::-1], bankrupt[:, ::-1], played.length, {})
    shares = tournament.shares_of({("a", "b"): played, ("b", "a"): swapped}, ["a", "b"])
    assert shares["a", "b"].tolist() == [1.0, 0.5, 0.0, 0.5]
    assert played.of_first_seat(2).won.tolist() == [True, False, False, False]
    assert played.of_first_seat(2).score.tolist() == [3, 3, -5, -11]


def test_a_tournament_is_told_drawn_and_kept(tmp_path: Path, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, named = tmp_path / "new" / "all.png", ["random", str(run), "greedy"]
    found = tournament.run_tournament(named, level="haul", maps=6, map_seed=3, out=out, device="cpu", progress=False)
    told = capsys.readouterr().out
    assert "haul for two, 6 maps from seed 3" in told
    assert str(out) in told
    assert json.loads(out.with_suffix(".json").read_text()) == found
    assert Image.open(out).size[0] > 500
    assert set(found["ratings"]) == set(named)
    assert found["ratings"]["greedy"]["mean"] > found["ratings"]["random"]["mean"]
    assert len(found["games"]) == 6 * 6
    assert {tuple(game["players"]) for game in found["games"]} == {(a, b) for a in named for b in named if a != b}
    assert sorted({game["map_seed"] for game in found["games"]}) == list(range(3, 9))
    wins = {(row["player"], row["against"]): row["mean"] for row in found["wins"]}
    assert all(share + wins[b, a] == pytest.approx(1.0) for (a, b), share in wins.items())
    turned = tournament.run_tournament(
        named[::-1], level="haul", maps=6, map_seed=3, out=out, device="cpu", progress=False
    )
    assert turned["ratings"] == found["ratings"]


def test_players_have_short_names() -> None:
    named = ["greedy", "runs/a/seed0", "runs/b/seed0", "runs/c"]
    assert tournament.labels_of(named) == dict(zip(named, ["greedy", "a/seed0", "b/seed0", "runs/c"], strict=True))
    assert tournament.labels_of(["runs/x", "random"]) == {"runs/x": "x", "random": "random"}


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"players": ["greedy"]}, "players greedy: a tournament needs two or more, each once"),
        ({"players": ["runs/a", "runs/a/"]}, "a tournament needs two or more, each once"),
        ({"players": ["greedy", "nobody"]}, "'nobody' is neither a run folder nor one of random, greedy, planner"),
        ({"level": "nope"}, "unknown level 'nope', known are"),
        ({"maps": 1}, "--maps=1 is not allowed"),
        ({"map_seed": -1}, "--map-seed=-1 is not allowed"),
        ({"out": Path("x.gif")}, "--out=x.gif is not allowed, it must end in .png"),
        ({"device": "tpu"}, "device=tpu is not allowed"),
    ],
)
def test_a_wrong_argument_is_named(change: dict[str, Any], line: str, tmp_path: Path) -> None:
    usual = {"players": ["greedy", "random"], "level": "haul", "maps": 4, "map_seed": 0, "out": tmp_path / "x.png"}
    with pytest.raises(ValueError, match=line):
        tournament.run_tournament(**{**usual, "device": "cpu", **change})


def test_a_network_that_does_not_fit_the_level_is_named(tmp_path: Path) -> None:
    wide = ("network=mlp", "network.width=[16]", "steps=300")
    train.start_run(tiny_node(tmp_path, *DQN, *wide), folder=tmp_path / "mlp")
    with pytest.raises(ValueError, match="does not fit level refine: level=haul there and refine here"):
        tournament.run_tournament(["greedy", str(tmp_path / "mlp")], level="refine", maps=4, map_seed=0,
                       out=tmp_path / "x.png", device="cpu")  # fmt: skip
