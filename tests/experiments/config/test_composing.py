"""The tests' shortcut to composed configs comes to what Hydra comes to."""

from __future__ import annotations

from pathlib import Path

import pytest
from composing import by_hydra, composed
from gym_nodes import COMMON as GYM
from hydra.errors import MissingConfigException
from omegaconf import DictConfig, OmegaConf

from experiments.config.keys import CONFIG_DIR
from tiny import COMMON, DQN


def plain(node: DictConfig) -> tuple[object, object, object]:
    return OmegaConf.to_container(node), OmegaConf.is_struct(node), OmegaConf.is_readonly(node)


@pytest.mark.parametrize(
    "overrides",
    [
        (),
        (*COMMON, *DQN, "out=/tmp/a b"),
        (*GYM, "env.id=CartPole-v1", "+env.kwargs.sutton_barto_reward=true", "network.width=[8,16]"),
        ("level=refine", "level.horizon=7", "level=haul"),  # of two choices the last one counts, values after both
        ("agent.learning_rate=0.1", "agent=pqn", "agent.epochs=1"),
        ("experiment=ablation", "arm=uniform", "seed=3", "steps=1e5"),
        ("encoding=pairwise", "reward=sparse", "reward.gamma=0.9"),
        ("callbacks=[mlflow]", "hydra.run.dir=/tmp/x", "agent.learning_rate=${reward.gamma}", "out='1e3'"),
    ],
    ids=" ".join,
)
def test_it_is_what_hydra_comes_to(overrides: tuple[str, ...]) -> None:
    expected = plain(by_hydra(*overrides))
    assert plain(composed(*overrides)) == expected
    composed(*overrides).steps = 5  # a copy
    assert plain(composed(*overrides)) == expected


@pytest.mark.parametrize("override", ["agent.nope=1", "level=nope", "steps.deep=1", "nope=3", "+steps=1", "steps"])
def test_what_is_wrong_is_said_by_hydra(override: str) -> None:
    with pytest.raises(Exception, match=".") as expected:
        by_hydra(override)
    with pytest.raises(type(expected.value)) as refused:
        composed(override)
    assert str(refused.value) == str(expected.value)


def test_own_folders_are_read_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "level" / "mine.yaml"
    own.parent.mkdir()
    monkeypatch.setenv(CONFIG_DIR, str(tmp_path))
    for horizon in (11, 12):
        own.write_text(f"defaults: [haul]\nhorizon: {horizon}\n")
        assert composed("level=mine").level.horizon == horizon
    monkeypatch.delenv(CONFIG_DIR)
    with pytest.raises(MissingConfigException):
        composed("level=mine")
