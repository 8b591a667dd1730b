"""Evaluation: a map's game doesn't depend on the batch it is played in; players are kept, and kept right."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from envs.waybill.core import levels
from envs.waybill.players.play import RULE_PLAYERS
from experiments.config import reading
from experiments.games import evaluate
from experiments.games.waybill import environments, evaluation
from experiments.games.waybill.baselines import evaluate_player
from experiments.games.waybill.evaluation import MapEvaluator, MapGames
from experiments.games.waybill.held_out import HeldOutMaps
from experiments.runs import train
from experiments.runs.domain import ActGreedily
from experiments.runs.policies import load_policy
from groundwork.errors import WaybillError
from tiny import DQN, tiny_node, tiny_setup


def first_legal(obs: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The last legal action: mostly not PASS."""
    return mask.shape[1] - 1 - np.argmax(mask[:, ::-1] != 0, axis=1)


def test_a_game_depends_on_its_map_and_policy_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    setup = tiny_setup(tmp_path)
    together = MapEvaluator(setup=setup, first_map=10, maps=9)(first_legal)
    alone = [MapEvaluator(setup=setup, first_map=10 + i, maps=1)(first_legal).score[0] for i in range(9)]
    assert together.score.tolist() == alone
    monkeypatch.setattr(evaluation, "GAMES_AT_ONCE", 4)
    assert MapEvaluator(setup=setup, first_map=10, maps=9)(first_legal).score.tolist() == alone
    assert len(set(alone)) > 1


def test_an_evaluator_gives_the_same_games_again(tmp_path: Path) -> None:
    evaluator = MapEvaluator(setup=tiny_setup(tmp_path), first_map=0, maps=5)
    first, second = evaluator(first_legal), evaluator(first_legal)
    for name in ("score", "bankrupt", "reward", "length", "won"):
        assert np.array_equal(getattr(first, name), getattr(second, name))
    assert {good: units.tolist() for good, units in first.made.items()} == {
        good: units.tolist() for good, units in second.made.items()
    }
    assert (first.length <= 20).all()


class Expects:
    """A policy that expects as much of a state as its first column says."""

    def __call__(self, obs: np.ndarray, mask: np.ndarray) -> np.ndarray:
        return first_legal(obs, mask)

    def values(self, obs: np.ndarray, mask: np.ndarray) -> np.ndarray:
        assert mask.all(axis=1).sum() < len(mask)
        return obs[:, 0]


def test_what_a_policy_expects_stands_beside_what_came(tmp_path: Path) -> None:
    setup = tiny_setup(tmp_path, "reward=cash", "agent.gamma=0.9")
    games = MapEvaluator(setup=setup, first_map=10, maps=6)(Expects())
    assert games.foreseen is not None
    differs = False
    for i in range(6):
        env = environments.batch_env(setup, num_envs=1, maps=(10 + i, 1), in_order=True)
        obs, infos = env.reset(seed=0)
        assert games.foreseen.q_start[i] == obs[0, 0]
        rewards, over = [], False
        while not over:
            obs, r_t, terminated, _, infos = env.step(first_legal(obs, infos["action_mask"]))
            rewards.append(float(r_t[0]))
            over = bool(terminated[0])
        wanted = sum(0.9**t * r_t for t, r_t in enumerate(rewards))
        assert games.foreseen.returned[i] == pytest.approx(wanted)
        differs = differs or abs(wanted - sum(rewards)) > 1e-3
        assert games.made["wood"][i] == infos["made"][0, 0]
    assert differs
    tags = games.tags()
    assert tags["eval/q_start"] == pytest.approx(games.foreseen.q_start.mean())
    assert tags["eval/discounted_return"] == pytest.approx(games.foreseen.returned.mean())
    assert tags["eval/made/ore"] == games.made["ore"].mean()
    plain = MapEvaluator(setup=setup, first_map=10, maps=6)(first_legal)
    assert plain.foreseen is None  # nothing is said of what a rule expects
    assert plain.score.tolist() == games.score.tolist()


def test_sparse_reward_is_the_profit_in_the_same_order(tmp_path: Path) -> None:
    games = MapEvaluator(setup=tiny_setup(tmp_path, "reward=sparse"), first_map=0, maps=8)(first_legal)
    assert np.corrcoef(games.reward, games.score)[0, 1] > 0.999


def test_players_are_kept_map_by_map_and_played_anew_when_the_file_is_damaged(tmp_path: Path) -> None:
    options = {"level": levels.load_level("haul"), "cache": tmp_path / "cache"}
    played = evaluate_player("random", first_map=0, maps=6, **options)
    (file,) = (tmp_path / "cache").iterdir()
    more = evaluate_player("random", first_map=4, maps=30, **options)
    again = evaluate_player("random", first_map=0, maps=40, **options)
    assert np.array_equal(again.score[:6], played.score)
    assert np.array_equal(again.score[4:34], more.score)
    file.write_bytes(file.read_bytes()[:50])
    anew = evaluate_player("random", first_map=0, maps=40, **options)
    assert np.array_equal(anew.score, again.score)
    assert np.array_equal(anew.bankrupt, again.bankrupt)
    other = evaluate_player("random", first_map=0, maps=40, seed=1, **options)
    assert not np.array_equal(other.score, anew.score)
    assert len(list((tmp_path / "cache").iterdir())) == 2


def test_kept_games_are_used(tmp_path: Path) -> None:
    options = {"level": levels.load_level("haul"), "first_map": 0, "maps": 4, "cache": tmp_path}
    played = evaluate_player("greedy", **options)
    (file,) = tmp_path.iterdir()
    with file.open("wb") as stream:
        np.savez(stream, games=np.array([(i, 12345, 0, 60, 0, 70, 80) for i in range(4)]))
    assert played.score.max() < 12345
    again = evaluate_player("greedy", **options)
    assert again.score.tolist() == [12345] * 4
    assert {good: units.tolist() for good, units in again.made.items()} == {"wood": [70] * 4, "ore": [80] * 4}
    with file.open("wb") as stream:
        np.savez(stream, games=np.array([(i, 12345, 0, 60, 0) for i in range(4)]))  # of another shape
    assert evaluate_player("greedy", **options).score.tolist() == played.score.tolist()


def test_players_stand_in_order_on_the_held_out_maps(tmp_path: Path) -> None:
    level = levels.load_level("haul")
    games = {name: evaluate_player(name, level=level, first_map=0, maps=8, cache=None) for name in RULE_PLAYERS}
    means = [games[name].score.mean() for name in ("random", "greedy", "planner")]
    assert means == sorted(means)


def test_an_unwritable_cache_is_no_mistake(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    level = levels.load_level("haul")
    games = evaluate_player("greedy", level=level, first_map=0, maps=3, cache=tmp_path / "file" / "x")
    assert len(games.score) == 3


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs")
    train.start_run(tiny_node(out, *DQN, "steps=300"), folder=out / "run")
    return out / "run"


def test_a_loaded_policy_scores_what_the_result_says(run: Path) -> None:
    scores = evaluate.evaluate_target(
        str(run), level=None, maps=None, map_seed=None, seed=0, device="cpu", out="unused"
    )
    saved = train.results.read_result(run)
    assert saved is not None
    assert scores["dqn"]["by_map"] == saved["scores"]["dqn"]["by_map"]


def test_candidate_weights_play_another_level(run: Path) -> None:
    scores = evaluate.evaluate_target(str(run), level="refine", maps=2, map_seed=5, seed=0, device="cpu", out="unused")
    assert len(scores["dqn"]["by_map"]) == 2


def test_a_policy_that_does_not_fit_names_what_differs(tmp_path: Path) -> None:
    node = tiny_node(tmp_path, *DQN, "steps=300", "network=mlp", "network.width=[16]")
    train.start_run(node, folder=tmp_path / "run")
    setup = reading.read_run(tmp_path / "run")
    evaluator = MapEvaluator(setup=setup, first_map=0, maps=2, level=levels.load_level("refine"))
    with pytest.raises(ValueError, match="does not fit level refine: .* is .* there and .* here"):
        load_policy(setup, tmp_path / "run", env=evaluator.env, device=torch.device("cpu"))


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"level": "nope"}, "unknown level 'nope', known are haul, refine"),
        ({"maps": 1}, "--maps=1 is not allowed, it must be 2..100000 maps"),
        ({"map_seed": -1}, "--map-seed=-1 is not allowed"),
        ({"device": "tpu"}, "device=tpu is not allowed"),
        ({"target": "runs/nowhere"}, "'runs/nowhere' is neither a run folder nor a player"),
    ],
)
def test_a_wrong_argument_is_named(run: Path, change: dict, line: str) -> None:
    usual = {"target": str(run), "level": None, "maps": None, "map_seed": None, "seed": 0, "device": "cpu", "out": "x"}
    with pytest.raises(ValueError, match=line):
        evaluate.evaluate_target(**{**usual, **change})


def test_a_score_is_a_share_of_each_planners(tmp_path: Path) -> None:
    def scored(score: int) -> MapGames:
        some, none = np.array([score, score + 10]), np.zeros(2, np.bool_)
        return MapGames(some, none, some * 0.0, some, none, True, {"tools": np.array([3, 4])})

    level = levels.load_level("rivals")
    held_out = HeldOutMaps(setup=None, level=level, first=0, maps=2, seed=None, out=tmp_path)
    players = {"random": scored(-100), "greedy": scored(0), "planner_seen": scored(100), "planner": scored(300)}
    rows = held_out.compare({"dqn": scored(0), **players})
    assert rows["dqn"]["normalised"]["mean"] == 0.25
    assert rows["dqn"]["normalised_seen"]["mean"] == 0.5
    assert rows["planner"]["normalised_seen"]["mean"] == 2.0
    assert rows["dqn"]["made"] == {"tools": 3.5}
    assert [text(rows["dqn"]) for text in held_out.columns.values()][-4:] == [
        "0.25 (0.25 … 0.25)", "0.50 (0.50 … 0.50)", "0% (0% … 66%)", "3.5",
    ]  # fmt: skip
    alone = HeldOutMaps(setup=None, level=levels.load_level("haul"), first=0, maps=2, seed=None, out=tmp_path)
    del players["planner_seen"]
    rows = alone.compare(players)
    assert rows["greedy"]["normalised_seen"] is None
    assert list(alone.columns) == ["score", "95 % interval", "bankrupt", "normalised"]


def test_a_policy_that_searches_is_measured_beside_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where nothing is hidden the same rounds give the same games again, and better ones than the policy's."""
    train.start_run(tiny_node(tmp_path, *DQN, "level.horizon=40", "steps=2000"), folder=tmp_path / "run")
    found = [evaluate.evaluate_target(str(tmp_path / "run"), maps=6, search="2") for _ in range(2)]
    assert found[0] == found[1]
    alone, thinking = (np.array(found[0][name]["by_map"]) for name in ("dqn", "dqn with search"))
    assert thinking.mean() > alone.mean()
    printed = capsys.readouterr().out
    assert "│ dqn with search" in printed
    assert re.search(r"search: 2 a decision, \d+\.\d ms taken on average", printed)


@pytest.mark.parametrize("seeds", [1, 2])
def test_a_run_can_have_the_policy_that_searches_in_its_result(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], seeds: int
) -> None:
    """The same scores as the command finds later; the run's own score stays that of the policy."""
    asked = (*DQN, "level.horizon=40", "steps=1000", f"seeds={seeds}", "evaluation.search=2", "evaluation.final_maps=6")
    score = train.start_run(tiny_node(tmp_path, *asked), folder=tmp_path / "run")
    folders = [tmp_path / "run"] if seeds == 1 else [tmp_path / "run" / f"seed{seed}" for seed in range(seeds)]
    printed, means = capsys.readouterr().out, []
    for seed, folder in enumerate(folders):
        scores = json.loads((folder / "result.json").read_text())["scores"]
        later = evaluate.evaluate_target(str(folder), search="2")
        for name in ("dqn", "dqn with search"):
            assert scores[name]["by_map"] == later[name]["by_map"]
            assert f"│ {name}{f' seed={seed}' if seeds > 1 else ''}" in printed
        means.append(scores["dqn"]["mean"])
    assert score == pytest.approx(np.mean(means))


def test_a_search_is_refused_where_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(WaybillError, match="'greedy' is no run folder, only a trained policy can search"):
        evaluate.evaluate_target("greedy", search="20ms")
    with pytest.raises(WaybillError, match="^--search=soon: allowed are milliseconds"):
        evaluate.evaluate_target("greedy", search="soon")
    with pytest.raises(WaybillError, match="^--search-turns=0 is not in"):
        evaluate.evaluate_target("greedy", search="4", search_turns=0)
    with pytest.raises(WaybillError, match="^--search-candidates=4 needs --search"):
        evaluate.evaluate_target("greedy", search_candidates=4)


def test_a_thinking_policy_is_not_asked_about_games_that_are_over(tmp_path: Path) -> None:
    """Bankrupt games end early, and new ones begin in their rows."""
    asked: list[np.ndarray] = []

    class Thinks:
        title, milliseconds = "thinks", 0.0

        def at(self, env: object) -> ActGreedily:
            def act(obs: np.ndarray, mask: np.ndarray) -> np.ndarray:
                asked.append(mask.any(axis=1))
                return np.where(mask.any(axis=1), first_legal(obs, mask), 0)

            return act

    evaluator = MapEvaluator(setup=tiny_setup(tmp_path, "level.horizon=60"), first_map=10, maps=9)
    games, alone = evaluator(Thinks()), evaluator(first_legal)
    assert games.score.tolist() == alone.score.tolist()
    assert 0 < games.bankrupt.sum() < 9
    assert np.array(asked).sum(axis=0).tolist() == games.length.tolist()
