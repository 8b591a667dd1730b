"""Rivals by config: the learner's rows of the very same games, self-play that goes on where it stopped, wins told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from trained_runs import differences, trained

from envs.waybill.vector_env import WaybillVectorEnv
from experiments.common import checkpoint_files
from experiments.games import evaluate
from experiments.games.waybill.environments import batch_env, seats_env, training_env
from experiments.games.waybill.rival_games import RivalGames
from experiments.games.waybill.rivals import rivals_of, snapshot_pool
from experiments.runs import train
from experiments.runs.loop import make_loop
from tiny import DQN, tiny_node, tiny_setup

SELF = ("rivals=[self,greedy,self]", "selfplay.snapshot_every=200", "selfplay.pool=3")


def last_legal(obs: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return mask.shape[1] - 1 - np.argmax(mask[:, ::-1] != 0, axis=1)


def a_third(obs: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return np.argsort(-mask, axis=1, kind="stable")[:, 2] * (mask.sum(axis=1) > 2)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished tiny run without rivals."""
    out = tmp_path_factory.mktemp("runs")
    train.start_run(tiny_node(out, *DQN, "steps=300"), folder=out / "run")
    return out / "run"


@pytest.mark.parametrize("actions", ["heuristic", "full"])
def test_the_learners_rows_are_those_of_the_game_with_all_seats_from_outside(tmp_path: Path, actions: str) -> None:
    setup = tiny_setup(tmp_path, f"actions={actions}", "rivals=[x,greedy,y]", "reward=cash")
    options: dict[str, Any] = {"num_envs": 5, "maps": (0, 5), "level": None, "in_order": True, "seats": (0, 1, 3)}
    whole, own = seats_env(setup, **options), seats_env(setup, **options)
    games = RivalGames(env=own, cast=["x", "y"], players={"x": last_legal, "y": a_third}, pool=None)
    rows, row_infos = whole.reset(seed=3)
    obs, infos = games.reset(seed=3)
    ends = 0
    for _ in range(50):
        np.testing.assert_array_equal(obs, rows[::3])
        np.testing.assert_array_equal(infos["action_mask"], row_infos["action_mask"][::3])
        mine, mask = last_legal(obs, infos["action_mask"]), row_infos["action_mask"]
        chosen = np.stack([mine, last_legal(rows[1::3], mask[1::3]), a_third(rows[2::3], mask[2::3])], axis=1)
        obs, *results, infos = games.step(mine)
        rows, *row_results, row_infos = whole.step(chosen.reshape(-1))
        for a, b in zip(results, row_results, strict=True):
            np.testing.assert_array_equal(a, b[::3])
        for name in ("score", "won", "bankrupt", "orders", "stages", "reset"):
            np.testing.assert_array_equal(infos[name], row_infos[name][::3])
        if results[1].any():
            ends += 1
            np.testing.assert_array_equal(infos["finished"]["r"], row_infos["finished"]["r"][::3])
            np.testing.assert_array_equal(infos["_finished"], results[1])
        else:
            assert "finished" not in infos
    assert ends > 1


def test_a_snapshot_is_drawn_for_each_seat_of_self_and_anew_for_each_game(tmp_path: Path) -> None:
    setup = tiny_setup(tmp_path, *DQN, *SELF, "selfplay.latest_share=0.2")
    games = training_env(setup)
    assert isinstance(games, RivalGames)
    assert games.pool is not None
    weights = snapshot_pool(setup, games, torch.device("cpu"))._make_actor().policy_state_dict()
    obs, infos = games.reset(seed=0)
    for step in (0, 200, 400):
        games.take_snapshot(step, lambda: weights)
    before, drawn = games._actor.copy(), set()
    assert before.shape == (8, 3)
    assert (before[:, 0] == -1).all()
    assert (before[:, 1:] == 0).all()  # begun when there was but one to come
    for _ in range(70):
        obs, _, _, _, infos = games.step(last_legal(obs, infos["action_mask"]))
        changed = (games._actor != before).any(axis=1)
        assert not (changed & ~infos["reset"]).any()
        drawn |= {tuple(row) for row in games._actor[infos["reset"]].tolist()}
        before = games._actor.copy()
    assert {seat for row in drawn for seat in row[1:]} == {0, 200, 400}
    assert any(row[1] != row[2] for row in drawn)


def test_evaluations_let_greedy_play_for_self(tmp_path: Path) -> None:
    scores = []
    for rivals in ("rivals=[self,self]", "rivals=[greedy,greedy]", "level.rivals=[greedy,greedy]", "rivals=[random]"):
        games = tiny_setup(tmp_path, rivals).domain.validation(tiny_setup(tmp_path, rivals))(last_legal)
        scores.append((games.score.tolist(), games.won.tolist(), games.contested))
    assert scores[0] == scores[1] == scores[2] != scores[3]
    assert scores[0][2]


def test_a_run_folder_plays_a_seat_in_training_and_evaluation(tmp_path: Path, run: Path) -> None:
    folder = tmp_path / "rival"
    train.start_run(tiny_node(tmp_path, *DQN, "steps=600", f"rivals=[greedy,{run}]"), folder=folder)
    result = json.loads((folder / "result.json").read_text())
    assert result["maps"]["rivals"] == ["greedy", str(run)]
    assert set(result["scores"]) == {"dqn", "random", "greedy"}
    for row in result["scores"].values():
        assert 0 <= row["won"]["low"] <= row["won"]["mean"] <= row["won"]["high"] <= 1
        assert row["normalised"] is None
    events = EventAccumulator(str(folder))
    events.Reload()
    assert {"eval/won", "game/won"} <= set(events.Tags()["scalars"])
    again = evaluate.evaluate_target(str(folder), device="cpu")
    assert again["dqn"] == result["scores"]["dqn"]
    other = evaluate.evaluate_target(str(folder), device="cpu", rivals=f"{run},random,greedy")
    assert other["dqn"]["by_map"] != again["dqn"]["by_map"]
    refine = evaluate.evaluate_target(str(folder), device="cpu", level="refine", maps=2)
    assert set(refine) == {"dqn", "random", "greedy"}


def test_without_rivals_nothing_is_said_of_wins(run: Path) -> None:
    result = json.loads((run / "result.json").read_text())
    assert all("won" not in row for row in result["scores"].values())
    assert "rivals" not in result["maps"]
    events = EventAccumulator(str(run))
    events.Reload()
    assert not {"eval/won", "game/won"} & set(events.Tags()["scalars"])


def test_players_wins_are_kept(tmp_path: Path) -> None:
    setup = tiny_setup(tmp_path, "rivals=[random,random]", "evaluation.final_maps=8")
    first, kept = (setup.domain.held_out(setup).baselines() for _ in range(2))
    assert first["greedy"].won.sum() > first["random"].won.sum()
    for name, games in first.items():
        np.testing.assert_array_equal(games.won, kept[name].won)
    other = tiny_setup(tmp_path, "rivals=[greedy,greedy]", "evaluation.final_maps=8")
    assert not np.array_equal(first["greedy"].score, other.domain.held_out(other).baselines()["greedy"].score)


@pytest.mark.parametrize("stops", [(40,), (3, 77)])
def test_interrupted_self_play_ends_bit_for_bit_like_uninterrupted_one(
    tmp_path: Path, run: Path, stops: tuple[int, ...]
) -> None:
    overrides = (*DQN, *SELF, f"rivals=[self,{run},self]", f"selfplay.league=[greedy,{run}]")
    whole = trained(tmp_path / "whole", *overrides)
    parts = trained(tmp_path / "parts", *overrides, stops=stops)
    assert differences(whole, parts) == []
    pool = whole["loop"]["env"]["parts"][0]["pool"]
    assert len(pool["steps"]) == 3
    assert pool["steps"][-1] >= 1000
    ratings = whole["loop"]["env"]["parts"][0]["ratings"]
    names = {f"self@{step}" for step in pool["steps"]}
    assert {"learner", "greedy", str(run), *names} <= set(ratings)
    assert all(mean != 25.0 for mean, _ in ratings.values())
    newest = pool["weights"][pool["steps"][-1]]["network"]
    oldest = pool["weights"][pool["steps"][0]]["network"]
    assert any(not torch.equal(newest[name], oldest[name]) for name in newest)


def test_the_first_snapshot_is_what_training_begins_with(tmp_path: Path) -> None:
    setup = tiny_setup(tmp_path, *DQN, *SELF)
    loop: Any = make_loop(setup, validation=setup.domain.validation(setup))
    begun = loop.agent.policy_state_dict(0)["network"]
    loop._step(0)
    saved = loop.games[0].pool.state_dict()["weights"]
    assert list(saved) == [0]
    assert all(torch.equal(saved[0]["network"][name], begun[name]) for name in begun)


def test_each_seed_has_a_pool_of_its_own(tmp_path: Path) -> None:
    train.start_run(tiny_node(tmp_path, *DQN, *SELF, "seeds=2", "steps=600"), folder=tmp_path / "group")
    parts = checkpoint_files.load_checkpoint(tmp_path / "group" / "last.pt")["loop"]["env"]["parts"]
    first, second = (part["pool"] for part in parts)
    assert first["steps"] == second["steps"]
    step = first["steps"][-1]
    assert differences(first["weights"][step], second["weights"][step])
    train.resume_run(tmp_path / "group", overrides=["steps=800"])


def test_policies_of_other_networks_and_levels_are_rivals(tmp_path: Path, run: Path) -> None:
    train.start_run(tiny_node(tmp_path, *DQN, "steps=300", "rivals=[greedy]", "network=mlp", "network.width=[16]"),
               folder=tmp_path / "mlp")  # fmt: skip
    setup = tiny_setup(tmp_path, "level=refine", f"rivals=[{run}]")
    assert isinstance(batch_env(setup, num_envs=2, maps=(0, 2)), RivalGames)
    setup = tiny_setup(tmp_path, f"rivals=[{tmp_path / 'mlp'}]")
    assert isinstance(batch_env(setup, num_envs=2, maps=(0, 2)), RivalGames)
    assert isinstance(batch_env(tiny_setup(tmp_path, "rivals=[self]"), num_envs=2, maps=(0, 2)), WaybillVectorEnv)


def test_pointers_are_passed_over_by_the_candidate_network_alone(tmp_path: Path, run: Path) -> None:
    """It plays as in its own games against a learner that sees pointers; a relational policy needs them."""
    small = (*DQN, "steps=300", "rivals=[greedy]")
    for name, choice in (("mlp", ("network=mlp", "network.width=[16]")), ("wide", ("network=relational",))):
        train.start_run(tiny_node(tmp_path, *small, *choice), folder=tmp_path / name)
    played = []
    for network in ("candidates", "relational"):
        env = batch_env(tiny_setup(tmp_path, f"network={network}", f"rivals=[{run}]"), num_envs=3, maps=(0, 3))
        assert isinstance(env, RivalGames)
        env.reset(seed=1)
        for _ in range(12):
            env.step(np.zeros(3, np.int64))
        played.append(env.states["companies"].tobytes())
    assert played[0] == played[1]
    for rival, network, line in (
        ("wide", "candidates", "network=relational there sees with pointers, unlike network=candidates here"),
        ("mlp", "relational", "network=mlp there sees without pointers, unlike network=relational here"),
    ):
        with pytest.raises(ValueError, match=f"does not fit: {line}"):
            training_env(tiny_setup(tmp_path, f"network={network}", f"rivals=[{tmp_path / rival}]"))
    own = tiny_setup(tmp_path, "network=relational", f"rivals=[{tmp_path / 'wide'}]")
    assert isinstance(training_env(own), RivalGames)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (("encoding=coordinates",), "does not fit: encoding=reference_points there and coordinates here"),
        (("actions=full", "network=mlp"), "does not fit: actions=heuristic there and full here"),
        (("encoding.options.count=4",), "does not fit: encoding.options.count=8 there and 4 here"),
        (("actions=buckets", "network=mlp"), "does not fit: actions=heuristic there and buckets here"),
    ],
)
def test_a_policy_that_does_not_fit_is_named_with_what_differs(
    tmp_path: Path, run: Path, change: tuple[str, ...], line: str
) -> None:
    setup = tiny_setup(tmp_path, f"rivals=[{run}]", *change)
    with pytest.raises(ValueError, match=line) as caught:
        training_env(setup)
    assert str(run) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_policies_of_other_cells_do_not_fit(tmp_path: Path) -> None:
    raw = ("actions=buckets", "network=mlp", "network.width=[16]", "steps=300")
    train.start_run(tiny_node(tmp_path, *DQN, *raw, "rivals=[greedy]"), folder=tmp_path / "run")
    for cells, line in ((4, None), (3, "does not fit: actions.cells=4 there and 3 here")):
        setup = tiny_setup(tmp_path, *raw, f"rivals=[{tmp_path / 'run'}]", f"actions.cells={cells}")
        if line is None:
            assert isinstance(training_env(setup), RivalGames)
            continue
        with pytest.raises(ValueError, match=line):
            training_env(setup)


def test_mistakes_are_named(tmp_path: Path, run: Path) -> None:
    for given in ("[]", "[greedy,greedy,greedy,greedy]", "['']"):
        with pytest.raises(ValueError, match=r"rivals=\[.*\] is not allowed, it must be 1..3 of random, greedy, plan"):
            tiny_setup(tmp_path, f"rivals={given}")
    with pytest.raises(ValueError, match=r"selfplay.latest_share=2.0 is not allowed, it must be 0..1"):
        tiny_setup(tmp_path, "selfplay.latest_share=2")
    nowhere = tiny_setup(tmp_path, "rivals=[runs/nowhere]")
    with pytest.raises(ValueError, match="rivals: 'runs/nowhere' is neither a run folder nor one of random, greedy"):
        training_env(nowhere)
    for rival in ("self", str(run)):
        with pytest.raises(ValueError, match="agent=sb3_dqn plays against rules only, which are random, greedy, plann"):
            train.start_run(tiny_node(tmp_path, "agent=sb3_dqn", f"rivals=[{rival}]"), folder=tmp_path / "sb3")
    with pytest.raises(ValueError, match=r"--rivals=\[a,b,c,d\] is not allowed"):
        evaluate.evaluate_target(str(run), device="cpu", rivals="a,b,c,d")
    with pytest.raises(ValueError, match="rivals=self: a player alone plays against rules only"):
        evaluate.evaluate_target("greedy", rivals="self")
    assert not (tmp_path / "sb3").exists()


def test_the_levels_own_rivals_stay_without_the_key(tmp_path: Path) -> None:
    assert rivals_of(tiny_setup(tmp_path, "level=rivals")) == ["greedy"] * 3
    assert rivals_of(tiny_setup(tmp_path, "level=rivals", "rivals=[random]")) == ["random"]
    assert rivals_of(tiny_setup(tmp_path)) == []
    assert tiny_setup(tmp_path, "rivals=[self,random]").plain["rivals"] == ["self", "random"]
