"""Foreign games side by side are what single ``gymnasium.make`` environments play with the same seeds and actions."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest

import foreign
from agents.networks.base import Layout
from experiments.games.gym import make as gym_games
from experiments.games.gym.batch import GymBatch, _OwnBatch, _Singles
from experiments.games.gym.make import GameChoice, find_spec, make
from groundwork import limits

GAMES = 3
IDS = [
    "tests/Stairs-v0", "tests/Picture-v0", "tests/SameStep-v0", "FrozenLake-v1", "Acrobot-v1", "LunarLander-v3",
    "MinAtar/Breakout-v0", "MinAtar/SpaceInvaders-v0",
]  # fmt: skip


class Twin:
    """One ``gymnasium.make`` environment, reset by hand in the step after its end."""

    def __init__(self, id: str, seed: int) -> None:
        self.env = gymnasium.make(find_spec(id), disable_env_checker=True)
        self.obs, self.info = self.env.reset(seed=seed)
        self.over, self.total, self.length = False, 0.0, 0

    def step(self, action: int) -> tuple[float, bool, bool, bool]:
        if self.over:
            self.obs, self.info = self.env.reset()
            self.over, self.total, self.length = False, 0.0, 0
            return 0.0, False, False, True
        space = self.env.action_space
        assert isinstance(space, gymnasium.spaces.Discrete)
        self.obs, r, terminated, truncated, self.info = self.env.step(int(space.start) + action)
        self.over, self.total, self.length = terminated or truncated, self.total + float(r), self.length + 1
        return float(r), terminated, truncated, False

    def row(self) -> np.ndarray:
        space, obs = self.env.observation_space, np.asarray(self.obs)
        if isinstance(space, gymnasium.spaces.Discrete):
            return np.arange(space.n) == obs
        return obs.reshape(-1).astype(np.float32) / (255 if obs.dtype == np.uint8 else 1)

    def legal(self, n_actions: int) -> np.ndarray:
        return self.info.get("action_mask", np.ones(n_actions, np.int8))


def legal_actions(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.where(mask != 0, rng.random(mask.shape), -1).argmax(1)


@pytest.mark.filterwarnings("ignore:.*is out of date")
@pytest.mark.parametrize("id", IDS)
def test_a_batch_plays_what_single_environments_play(id: str) -> None:
    batch, rng = GymBatch(game=GameChoice(id), num_envs=GAMES), np.random.default_rng(0)
    twins = [Twin(id, 7 + i) for i in range(GAMES)]
    obs, infos = batch.reset(seed=7)
    ends, before, kept = 0, None, None
    for _ in range(600):
        mask = infos["action_mask"]
        assert (obs == np.stack([twin.row() for twin in twins])).all()
        assert (mask == np.stack([twin.legal(batch.shapes.n_actions) for twin in twins])).all()
        assert (obs.dtype, mask.dtype, obs.shape) == (np.float32, np.int8, (GAMES, batch.layout.size))
        if before is not None:
            assert (before == kept).all()  # an observation outlives the next step
        before, kept = obs, obs.copy()
        actions = legal_actions(mask, rng)
        obs, r, terminated, truncated, infos = batch.step(actions)
        expected = [twin.step(int(action)) for twin, action in zip(twins, actions, strict=True)]
        got = zip(r.tolist(), terminated.tolist(), truncated.tolist(), infos["reset"].tolist(), strict=True)
        assert [(np.float32(a), *flags) for a, *flags in expected] == [tuple(row) for row in got]
        for i in np.flatnonzero(terminated | truncated):
            assert infos["finished"]["r"][i] == pytest.approx(twins[i].total, rel=1e-5)
            assert infos["finished"]["l"][i] == twins[i].length
            ends += 1
    assert ends > 2
    batch.close()


def test_the_final_observation_is_kept_and_the_row_after_it_is_no_step() -> None:
    batch = GymBatch(game=GameChoice("tests/SameStep-v0", {"masks": False}), num_envs=2)
    obs, infos = batch.reset(seed=0)
    assert infos["reset"].all()
    places = obs[:, 0]
    for _ in range(6):
        obs, r, terminated, _, infos = batch.step(np.array([1, 1]))
        assert "finished" not in infos or (terminated == (obs[:, 0] == 4)).all()
        assert (obs[infos["reset"], 1] == 0).all()
        assert (r[infos["reset"]] == 0).all()
        assert (obs[~infos["reset"], 0] == places[~infos["reset"]] + 1).all()
        places = obs[:, 0]


def test_a_batch_of_its_own_is_used_if_it_resets_by_the_next_step() -> None:
    assert isinstance(GymBatch(game=GameChoice("CartPole-v1"), num_envs=2)._games, _OwnBatch)
    assert isinstance(GymBatch(game=GameChoice("CartPole-v1"), num_envs=2, single=True)._games, _Singles)
    assert isinstance(GymBatch(game=GameChoice("tests/SameStep-v0"), num_envs=2)._games, _Singles)
    batch = GymBatch(game=GameChoice("tests/NextStep-v0"), num_envs=2)
    assert isinstance(batch._games, _OwnBatch)
    obs, infos = batch.reset(seed=0)
    for _ in range(20):  # its masks and its actions from 3 work too
        assert not batch.mask_is_constant
        even = (obs[:, 0] % 2 == 0).tolist()
        assert infos["action_mask"].tolist() == [[int(p > 0), 1, int(e)] for p, e in zip(obs[:, 0], even, strict=True)]
        obs, _, _, truncated, infos = batch.step(np.array([1, 1]))
        assert not truncated.any()


def test_the_cart_and_pole_of_the_batch_are_those_of_the_single_environment() -> None:
    batch = GymBatch(game=GameChoice("CartPole-v1"), num_envs=4)
    obs, _ = batch.reset(seed=3)
    singles = [gymnasium.make("CartPole-v1") for _ in range(4)]
    for i, env in enumerate(singles):
        env.reset()
        env.unwrapped.state = batch._games._batch.state[:, i].copy()  # type: ignore[attr-defined]
    rng, running, ended = np.random.default_rng(0), np.ones(4, np.bool_), 0
    for _ in range(120):
        actions = rng.integers(0, 2, 4)
        obs, r, terminated, truncated, _ = batch.step(actions)
        for i in np.flatnonzero(running):
            expected = singles[i].step(actions[i])
            assert obs[i] == pytest.approx(expected[0], abs=1e-6)
            assert (r[i], terminated[i], truncated[i]) == expected[1:4]
        ended += int((running & terminated).sum())
        running &= ~terminated
    assert ended == 4


def test_the_limit_of_the_cart_and_pole_truncates_and_does_not_terminate() -> None:
    batch = GymBatch(game=GameChoice("CartPole-v1"), num_envs=2)
    obs, _ = batch.reset(seed=0)
    for step in range(1, 502):
        x, speed, angle, turning = obs.T
        obs, r, terminated, truncated, infos = batch.step(
            (angle + turning + 0.1 * x + 0.2 * speed > 0).astype(np.int64)
        )
        assert not terminated.any()
        assert truncated.all() == (step == 500)
        assert infos["reset"].all() == (step == 501)
        assert (r == (step < 501)).all()
        if step == 500:
            assert infos["finished"]["r"].tolist() == infos["finished"]["l"].tolist() == [500, 500]
    shorter = GymBatch(game=GameChoice("CartPole-v1", {"max_episode_steps": 5}), num_envs=2)
    shorter.reset(seed=0)
    assert [bool(shorter.step(np.array([0, 1]))[3].all()) for _ in range(5)] == [False] * 4 + [True]


def test_images_are_read_row_by_row() -> None:
    batch = GymBatch(game=GameChoice("MinAtar/SpaceInvaders-v0"), num_envs=2)
    obs, _ = batch.reset(seed=0)
    assert batch.layout == Layout(600, 0, 0, 0, 0, image=(10, 10, 6))
    assert batch.image == (10, 10, 6)
    assert batch.single_action_space.n == 6
    single = make(GameChoice("MinAtar/SpaceInvaders-v0"))
    assert (obs[1].reshape(10, 10, 6) == single.reset(seed=1)[0]).all()
    assert set(GymBatch(game=GameChoice("tests/Picture-v0"), num_envs=1).reset(seed=0)[0].ravel().tolist()) == {
        0.0,
        1.0,
    }


def test_each_copy_has_a_seed_of_its_own_and_the_seed_decides() -> None:
    def course(seed: int) -> np.ndarray:
        batch = GymBatch(game=GameChoice("MinAtar/Freeway-v0"), num_envs=4)
        batch.reset(seed=seed)
        return np.stack([batch.step(np.full(4, 2))[0] for _ in range(30)])  # [steps, N, D]

    first, same, other = course(1), course(1), course(2)
    assert (first == same).all()
    assert (first[:, 1:] == other[:, :-1]).all()  # game i of seed s is game 0 of seed s + i
    assert len({first[:, i].tobytes() for i in range(4)}) == 4


def test_games_that_cannot_be_saved_begin_anew() -> None:
    batch = GymBatch(game=GameChoice("tests/Stairs-v0"), num_envs=64)
    before, _ = batch.reset(seed=0)
    batch.step(np.ones(64, np.int64))
    assert batch.state_dict() == {}
    obs, infos = batch.load_state_dict({})
    assert (obs[:, 1] == 0).all()
    assert infos["reset"].all()
    assert (obs != before).any()


@pytest.mark.parametrize(
    ("id", "kwargs", "said"),
    [
        ("CartPol-v1", {}, "env.id=CartPol-v1: Environment `CartPol` doesn't exist. Did you mean: `CartPole`?"),
        ("CartPole-v9", {}, "env.id=CartPole-v9: Environment version `v9`"),
        ("NES/Pong-v5", {}, "env.id=NES/Pong-v5: Namespace NES not found"),
        ("nomodule:Game-v0", {}, "env.id=nomodule:Game-v0: there is no module 'nomodule', in this "),
        ("Pendulum-v1", {}, "env.id=Pendulum-v1 has actions Box(-2.0, 2.0, (1,), float32), allowed are Discrete"),
        ("Blackjack-v1", {}, "env.id=Blackjack-v1 has observations Tuple(Discrete(32), Discrete(11), Discrete(2)), "
         "allowed are Box and Discrete: env.wrappers=[FlattenObservation] puts its parts into one row"),
        ("tests/SameStepAlone-v0", {}, "has no single environment, and no batch that resets by the next step"),
        ("CartPole-v1", {"gravity": 3}, "env.id=CartPole-v1 cannot be made: CartPoleEnv.__init__() got an unexpected"),
        ("MinAtar/Pong-v0", {}, "env.id=MinAtar/Pong-v0: Environment `Pong` doesn't exist in namespace MinAtar."),
    ],
)  # fmt: skip
def test_what_cannot_be_played_is_one_clear_line(id: str, kwargs: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        GymBatch(game=GameChoice(id, kwargs), num_envs=2)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("id", "needed"), [("CartPole-v1", 2 * (4 * 4 + 2)), ("tests/Picture-v0", 2 * (4 * 24 + 3))])
def test_so_many_games_that_this_machine_has_no_memory_for(
    id: str, needed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "machine_memory", lambda: 8 * needed)
    GymBatch(game=GameChoice(id), num_envs=8).close()
    with pytest.raises(ValueError, match=f"^env.id={id}, num_envs=9: what these games show need 0.0 GiB of memory"):
        GymBatch(game=GameChoice(id), num_envs=9)


def test_a_missing_package_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "minatar.gym", None)  # what Python does with a module that isn't there
    with pytest.raises(ValueError, match=r'env.id=MinAtar/Breakout-v0 needs .*; pip install -e "\.\[minatar\]"'):
        GymBatch(game=GameChoice("MinAtar/Breakout-v0"), num_envs=2)
    for name in [name for name in sys.modules if name.startswith("gymnasium.envs.box2d")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "Box2D", None)
    with pytest.raises(ValueError, match=r'env.id=LunarLander-v3 needs .*; pip install -e "\.\[box2d\]"'):
        GymBatch(game=GameChoice("LunarLander-v3"), num_envs=2)


def test_minatar_is_as_its_docstring_here_says() -> None:
    doc = gym_games.__doc__ or ""
    assert "all six actions" in doc
    full, minimal = make(GameChoice("MinAtar/Breakout-v0")), make(GameChoice("MinAtar/Breakout-v1"))
    assert (full.action_space, minimal.action_space) == (gymnasium.spaces.Discrete(6), gymnasium.spaces.Discrete(3))
    assert full.unwrapped.game.sticky_action_prob == 0.1  # type: ignore[attr-defined]
    assert find_spec("MinAtar/Breakout-v0").max_episode_steps is None
    freeway, steps, over = make(GameChoice("MinAtar/Freeway-v0")), 0, False
    freeway.reset(seed=0)
    while not over:
        _, _, over, truncated, _ = freeway.step(0)
        steps += 1
        assert not truncated
    assert steps == 2501


assert foreign.register  # importing it made its games known
