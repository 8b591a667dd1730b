"""Games as users bring them: what is odd is trained on or ends in one line, a user's own bug keeps its traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gym_nodes import COMMON, LEARNS, node
from typed import ROOT, refused

import odd
import odd_code
from experiments.config.reading import read_setup
from experiments.games.gym.batch import GymBatch, try_once
from experiments.games.gym.evaluation import EpisodeEvaluator
from experiments.games.gym.make import GameChoice
from experiments.games.gym.sb3 import SB3Game
from groundwork.errors import WaybillError

GAMES = Path(odd.__file__).parent
LEGAL = {"MaskNotAtEnd", "NoneLegalAtEnd", "MaskOfBools", "Masked"}


def played(name: str, *wrappers: Any, steps: int = 60) -> GymBatch:
    """Three games of a kind side by side after some steps, legal ones drawn at random."""
    games = GymBatch(game=GameChoice(f"odd/{name}-v0", wrappers=wrappers), num_envs=3)
    rng, (obs, infos) = np.random.default_rng(0), games.reset(seed=0)
    for _ in range(steps):
        mask = infos["action_mask"]
        assert mask.shape == (3, 2)
        assert mask.any(1).all()
        obs, *_, infos = games.step((rng.random(mask.shape) * mask).argmax(1))
        assert obs.shape == (3, games.layout.size)
        assert obs.dtype == np.float32
    return games


@pytest.mark.parametrize("name", sorted(LEGAL))
def test_masks_are_those_of_the_games_that_give_one(name: str) -> None:
    assert not played(name).mask_is_constant
    games = GymBatch(game=GameChoice(f"odd/{name}-v0"), num_envs=2)
    games.reset(seed=0)
    ends = 0
    for _ in range(40):  # the first goes right, to its end; the second left, where it may
        _, _, over, _, infos = games.step(np.array([1, int(games._games.envs[1].unwrapped.at == 0)]))
        here = games._games.envs[1].unwrapped.at
        assert infos["action_mask"][1].tolist() == [int(here > 0), 1]
        ends += int(over[0])
    assert ends > 3


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("ShortMask", "reset: info['action_mask'] is array([1], dtype=int8), allowed are 2 numbers, one an action"),
        ("WideMask", "reset: info['action_mask'] is array([[1, 1]], dtype=int8), allowed are 2 numbers"),
        ("TextMask", "reset: info['action_mask'] is ['left', 'right'], allowed are 2 numbers"),
        ("NothingLegal", "step 7: info['action_mask'] allows no action, though the game goes on"),
        ("LateMask", "step 7: info['action_mask'] comes only now, allowed are masks from the first reset on"),
        ("NoneReward", "step 1: the reward is None, allowed is one number"),
        ("ArrayReward", "step 1: the reward is array([0.]), allowed is one number"),
        ("TextReward", "step 1: the reward is 'none', allowed is one number"),
        ("NanReward", "step 7: the reward is nan, allowed are finite numbers"),
        ("InfReward", "step 7: the reward is -inf, allowed are finite numbers"),
        ("NanObs", "step 7: observation column 1 is nan, allowed are finite float32 numbers"),
        ("InfObs", "step 7: observation column 2 is inf, allowed are finite float32 numbers"),
        ("HugeObs", "step 7: observation column 0 is 1e+300, allowed are finite float32 numbers"),
        ("LongObs", "reset: the observation is numbers of shape (4,), its space is Box(-10.0, 10.0, (3,), float32)"),
        (
            "GrowingObs",
            "step 7: the observation is numbers of shape (4,), its space is Box(-10.0, 10.0, (3,), float32)",
        ),
        ("TextObs", "reset: the observation is ['here', 'there', 'nowhere'], its space is Box"),
        ("ObsAbove", "the observation is 6, its space Discrete(6) holds 0..5"),
        ("ObsBelow", "the observation is 0, its space Discrete(6, start=1) holds 1..6"),
        ("OldApi", "reset() takes no seed and no options, that is the interface from before Gymnasium 0.26; allowed"),
        ("OldStep", "step() gave 4 values, that is the interface from before Gymnasium 0.26; allowed is (observation,"),
        ("NoOptions", "reset() takes no options, that is the interface from before Gymnasium 0.26"),
        ("NoInfo", "reset() gave array([0., 0., 1.], dtype=float32), that is the interface from before"),
        ("EndIsNone", "step 1: truncated is None, allowed are True and False"),
        ("Named", "env.wrappers=[FlattenObservation] puts its parts into one row"),
        ("Pair", "env.wrappers=[FlattenObservation] makes flags of it"),
        ("Parts", "env.wrappers=[FlattenObservation] puts its parts into one row"),
        ("Bits", "env.wrappers=[FlattenObservation] makes flags of it"),
    ],
)
def test_what_cannot_be_learnt_from_is_one_line(name: str, line: str) -> None:
    with pytest.raises(WaybillError) as caught:
        played(name)
    said = str(caught.value)
    assert said.startswith(f"env.id=odd/{name}-v0")
    assert line in said
    assert "\n" not in said


@pytest.mark.parametrize("name", ["Named", "Pair", "Parts", "Bits"])
def test_a_wrapper_from_the_config_makes_one_row_of_it(name: str) -> None:
    games = played(name, "FlattenObservation")
    assert games.layout.size == {"Named": 2, "Pair": 14, "Parts": 8, "Bits": 4}[name]


def test_wrappers_go_around_a_game_in_their_order() -> None:
    own = {"odd.Backwards": {"cost": 0.5}}
    games = GymBatch(game=GameChoice("odd/Path-v0", wrappers=("odd.Backwards", own)), num_envs=1)
    games.reset(seed=0)
    assert games.step(np.array([0]))[1].tolist() == pytest.approx([-0.6])
    single = SB3Game(game=GameChoice("odd/Path-v0", wrappers=(own,)), seed=0)
    single.reset(seed=0)
    assert single.step(0)[1] == pytest.approx(-0.5)


@pytest.mark.parametrize(
    ("wrapper", "line"),
    [
        ("Flaten", "env.wrappers=Flaten: unknown, allowed are module.Class and Gymnasium's: "),
        ("odd.Nothing", "env.wrappers=odd.Nothing: module 'odd' has no 'Nothing'"),
        ("nowhere:Nothing", "env.wrappers=nowhere:Nothing: there is no module 'nowhere'"),
        ({"FrameStackObservation": {"stack": 4}}, "env.wrappers=FrameStackObservation: "),
        ({"FlattenObservation": 3}, "env.wrappers: {'FlattenObservation': 3} is not allowed"),
        (3, "env.wrappers: 3 is not allowed"),
    ],
)
def test_a_wrapper_that_is_none_is_one_line(wrapper: Any, line: str) -> None:
    with pytest.raises(WaybillError) as caught:
        GymBatch(game=GameChoice("odd/Path-v0", wrappers=(wrapper,)), num_envs=1)
    assert str(caught.value).startswith(line)


def test_pictures_without_or_before_a_dimension_of_channels() -> None:
    grey, frames = played("Grey"), played("Frames")
    assert (grey.layout.image, frames.layout.image) == ((20, 16, 1), (20, 16, 2))
    first = frames.reset(seed=0)[0].reshape(3, 20, 16, 2)
    at = [env.unwrapped.at for env in frames._games.envs]
    assert [np.argwhere(one).tolist() for one in first] == [[[3, place, 1]] for place in at]


def test_what_is_odd_but_can_be_trained_on_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    for name, part in (("Leaves", "observation column 0 leaves its space, -1.0..1.0"), ("Unseeded", "two resets with")):
        try_once(GameChoice(f"odd/{name}-v0"))
        try_once(GameChoice(f"odd/{name}-v0"))
        said = capsys.readouterr().out.splitlines()
        assert len(said) == 1
        assert said[0].startswith(f"note: env.id=odd/{name}-v0: {part}")


def test_later_it_is_named_with_its_game_and_step() -> None:
    odd.LateNanReward.steps = 0
    with pytest.raises(WaybillError, match=r"^env.id=odd/LateNanReward-v0: game \d, step \d+: the reward is nan"):
        played("LateNanReward", steps=1000)
    odd.LateNanReward.steps = 900
    evaluator = EpisodeEvaluator(game=GameChoice("odd/LateNanReward-v0"), first_seed=5, episodes=20, max_steps=40)
    with pytest.raises(WaybillError, match=r"episode of seed \d+, step \d+: the reward is nan"):
        evaluator(lambda obs, mask: np.zeros(len(obs), np.int64))


@pytest.mark.parametrize(("name", "kind"), [("OwnBug", ValueError), ("LostFile", OSError), ("BadStart", KeyError)])
def test_a_bug_of_the_users_own_is_left_as_it_is(name: str, kind: type[Exception]) -> None:
    odd_code.OwnBug.steps = odd_code.LostFile.steps = 0
    with pytest.raises(kind) as caught:
        played(name, steps=1000)
    assert not isinstance(caught.value, WaybillError)


# --- through the doors, from a folder with the games in it ------------------------------------------------------------
@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("odd.py", "odd_code.py"):
        (tmp_path / name).write_text((GAMES / name).read_text())
    (tmp_path / "agents").mkdir()  # a package of the user's own that is named like one of ours
    (tmp_path / "agents" / "__init__.py").write_text("raise RuntimeError('not this one')")
    return tmp_path


def typed(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [sys.executable, str(ROOT / words[0]), *words[1:]],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip


def test_a_run_of_a_game_that_breaks_stops_saves_and_says_where(folder: Path) -> None:
    words = ("train.py", *COMMON, *LEARNS, "env.id=odd:odd/LateNanReward-v0", "hydra.run.dir=run")
    done = typed(*words, folder=folder)
    assert done.returncode == 2
    evidence, saved, line = done.stderr.splitlines()
    assert evidence == f"evidence: {folder / 'run' / 'not_finite.pt'} holds r_t, obs_tm1, mask_tm1, a_tm1"
    assert saved.startswith("saved after ")
    assert saved.endswith(f"go on with: python train.py resume={folder / 'run'}")
    assert line.startswith("train.py: error: env.id=odd:odd/LateNanReward-v0: game ")
    assert (folder / "run" / "last.pt").is_file()
    assert not (folder / "run" / "result.json").exists()


def test_a_bug_of_the_users_own_keeps_its_traceback_after_the_run_is_saved_and_it_goes_on(folder: Path) -> None:
    words = ("train.py", *COMMON, *LEARNS, "env.id=odd_code:odd/OwnBug-v0", "hydra.run.dir=run")
    done = typed(*words, folder=folder)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert lines[0].startswith("saved after ")
    assert lines[1] == "Traceback (most recent call last):"
    assert lines[-1].startswith("ValueError: cannot reshape array")
    assert any('odd_code.py", line ' in line for line in lines)
    mended = (folder / "odd_code.py").read_text().replace("OwnBug.steps > 1000", "False")
    (folder / "odd_code.py").write_text(mended)
    again = typed("train.py", "resume=run", folder=folder)
    assert again.returncode == 0, again.stderr
    assert json.loads((folder / "run" / "result.json").read_text())["env_steps"] >= 1200


def test_in_a_sweep_the_bug_is_in_the_jobs_log_and_its_last_line_in_the_summary(folder: Path) -> None:
    words = ("train.py", "-m", *COMMON, *LEARNS, "env.id=odd_code:odd/OwnBug-v0,odd:odd/Path-v0", "out=runs")
    done = typed(*words, folder=folder)
    assert done.returncode == 1
    assert "ValueError: cannot reshape array of size 3 into shape (2,2) (odd_code.py, line" in done.stdout
    log = next(folder.glob("runs/*/0_*/log.txt")).read_text()
    assert "Traceback (most recent call last):" in log
    assert len(list(folder.glob("runs/*/1_*/result.json"))) == 1, done.stdout


def test_wrappers_and_modules_are_found_by_every_door(folder: Path) -> None:
    own = ("env.id=odd:odd/Named-v0", "env.wrappers=[FlattenObservation,{odd.Backwards:{cost:0.01}}]")
    done = typed("train.py", *COMMON, *LEARNS, *own, "hydra.run.dir=run", folder=folder)
    assert done.returncode == 0, done.stderr
    assert typed("evaluate.py", "run", "--episodes", "4", folder=folder).returncode == 0
    assert "score" in typed("replay.py", "run", folder=folder).stdout
    assert typed("train.py", "resume=run", "steps=1600", folder=folder).returncode == 0


def test_a_module_that_is_not_there_and_one_that_breaks(folder: Path) -> None:
    words = ("train.py", *COMMON, "env.id=nothere:Game-v0")
    assert "there is no module 'nothere', in this folder or installed" in refused(
        typed(*words, folder=folder), "train.py"
    )
    (folder / "broken.py").write_text("import json\njson.loads('{')\n")
    done = typed("train.py", *COMMON, "env.id=broken:Game-v0", folder=folder)
    assert done.returncode == 1
    assert 'broken.py", line 2' in done.stderr


def test_gymnasiums_statistics_wrap_our_games() -> None:
    env = gymnasium.wrappers.RecordEpisodeStatistics(gymnasium.make("envs:waybill/Haul-v0"))
    env.reset(seed=2**64 + 1)
    total, over = 0.0, False
    while not over:
        _, reward, over, _, info = env.step(0)
        total += float(reward)
    assert info["episode"]["r"] == pytest.approx(total)
    assert info["episode"]["l"] == info["finished"]["l"]
    games = gymnasium.make_vec("envs:waybill/Haul-v0", num_envs=2)
    several = gymnasium.wrappers.vector.RecordEpisodeStatistics(games)
    several.reset(seed=[2**100, 3])
    for _ in range(200):
        *_, infos = several.step(np.zeros(2, np.int64))
        if "episode" in infos:
            np.testing.assert_array_equal(infos["episode"]["l"], infos["finished"]["l"])
            return
    raise AssertionError("no game has ended")


def test_training_wrappers_change_what_is_learnt_from_and_not_the_score(tmp_path: Path) -> None:
    clipped = "env.training_wrappers=[{ClipReward:{min_reward:0,max_reward:0.25}}]"
    setup = read_setup(node(tmp_path, "env.id=CartPole-v1", clipped))
    games = setup.domain.training_games(setup)
    games.reset(seed=0)
    assert games.step(np.zeros(8, np.int64))[1].tolist() == [0.25] * 8
    single = setup.domain.sb3_games(setup)
    single.reset()
    assert single.step(np.zeros(8, np.int64))[1].tolist() == [0.25] * 8
    held_out = setup.domain.held_out(setup)
    row = held_out.compare(held_out.baselines())["random"]
    assert row["mean"] == row["length"] >= 8  # a pole pays 1 a step


@pytest.mark.parametrize(
    ("wrapper", "line"),
    [
        ("odd.Nothing", "env.training_wrappers=odd.Nothing: module 'odd' has no 'Nothing'"),
        ("{FrameStackObservation:{stack_size:2}}", "they change observations or actions, which policies are evaluated"),
        ("{ClipReward:{lowest:2}}", "env.training_wrappers=ClipReward: "),
        ("3", "env.training_wrappers: 3 is not allowed, each is a name or {name: {argument: value}}"),
    ],
)
def test_training_wrappers_that_are_no_good_are_one_line(tmp_path: Path, wrapper: str, line: str) -> None:
    def make() -> None:
        setup = read_setup(node(tmp_path, "env.id=CartPole-v1", f"env.training_wrappers=[{wrapper}]"))
        setup.domain.training_games(setup)

    with pytest.raises(WaybillError) as caught:
        make()
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)
