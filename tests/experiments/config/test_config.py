"""Configs: every file fits its schema, and every mistake is one line that names key, value and what is allowed."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from composing import CONF, composed
from hydra.utils import get_class
from omegaconf import OmegaConf

from experiments.common.door import one_line
from experiments.config import reading
from experiments.config.reading import Setup, read_composed, read_setup
from experiments.config.schema import GAME_GROUPS, GAME_KEYS, GROUPS

FILES = sorted(path for group in GROUPS for path in (CONF / group).glob("*.yaml"))


def problem(*overrides: str) -> str:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - Hydra's, OmegaConf's and ours: the door shows all alike
        read_composed(composed(*overrides))
    line = one_line(caught.value)
    assert "\n" not in line
    return line


def test_defaults_are_the_documented_ones() -> None:
    setup = read_setup(composed())
    assert setup.names == {
        "env": "waybill",
        "level": "refine",
        "reward": "shaped",
        "actions": "heuristic",
        "encoding": "reference_points",
        "curriculum": "none",
        "agent": "dqn",
        "network": "candidates",
    }
    assert setup.config.steps == setup.config.level.train_steps
    assert setup.config.seed == 0
    assert setup.config.evaluation.final_maps == 100


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}={path.stem}")
def test_every_file_of_a_group_composes_and_carries_its_own_name(path: Path) -> None:
    game = ["env.id=CartPole-v1"] if path == CONF / "env" / "gym.yaml" else []
    setup = read_setup(composed(f"{path.parent.name}={path.stem}", *game))
    assert setup.names[path.parent.name] == path.stem
    assert path.read_text().startswith("# ")


@pytest.mark.parametrize(
    "path", [p for p in FILES if p.parent.name in ("agent", "network")], ids=lambda path: path.stem
)
def test_agent_and_network_files_show_every_setting(path: Path) -> None:
    values = OmegaConf.to_container(OmegaConf.load(path))
    assert isinstance(values, dict)
    fields = dataclasses.fields(get_class(values["_target_"]))
    assert values.keys() == {field.name for field in fields} | {"_target_", "name"}


@pytest.mark.parametrize("path", sorted((CONF / "experiment").glob("*.yaml")), ids=lambda path: path.stem)
def test_experiment_files_name_their_command_and_hold_overrides_only(path: Path) -> None:
    first, second, *_ = path.read_text().splitlines()
    assert first == "# @package _global_"
    assert second in (f"# python train.py experiment={path.stem}", f"# python train.py -m +experiment={path.stem}")
    default, setup = read_setup(composed()).plain, read_setup(composed(f"experiment={path.stem}"))
    unused = set() if "level" in setup.plain else set(GAME_KEYS)
    assert setup.plain.keys() == default.keys() - unused
    assert setup.plain != default


def test_an_agent_with_a_network_of_its_own_says_so() -> None:
    assert read_setup(composed("agent=sb3_dqn", "network=mlp")).names["network"] == "own"
    assert read_setup(composed("agent=random")).names["network"] == "own"


def test_foreign_games_use_no_groups_of_waybills_and_bring_their_own_defaults() -> None:
    setup = read_setup(composed("env=gym", "env.id=CartPole-v1", "agent.gamma=0.9"))
    assert [setup.names[group] for group in GAME_GROUPS] == ["-"] * 5
    assert not set(GAME_GROUPS) & setup.plain.keys()
    assert (setup.names["env"], setup.names["network"]) == ("gym", "mlp")
    assert (setup.config.steps, setup.gamma, setup.domain.id) == (100_000, 0.9, "CartPole-v1")
    assert read_setup(composed("env=gym", "env.id=X-v0", "steps=7")).config.steps == 7
    assert read_setup(OmegaConf.create(OmegaConf.to_yaml(OmegaConf.create(setup.plain)))) == setup  # type: ignore[arg-type]


def test_a_config_from_before_there_were_other_games_is_of_waybills() -> None:
    saved = {key: value for key, value in read_setup(composed()).plain.items() if key != "env"}
    setup = read_setup(saved)
    assert (setup.names["env"], setup.config.level.name) == ("waybill", "refine")  # type: ignore[attr-defined]


@pytest.mark.parametrize("override", ["level=haul", "level.side=9", "reward=cash", "+actions.x=1", "encoding=one_hot"])
def test_a_choice_that_foreign_games_do_not_have_is_refused(override: str) -> None:
    setup = read_setup(composed("env=gym", "env.id=CartPole-v1"))
    group = override.lstrip("+").split(".")[0].split("=")[0]
    with pytest.raises(ValueError, match=r"belongs to env=waybill") as caught:
        reading.refuse_unused(setup, ["env=gym", "seed=1", override])
    assert str(caught.value) == f"{override}: env=gym has no {group}=, it belongs to env=waybill"
    reading.refuse_unused(read_setup(composed()), [override])


def test_shaping_discounts_as_the_agent_does() -> None:
    assert read_setup(composed("agent.gamma=0.9")).config.reward.gamma == 0.9


def test_a_saved_config_reads_back_the_same() -> None:
    setup: Setup = read_setup(composed("seed=3", "level=haul", "agent.tau=0.01"))
    again = read_setup(OmegaConf.create(OmegaConf.to_yaml(OmegaConf.create(setup.plain))))  # type: ignore[arg-type]
    assert again == setup
    assert again.agent.tau == 0.01


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("steps=-5", "steps=-5 is not allowed, it must be 1 or more environment steps"),
        ("steps=0", "steps=0 is not allowed, it must be 1 or more environment steps"),
        ("num_envs=65537", "num_envs=65537 is not allowed, it must be 1..65536 games"),
        ("device=gpu", "device=gpu is not allowed, it must be auto, cpu, cuda or cuda:N"),
        ("threads=0", "threads=0 is not allowed, it must be 1..1024 or null for all cores"),
        ("seed=-1", "seed=-1 is not allowed, it must be 0..65535"),
        ("evaluation.episodes=1", "evaluation.episodes=1 is not allowed, it must be 2..100000 episodes"),
        ("evaluation.final_episodes=0", "evaluation.final_episodes=0 is not allowed, it must be 2..100000 episodes"),
        ("evaluation.max_steps=0", "evaluation.max_steps=0 is not allowed, it must be 1 or more steps"),
        ("env=gym", "env.id is missing, give env.id=..."),
        ("evaluation.maps=1", "evaluation.maps=1 is not allowed, it must be 2..100000 maps"),
        ("actions=buckets,actions.cells=0", "actions.cells=0 is not allowed, it must be 1..32, at most level.side"),
        ("actions=buckets,actions.cells=33", "actions.cells=33 is not allowed, it must be 1..32, at most level.side"),
        ("actions=buckets,actions.cells=null", "actions.cells is missing, give actions.cells=..."),
        ("actions=masked,actions.cells=4", "actions.cells=4: actions=masked has no cells, actions=buckets does"),
        ("reward=milestone,reward.bonus=-1", "reward.bonus=-1.0 is not allowed, it must be 0..100 starting cashes"),
        ("reward=milestone,reward.bonus=null", "reward.bonus is missing, give reward.bonus=..."),
        ("reward.bonus=1", "reward.bonus=1.0: reward=shaped has no bonus, reward=milestone does"),
        ("actions.candidates=0", "actions.candidates=0 is not allowed, it must be 2..256"),
        ("level.side=1", "level refine: side=1 is not in 6..32"),
        ("agent.gamma=2", "agent.gamma=2.0 is not allowed, it must be 0..1"),
        ("agent.batch_size=0", "agent=dqn: agent.batch_size=0 is not in 1..65536"),
        ("network.width=0", "network=candidates: network.width=0 is not in 1..8192"),
        (
            "network=relational,network.heads=3",
            "network=relational: network.heads=3 is not allowed, it must divide network.width=128",
        ),
        (
            "evaluation.search=soon",
            "evaluation.search=soon: allowed are milliseconds, as 20ms, or a number of rounds, as 4, up to 64",
        ),
        (
            "agent=greedy,evaluation.search=4",
            "evaluation.search=4: agent=greedy is a player, only a trained policy can search",
        ),
        (
            "agent=sb3_dqn,evaluation.search=4",
            "evaluation.search=4: agent=sb3_dqn is measured so by python evaluate.py RUN --search",
        ),
        (
            "env=gym,env.id=CartPole-v1,network=mlp,evaluation.search=4",
            "evaluation.search=4: games of env=gym can't be copied, Waybill's levels can",
        ),
    ],
)
def test_a_number_out_of_range_is_named_with_what_is_allowed(override: str, line: str) -> None:
    assert problem(*override.split(",")) == line


def test_an_unknown_choice_is_named_with_the_known_ones() -> None:
    assert problem("reward=shapd") == (
        "Could not find 'reward/shapd' (is shaped meant?), available: cash, milestone, shaped, sparse"
    )
    assert problem("level=nope") == "Could not find 'level/nope', available: chain, fog, haul, refine, rivals"


@pytest.mark.parametrize(
    ("override", "parts"),
    [
        ("agent.lerning_rate=1", ("agent.lerning_rate", "is learning_rate meant?", "--help agent shows all")),
        ("+agent.lerning_rate=1", ("agent.lerning_rate", "is learning_rate meant?", "--help agent shows all")),
        ("+typo=1", ("typo", "known are")),
        ("env.id=CartPole-v1", ("env.id: there is no such key", "env=gym has others")),
        ("stop_at_score=high", ("stop_at_score=high is not allowed, it must be a number",)),
        ("steps=abc", ("steps=abc is not allowed, it must be a whole number",)),
        ("a b", ("cannot read 'a b'", "key=value")),
        ("agent.batch_size=many", ("agent.batch_size=many is not allowed, it must be a whole number",)),
        ("agent._target_=agents.dqn.Nothing", ("agent=dqn", "agents.dqn.Nothing")),
        ("steps=", ("steps",)),
        ("steps", ("steps",)),
    ],
)
def test_a_wrong_key_or_type_is_named(override: str, parts: tuple[str, ...]) -> None:
    line = problem(override)
    for part in parts:
        assert part in line


def test_an_option_for_the_game_is_added() -> None:
    game = ("env=gym", "env.id=X-v0")
    assert problem(*game, "env.kwargs.x=1") == "env.kwargs.x: there is no such key, to add it write +env.kwargs.x=..."
    assert read_setup(composed(*game, "+env.kwargs.x=1")).domain.kwargs == {"x": 1}


def test_a_folder_without_a_config_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is no run folder"):
        reading.read_run(tmp_path)
    with pytest.raises(ValueError, match="is no folder"):
        reading.read_run(tmp_path / "nowhere")
    (tmp_path / "config.yaml").write_text("steps: [1")
    with pytest.raises(ValueError, match=r"config.yaml: "):
        reading.read_run(tmp_path)


def test_a_run_keeps_the_easier_levels_that_it_climbs_through(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    setup = read_setup(composed("level=chain", "curriculum=ladder"))
    assert list(setup.plain["curriculum"]["numbers"]) == ["haul", "refine"]
    monkeypatch.setattr("envs.waybill.core.levels.LEVEL_FOLDER", tmp_path)  # whatever becomes of the files
    again = read_setup(OmegaConf.create(OmegaConf.to_yaml(OmegaConf.create(setup.plain))))  # type: ignore[arg-type]
    assert again == setup
    assert [level.name for level in again.config.ladder()] == ["haul", "refine", "chain"]  # type: ignore[attr-defined]


@pytest.mark.parametrize("override", ["rivals=[greedy]", "selfplay.pool=3"])
def test_other_games_have_no_rivals(override: str) -> None:
    setup = read_setup(composed("env=gym", "env.id=CartPole-v1", override))
    with pytest.raises(ValueError, match=r"env=gym has no (rivals|selfplay)=, it belongs to env=waybill"):
        reading.refuse_unused(setup, [override])
