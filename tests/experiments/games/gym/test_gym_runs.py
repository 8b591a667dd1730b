"""Foreign games from the command line to the result: trained, resumed, measured, watched."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from composing import CONF
from gym_nodes import COMMON, LEARNS, node, result_of
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from typed import command

import foreign  # noqa: F401 - makes its games known
from agents.settings import Task
from experiments.config.reading import Setup, read_setup
from experiments.games import evaluate
from experiments.games.replay import watch_game
from experiments.runs import train
from experiments.runs.loop import make_loop
from tiny import DQN, tiny_node

ROOT = CONF.parent
SB3 = {
    "sb3_dqn": ("agent.learning_starts=64", "agent.batch_size=16", "agent.net_arch=[16]", "agent.buffer_size=1000"),
    "sb3_maskable_ppo": ("agent.n_steps=16", "agent.batch_size=32", "agent.n_epochs=1", "agent.net_arch=[16]"),
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CartPole training through the door."""
    out = tmp_path_factory.mktemp("out")
    words = (*COMMON, *LEARNS, "env.id=CartPole-v1", f"out={out}", f"hydra.run.dir={out}/run")
    done = command("train.py", *words, cwd=out)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    for part in ("CartPole-v1, 5 episodes from seed 0", "random", "lowest", "evaluate.py", "replay.py", "resume="):
        assert part in done.stdout
    return out / "run"


def test_a_run_leaves_a_result_and_curves(run: Path) -> None:
    result = result_of(run)
    assert result["choices"] | {"agent": "", "network": ""} == {
        "env": "gym", "level": "-", "reward": "-", "actions": "-", "encoding": "-", "curriculum": "-",
        "agent": "", "network": "",
    }  # fmt: skip
    assert result["game"] == {"id": "CartPole-v1", "kwargs": {}, "wrappers": [], "training_wrappers": []}
    assert result["episodes"] == {"first": 0, "count": 5}
    assert result["env_steps"] >= 1200
    assert result["updates"] > 0
    assert result["reached"] is None
    for row in result["scores"].values():
        assert row["low"] <= row["mean"] <= row["high"]
        assert row["mean"] == np.mean(row["by_seed"])
        assert row["std"] == np.std(row["by_seed"])
        assert row["min"] == min(row["by_seed"])
        assert len(row["by_seed"]) == 5
    events = EventAccumulator(str(run))
    events.Reload()
    tags = set(events.Tags()["scalars"])
    assert tags >= {
        "rollout/ep_rew_mean",
        "rollout/ep_len_mean",
        "eval/mean_reward",
        "eval/mean_ep_length",
        "train/loss",
    }
    assert not [tag for tag in tags if tag.startswith("game/")]


def test_evaluating_a_run(run: Path) -> None:
    done = command("evaluate.py", str(run), "--episodes", "3", "--seed", "1", cwd=run.parent)
    assert done.returncode == 0, done.stderr
    assert "CartPole-v1, 3 episodes from seed 1" in done.stdout
    scores = evaluate.evaluate_target(str(run), device="cpu")
    saved = result_of(run)["scores"]
    assert scores["dqn"]["by_seed"] == saved["dqn"]["by_seed"]
    assert scores["random"]["by_seed"] == saved["random"]["by_seed"]
    part = evaluate.evaluate_target(str(run), episodes=3, seed=1, device="cpu")
    assert part["dqn"]["by_seed"] == saved["dqn"]["by_seed"][1:4]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"maps": 3}, "--maps=3: CartPole-v1 has neither levels nor maps, use --episodes and --seed"),
        ({"level": "haul"}, "--level=haul: CartPole-v1 has neither"),
        ({"map_seed": 0}, "--map-seed=0: CartPole-v1 has neither"),
        ({"episodes": 1}, "--episodes=1 is not allowed, it must be 2..100000 episodes"),
        ({"seed": -1}, "--seed=-1 is not allowed"),
    ],
)
def test_evaluating_refuses_what_the_games_do_not_have(run: Path, asked: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        evaluate.evaluate_target(str(run), **asked)


def test_waybills_own_games_have_no_episodes(tmp_path: Path) -> None:
    train.start_run(tiny_node(tmp_path, "agent=greedy"), folder=tmp_path / "run")
    with pytest.raises(ValueError, match="--episodes=3: a game on a level is one a map, use --maps"):
        evaluate.evaluate_target(str(tmp_path / "run"), episodes=3)
    with pytest.raises(ValueError, match="--seed=3: a game on a level is one of a map, use --map-seed"):
        watch(tmp_path / "run", seed=3)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("env=gym",), "env.id is missing, give env.id=..."),
        (("env=gym", "env.id=CartPole-v1", "level=haul"), "level=haul: env=gym has no level="),
        (("env=gym", "env.id=CartPol-v1"), "env.id=CartPol-v1: Environment `CartPol` doesn't exist"),
        (("env=gym", "env.id=Pendulum-v1"), "allowed are Discrete"),
        (
            ("env=gym", "env.id=CartPole-v1", "agent=planner"),
            "agent=planner: env=gym has no such player, known are random",
        ),
        (("env=gym", "env.id=CartPole-v1", "+env.kwargs.x=1"), "unexpected keyword argument 'x'"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    done = command("train.py", *words, cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.parametrize("id", ["LunarLander-v3", "MinAtar/Breakout-v0", "FrozenLake-v1", "tests/Stairs-v0"])
def test_other_games_train_too(tmp_path: Path, id: str) -> None:
    train.start_run(node(tmp_path, f"env.id={id}", *LEARNS, "steps=400"), folder=tmp_path / "run")
    assert result_of(tmp_path / "run")["updates"] > 0


def test_numbers_of_other_games_are_remembered_as_they_are(tmp_path: Path) -> None:
    """Those of levels are scaled: half precision holds them; whoever asks for a format gets it."""
    asked = [("env.id=CartPole-v1",), ("env.id=CartPole-v1", "agent.obs_dtype=float16")]
    setups = [read_setup(node(tmp_path, *LEARNS, *words)) for words in asked] + [read_setup(tiny_node(tmp_path, *DQN))]
    loops: list[Any] = [make_loop(setup, validation=setup.domain.validation(setup)) for setup in setups]
    assert [loop.agent.memories[0].obs_dtype for loop in loops] == [torch.float32, torch.float16, torch.float16]


@pytest.mark.parametrize("agent", list(SB3))
def test_stable_baselines_agents_play_foreign_games(tmp_path: Path, agent: str) -> None:
    overrides = (f"agent={agent}", *SB3[agent], "env.id=tests/Stairs-v0", "steps=600")
    train.start_run(node(tmp_path, *overrides), folder=tmp_path / "run")
    scores = result_of(tmp_path / "run")["scores"]
    assert scores[agent]["length"] <= 6
    train.resume_run(tmp_path / "run", overrides=["steps=800"])
    assert evaluate.evaluate_target(str(tmp_path / "run"), device="cpu")["random"] == scores["random"]


def test_the_random_player_has_a_result_without_training(tmp_path: Path) -> None:
    train.start_run(node(tmp_path, "env.id=tests/Stairs-v0", "agent=random"), folder=tmp_path / "run")
    assert {path.name for path in (tmp_path / "run").iterdir()} == {"config.yaml", ".made_here", "result.json"}
    assert list(result_of(tmp_path / "run")["scores"]) == ["random"]


# --- going on ---------------------------------------------------------------------------------------------------------
@dataclass
class RecorderSettings:
    """An agent that plays at random and keeps what it is shown."""

    rows: list[dict[str, np.ndarray]] = field(default_factory=list)
    updates: int = 0

    def build(self, task: Task) -> RecorderSettings:
        return self

    def act(self, obs: np.ndarray, *_: Any, **__: Any) -> np.ndarray:
        return np.ones(len(obs), np.int64)

    def observe(self, **row: np.ndarray) -> None:
        self.rows.append(row)

    def learn(self, env_step: int) -> None: ...


def test_a_resumed_loop_leaves_its_old_games_and_none_goes_on_in_a_new_one(tmp_path: Path) -> None:
    setup: Setup = read_setup(node(tmp_path, "env.id=tests/Stairs-v0"))

    def loop() -> Any:
        fresh = dataclasses.replace(setup, agent=RecorderSettings())
        return make_loop(fresh, validation=setup.domain.validation(setup))

    first, second = loop(), loop()
    for _ in range(3):
        first._step(0)
    state = first.state_dict()
    assert state["env"] == {}
    second.load_state_dict(state)
    end, after = second.agent.rows
    assert end["reset_rows"].all()
    assert after["reset_rows"].all()
    assert end["truncated_t"].all()
    assert not (end["terminated_t"] | after["terminated_t"] | after["truncated_t"]).any()
    assert (end["obs_tm1"] == first.obs).all()
    assert (after["obs_tm1"] == first.obs).all()
    assert (end["mask_tm1"] == first.mask).all()
    assert (second.obs[:, 1] == 0).all()
    second._step(0)
    assert (second.agent.rows[-1]["obs_tm1"][:, 1] == 0).all()


# --- watching ---------------------------------------------------------------------------------------------------------
def watch(target: Path, **changed: Any) -> None:
    usual = {"seed": None, "level": None, "map_seed": None, "format": "text", "out": None, "fps": 20, "device": "cpu"}
    watch_game(str(target), **{**usual, **changed})


def test_watching_an_episode(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scores = result_of(run)["scores"]["dqn"]["by_seed"]
    watch(run, seed=2)
    printed = capsys.readouterr().out
    assert printed.rstrip().endswith(f"on CartPole-v1, seed 2: score {scores[2]:g}")
    assert printed.count("action ") == scores[2]
    watch(run, seed=2, format="gif", out=str(tmp_path / "game.gif"))
    with Image.open(tmp_path / "game.gif") as picture:
        assert picture.size == (600, 400)
        assert 1 < picture.n_frames <= scores[2] + 1
    for changed, said in (
        ({"format": "record"}, "--format=record: only Waybill's own games can be saved"),
        ({"map_seed": 1}, "--map-seed=1: CartPole-v1 has neither levels nor maps, use --seed"),
        ({"fps": 0}, "--fps=0 is not allowed"),
    ):
        with pytest.raises(ValueError, match=said):
            watch(run, **changed)


# --- starting ---------------------------------------------------------------------------------------------------------
def test_foreign_games_load_neither_the_engine_nor_stable_baselines() -> None:
    code = f"""
import sys
from hydra import compose, initialize_config_dir
import experiments.runs.train
from experiments.config.reading import read_setup
from experiments.config.schema import register
register()
with initialize_config_dir(config_dir={str(CONF)!r}, version_base="1.3"):
    setup = read_setup(compose(config_name="config", overrides={[*COMMON, "env.id=CartPole-v1"]!r}))
setup.domain.training_games(setup).reset(seed=0)
setup.domain.validation(setup).warm_up()
print(*sorted({{name.split(".")[0] for name in sys.modules}} & {{"stable_baselines3", "tensorboard", "minatar"}}))
print(*(name for name in sys.modules if name.startswith("envs.waybill.")))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["", "envs.waybill.core envs.waybill.core.state envs.waybill.core.levels"]
