"""The training loop: same seed same result, a resumed run is the uninterrupted one, every agent goes through it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from trained_runs import differences, trained

from experiments.common import checkpoint_files
from experiments.common.stopping import StopRequest
from experiments.config.reading import notes_of, read_run
from experiments.runs import checkpoints, commands
from experiments.runs import train as runs
from experiments.runs.checkpoints import LAST, POLICY
from experiments.runs.loop import make_loop, train
from tiny import DQN, tiny_node, tiny_setup


@pytest.mark.parametrize("stops", [(40,), (3, 77)])
def test_an_interrupted_run_ends_bit_for_bit_like_an_uninterrupted_one(tmp_path: Path, stops: tuple[int, ...]) -> None:
    whole = trained(tmp_path / "whole", *DQN)
    parts = trained(tmp_path / "parts", *DQN, stops=stops)
    assert differences(whole, parts) == []
    best = [checkpoints.read_policy(tmp_path / name) for name in ("whole", "parts")]
    assert differences(best[0], best[1]) == []
    assert whole["agent"]["updates"] > 50


def test_the_seed_decides_everything(tmp_path: Path) -> None:
    first, same, other = (
        trained(tmp_path / name, *DQN, "steps=1200", f"seed={seed}") for name, seed in (("a", 5), ("b", 5), ("c", 6))
    )
    assert differences(first, same) == []
    assert ".agent.network.candidate.weight" in differences(first, other)


def test_a_run_leaves_config_curves_checkpoints_and_result(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    score = runs.start_run(tiny_node(tmp_path, *DQN), folder=folder)
    result = json.loads((folder / "result.json").read_text())
    assert {path.name for path in folder.iterdir()} > {"config.yaml", LAST, POLICY, "result.json"}
    assert result["scores"]["dqn"]["mean"] == score
    assert set(result["scores"]) == {"dqn", "random", "greedy", "planner"}
    for row in result["scores"].values():
        assert row["low"] <= row["mean"] <= row["high"]
        assert len(row["by_map"]) == 6
    assert result["env_steps"] >= 1200
    assert result["updates_per_step"] == result["updates"] / result["env_steps"]
    assert result["batch_size"] == 16
    assert result["choices"]["encoding"] == "reference_points"
    assert result["versions"]["torch"]
    assert result["policy"]["checkpoint"] == POLICY
    assert result["seconds"] > 0

    events = EventAccumulator(str(folder))
    events.Reload()
    tags = set(events.Tags()["scalars"])
    assert tags >= {
        "rollout/ep_rew_mean", "rollout/ep_len_mean", "rollout/exploration_rate", "eval/mean_reward", "eval/score",
        "time/fps", "train/loss", "train/n_updates", "game/score", "game/bankruptcies", "game/illegal_orders",
        "game/orders/pass", "game/orders/haul", "game/funnel/profit",
    }  # fmt: skip
    points = [(point.step, point.value) for point in events.Scalars("eval/score")]
    assert [step for step, _ in points] == [0, 400, 800, 1200]
    assert result["curve"] == [[step, pytest.approx(score)] for step, score in points]


def test_a_finished_run_is_extended_by_steps_and_by_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    runs.start_run(tiny_node(tmp_path, *DQN), folder=folder)
    with pytest.raises(ValueError, match="the run is finished .* to extend it, add steps=N with N above 12"):
        runs.resume_run(folder, overrides=[f"resume={folder}"])
    with pytest.raises(ValueError, match="seed=3: a resumed run keeps its own config, only steps, schedule_steps"):
        runs.resume_run(folder, overrides=[f"resume={folder}", "seed=3"])
    runs.resume_run(folder, overrides=[f"resume={folder}", "steps=1600"])
    assert json.loads((folder / "result.json").read_text())["env_steps"] >= 1600
    assert len(list(folder.glob("result_at_12*.json"))) == 1


def test_what_fell_stays_down_in_an_extended_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """However often; unless it is asked to be stretched."""
    folder, falling = tmp_path / "run", ("agent.epsilon_fraction=1", "agent.learning_rate_final_share=0.1")
    runs.start_run(tiny_node(tmp_path, *DQN, *falling, "log_every=100"), folder=folder)
    assert "note: learning rate" not in capsys.readouterr().out
    for steps, more in ((1600, ()), (2000, ()), (2400, ("schedule_steps=4800",))):
        runs.resume_run(folder, overrides=[f"resume={folder}", f"steps={steps}", *more])
        told = "note: learning rate, exploration and the like go on over the first 1,200 steps, as the run began, and"
        assert (told in capsys.readouterr().out) == (not more)
        assert read_run(folder).config.scheduled == (4800 if more else 1200)
    events = EventAccumulator(str(folder))
    events.Reload()
    explored = {point.step: point.value for point in events.Scalars("rollout/exploration_rate")}
    assert [explored[step] for step in (304, 600)] == pytest.approx([1 - 0.95 * step / 1200 for step in (304, 600)])
    later = [value for step, value in explored.items() if 1200 <= step <= 2000]
    assert len(later) >= 8
    assert later == pytest.approx([0.05] * len(later))
    assert explored[2400] == pytest.approx(1 - 0.95 / 2)
    agent = make_loop(read_run(folder), validation=read_run(folder).domain.validation(read_run(folder))).agent
    assert agent.learner.learning_rate(2400) == pytest.approx(agent.learner.learning_rate(0) * 0.55)


def test_a_config_begins_with_the_commands_that_made_its_run(tmp_path: Path) -> None:
    overrides = ["steps=100", "seeds=2", "evaluation.every=100"]
    runs.start_run(tiny_node(tmp_path, *DQN, *overrides), folder=tmp_path / "run", overrides=overrides)
    runs.resume_run(tmp_path / "run", overrides=[f"resume={tmp_path}/run", "steps=200"])
    lines = [
        "python train.py steps=100 seeds=2 evaluation.every=100",
        f"python train.py resume={tmp_path}/run steps=200",
    ]
    for folder in (tmp_path / "run", tmp_path / "run" / "seed1"):
        assert commands.commands_in(notes_of(folder)) == lines

    runs.start_run(tiny_node(tmp_path, "agent=greedy"), folder=tmp_path / "other")  # from Python: nothing was typed
    assert commands.commands_in(notes_of(tmp_path / "other")) == []


def test_a_killed_run_adopts_the_best_policy_saved_after_its_last_checkpoint(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    trained(folder, *DQN, stops=(3,))
    state = checkpoint_files.load_checkpoint(folder / LAST)
    saved = checkpoints.read_policy(folder)
    checkpoints.save_policy(folder, {**saved, "score": 1e9, "env_step": 1300})
    setup = tiny_setup(tmp_path, *DQN, "steps=1400")
    validation = setup.domain.validation(setup)
    loop = make_loop(setup, validation=validation)
    session = train(setup=setup, folder=folder, loop=loop, validation=validation, state=state, stop=StopRequest())
    assert session.seeds[0].best_score == 1e9
    assert checkpoints.read_policy(folder)["score"] == 1e9


@pytest.mark.parametrize(
    "choice",
    [
        ("actions=masked", "network=mlp", "network.width=[16]"),
        ("actions=full", "network=mlp", "network.width=[16]"),
        ("actions=buckets", "network=mlp", "network.width=[16]"),
        ("actions=buckets", "actions.cells=3", "agent=pqn", "network=mlp", "network.width=[16]"),
        ("actions=random_k",),
        ("reward=cash",),
        ("reward=milestone",),
        ("encoding=fourier",),
        ("encoding=pairwise",),
        ("encoding.options.points=random", "encoding.options.count=16", "encoding.options.metric=straight"),
        ("encoding.options.points=sites", "encoding.options.count=4"),
        ("network=relational",),
        ("network=relational", "network.attention=1", "agent=pqn", "network.width=16", "rivals=[greedy,self]"),
    ],
)
def test_other_choices_train_too(tmp_path: Path, choice: tuple[str, ...]) -> None:
    dqn = () if "agent=pqn" in choice else DQN
    overrides = (*dqn, *choice, "level.side=8", "level.deposits=2", "level.towns=1", "steps=300")
    runs.start_run(tiny_node(tmp_path, *overrides, "evaluation.every=300"), folder=tmp_path / "run")
    assert (tmp_path / "run" / "result.json").is_file()


SB3 = {
    "sb3_dqn": ("agent.learning_starts=64", "agent.batch_size=16", "agent.buffer_size=600", "agent.net_arch=[16]"),
    "sb3_maskable_ppo": ("agent.n_steps=16", "agent.batch_size=32", "agent.n_epochs=1", "agent.net_arch=[16]"),
}


@pytest.mark.parametrize("agent", list(SB3))
def test_stable_baselines_agents_train_and_go_on(tmp_path: Path, agent: str) -> None:
    folder = tmp_path / "run"
    runs.start_run(tiny_node(tmp_path, f"agent={agent}", *SB3[agent], "steps=600"), folder=folder)
    first = checkpoint_files.load_checkpoint(folder / LAST)
    runs.resume_run(folder, overrides=["steps=1000"])
    last = checkpoint_files.load_checkpoint(folder / LAST)
    assert first["env_step"] >= 600
    assert last["env_step"] >= 1000
    assert last["agent"]["counters"]["num_timesteps"] == last["env_step"]
    assert last["agent"]["counters"]["_n_updates"] > first["agent"]["counters"]["_n_updates"] > 0
    assert last["seeds"][0]["window"]["episodes"] > first["seeds"][0]["window"]["episodes"] > 0
    assert json.loads((folder / "result.json").read_text())["updates"] > 0
    events = EventAccumulator(str(folder))
    events.Reload()
    assert {"rollout/ep_rew_mean", "game/score", "eval/score", "train/loss"} <= set(events.Tags()["scalars"])


@pytest.mark.parametrize("player", ["random", "greedy", "planner"])
def test_a_player_has_a_result_without_training(tmp_path: Path, player: str) -> None:
    folder = tmp_path / "run"
    runs.start_run(tiny_node(tmp_path, f"agent={player}"), folder=folder)
    result = json.loads((folder / "result.json").read_text())
    assert result["env_steps"] == 0
    assert result["policy"] == {"player": player}
    assert {path.name for path in folder.iterdir()} == {".made_here", "config.yaml", "result.json"}
    with pytest.raises(ValueError, match="does not learn"):
        runs.resume_run(folder, overrides=[])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_run_on_the_gpu_goes_on_where_it_stopped(tmp_path: Path) -> None:
    trained(tmp_path / "run", *DQN, "device=cuda", stops=(40,))
    best = checkpoints.read_policy(tmp_path / "run")
    assert best["policy"]["network"]["candidate.weight"].device.type == "cpu"
