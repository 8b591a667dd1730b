"""A league: rules and runs play for self, too, and ratings say who is strong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from envs.waybill.core.state import COMPANY
from experiments.config.reading import read_setup
from experiments.games.waybill.environments import training_env
from experiments.games.waybill.rival_games import RivalGames
from experiments.games.waybill.selfplay.league import LeagueRatings, final_standing
from experiments.runs import train
from experiments.runs.loop import make_loop
from tiny import DQN, tiny_node, tiny_setup

SELF = ("rivals=[self,self]", "selfplay.snapshot_every=200", "selfplay.pool=2")


def test_who_wins_rises_and_who_loses_falls() -> None:
    """The learner beats a, a beats b: their ratings have that order, whatever the coins."""
    ratings = LeagueRatings()
    assert ratings["learner"] == ratings["a"] == 25.0
    for _ in range(40):
        ratings.add(["learner", "a"], [300, 200])
        ratings.add(["a", "b"], [0, -1])
    assert ratings["learner"] > ratings["a"] + 3 > ratings["b"] + 6
    assert ratings["learner"] > 30
    before = ratings.state_dict()
    ratings.add(["learner", "a", "a"], [5, 1000, 5])
    assert ratings["learner"] < before["learner"][0]
    assert before["a"][0] < ratings["a"]


def test_equals_stay_equal() -> None:
    ratings = LeagueRatings()
    for _ in range(50):
        ratings.add(["learner", "a"], [7, 7])
    assert ratings["learner"] == pytest.approx(ratings["a"]) == pytest.approx(25.0)


def test_a_snapshot_has_the_learners_rating_and_keeps_it_without_games() -> None:
    ratings = LeagueRatings()
    for _ in range(10):
        ratings.add(["learner", "a"], [1, 0])
    ratings.enter("self@100")
    then = ratings["learner"]
    for _ in range(10):
        ratings.add(["learner", "a"], [1, 0])
    assert ratings["self@100"] == then < ratings["learner"]
    again = LeagueRatings()
    again.load_state_dict(ratings.state_dict())
    ratings.keep({"self@100"})
    assert set(ratings.state_dict()) == {"learner", "self@100"}
    assert again["a"] < 25.0 == ratings["a"]
    again.keep({"self@100"})
    assert again.state_dict() == ratings.state_dict()


def test_what_decides_a_game() -> None:
    companies = np.zeros((3, 3), COMPANY)
    companies["cash"] = [[10, 30, -5], [-3, 30, 40], [-3, -2, 40]]
    companies["bankrupt"] = [[0, 0, 1], [1, 0, 0], [1, 1, 0]]
    assert final_standing(companies).tolist() == [[10, 30, -1], [-1, 0, 0], [-1, -1, 0]]


def test_greedy_of_a_league_plays_as_the_rule_advises_its_seats(tmp_path: Path) -> None:
    setup = tiny_setup(tmp_path, *DQN, *SELF, "selfplay.league=[greedy]", "selfplay.league_share=1")
    games = training_env(setup)
    assert isinstance(games, RivalGames)
    games.reset(seed=0)
    games.take_snapshot(0, make_loop(setup, validation=setup.domain.validation(setup)).agent.policy_state_dict)
    assert (games._actor == [-1, -2, -2]).all()
    for _ in range(40):
        advice = games.batch.advice.copy().reshape(-1, 3)
        chosen = games._choose(np.zeros(games.num_envs, np.int64)).reshape(-1, 3)
        np.testing.assert_array_equal(chosen[:, 1:], advice[:, 1:])
        _, _, _, _, infos = games.step(np.zeros(games.num_envs, np.int64))
        assert infos["rating"].shape == (games.num_envs, 3)
    assert games.columns["rating"] == ("learner", "oldest", "greedy")
    learner, oldest, greedy = infos["rating"][0]
    assert learner < 25 < greedy  # who always passes loses
    assert oldest == 25


def test_ratings_are_curves_and_only_in_self_play(tmp_path: Path) -> None:
    for name, rivals in (("self", (*SELF, "selfplay.league=[greedy]")), ("rules", ("rivals=[greedy]",))):
        train.start_run(tiny_node(tmp_path, *DQN, "steps=1600", *rivals), folder=tmp_path / name)
        events = EventAccumulator(str(tmp_path / name))
        events.Reload()
        rated = {tag for tag in events.Tags()["scalars"] if "rating" in tag}
        wanted = {f"game/rating/{player}" for player in ("learner", "oldest", "greedy")}
        assert rated == (wanted if name == "self" else set())


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (("selfplay.league=[random]",), "selfplay.league=random is not allowed, it must be greedy or a run folder"),
        (("selfplay.league=[self]",), "selfplay.league=self is not allowed, it must be greedy or a run folder"),
        (("selfplay.league=[greedy,greedy]",), "selfplay.league=greedy,greedy is not allowed, it must name each once"),
        (("selfplay.league_share=2",), "selfplay.league_share=2.0 is not allowed, it must be 0..1"),
        (
            ("selfplay.league=[greedy]", "actions=masked"),
            "selfplay.league=greedy: actions=masked offers no candidates that this rule could choose from",
        ),
        (
            ("selfplay.league=[nowhere]",),
            "selfplay.league: 'nowhere' is neither a run folder nor one of random, greedy, planner",
        ),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, overrides: tuple[str, ...], line: str) -> None:
    with pytest.raises(ValueError, match=".") as caught:
        training_env(read_setup(tiny_node(tmp_path, *DQN, *SELF, *overrides)))
    assert str(caught.value) == line
