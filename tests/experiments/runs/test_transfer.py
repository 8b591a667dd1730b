"""Beginning a run with another's weights: what it begins with, that resuming doesn't begin again, what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from chain import assert_same_state
from trained_runs import StopAfter, differences

from experiments.common import checkpoint_files
from experiments.common.stopping import StopRequest
from experiments.config.reading import read_setup
from experiments.games import evaluate
from experiments.runs import checkpoints, transfer
from experiments.runs import train as runs
from experiments.runs.checkpoints import LAST
from experiments.runs.loop import make_loop, train
from experiments.runs.policies import load_policy
from tiny import DQN, tiny_node, tiny_setup

SHORT = (*DQN, "steps=400", "evaluation.every=200")
REFINE = (*SHORT, "level=refine", "level.horizon=20")
PQN = ("agent=pqn", "network.width=16", "agent.rollout=4", "agent.minibatches=2", "steps=400", "evaluation.every=200")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seeds on haul."""
    out = tmp_path_factory.mktemp("source")
    runs.start_run(tiny_node(out, *SHORT, "seeds=2"), folder=out / "haul")
    return out / "haul"


def result(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "result.json").read_text())


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return checkpoints.read_policy(folder)["policy"]["network"]


def begun(out: Path, *overrides: str) -> Any:
    """The agent of a run that has taken over and not yet made a step."""
    setup = tiny_setup(out, *overrides)
    loop = make_loop(setup, validation=setup.domain.validation(setup))
    transfer.take_over(setup, loop, transfer.sources(setup))  # type: ignore[arg-type]
    return loop.agent


def test_the_curve_begins_with_what_the_source_can(tmp_path: Path, source: Path) -> None:
    """At step 0 the score on the target's validation maps is that of the source's policy there."""
    runs.start_run(tiny_node(tmp_path, *REFINE, f"transfer.from={source}/seed1"), folder=tmp_path / "run")
    setup = tiny_setup(tmp_path, *REFINE)
    validation = setup.domain.validation(setup)
    policy = load_policy(setup, source / "seed1", env=validation.env, device=torch.device("cpu"))
    curve = result(tmp_path / "run")["curve"]
    assert curve[0] == [0, float(validation(policy.greedy).score.mean())]
    assert [step for step, _ in curve] == [0, 200, 400]


@pytest.mark.parametrize("agent", [REFINE, (*PQN, "level=refine")], ids=["dqn", "pqn"])
def test_a_relational_network_goes_on_from_a_candidate_network(
    tmp_path: Path, source: Path, agent: tuple[str, ...]
) -> None:
    """It begins with the very policy of the source, and its teacher is that, too; not the other way round."""
    wide = (
        *agent,
        "network=relational",
        "network.attention=1",
        f"transfer.from={source}/seed1",
        "transfer.teacher=true",
    )
    runs.start_run(tiny_node(tmp_path, *wide), folder=tmp_path / "wide")
    setup = tiny_setup(tmp_path, *REFINE)
    validation = setup.domain.validation(setup)
    policy = load_policy(setup, source / "seed1", env=validation.env, device=torch.device("cpu"))
    assert result(tmp_path / "wide")["curve"][0] == [0, float(validation(policy.greedy).score.mean())]
    wider, plain = begun(tmp_path, *wide, "seeds=2"), weights(source / "seed1")
    for seed in (0, 1):
        own = wider.policy_state_dict(seed)["network"]
        assert all(torch.equal(own[name], value) for name, value in plain.items())
        assert {name for name in own if not own[name].any()} >= {"relate.weight", "named.weight"}
    assert not torch.equal(
        *(wider.policy_state_dict(seed)["network"]["blocks.0.qkv.weight"] for seed in (0, 1))
    )  # what was not there is each seed's own
    with pytest.raises(ValueError, match=r"does not fit: network=relational there and candidates here"):
        begun(tmp_path, *agent, f"transfer.from={tmp_path / 'wide'}")


@pytest.mark.parametrize("network", ["candidates", "relational"])
def test_dated_observations_go_on_from_a_run_without_them(tmp_path: Path, source: Path, network: str) -> None:
    """It begins with the very policy of the source, as does its teacher, and learns on; not the other way round."""
    dated = (*REFINE, f"network={network}", "dated=true", f"transfer.from={source}/seed1", "transfer.teacher=true")
    runs.start_run(tiny_node(tmp_path, *dated), folder=tmp_path / "dated")
    setup = tiny_setup(tmp_path, *REFINE)
    validation = setup.domain.validation(setup)
    policy = load_policy(setup, source / "seed1", env=validation.env, device=torch.device("cpu"))
    assert result(tmp_path / "dated")["curve"][0] == [0, float(validation(policy.greedy).score.mean())]
    own, plain = weights(tmp_path / "dated"), weights(source / "seed1")
    assert [own[name].shape[1] - plain[name].shape[1] for name in ("entity.0.weight", "candidate.weight")] == [3, 4]
    with pytest.raises(ValueError, match=r"does not fit: dated=True there and False here"):
        begun(tmp_path, *REFINE, f"network={network}", f"transfer.from={tmp_path / 'dated'}")


@pytest.mark.parametrize("agent", [REFINE, (*PQN, "level=refine")], ids=["dqn", "pqn"])
def test_each_seed_takes_its_own_source(tmp_path: Path, source: Path, agent: tuple[str, ...]) -> None:
    together = begun(tmp_path, *agent, "seeds=2", f"transfer.from={source}")
    for seed in (0, 1):
        own = together.policy_state_dict(seed)["network"]
        assert all(torch.equal(own[name], value) for name, value in weights(source / f"seed{seed}").items())
    one = begun(tmp_path, *agent, "seeds=2", f"transfer.from={source}/seed1")
    for seed in (0, 1):
        own = one.policy_state_dict(seed)["network"]
        assert all(torch.equal(own[name], value) for name, value in weights(source / "seed1").items())


def test_the_control_has_the_settings_and_its_own_fresh_weights(tmp_path: Path, source: Path) -> None:
    given = (*REFINE, f"transfer.from={source}/seed0")
    full, control = begun(tmp_path, *given), begun(tmp_path, *given, "transfer.mode=random_init")
    setup = tiny_setup(tmp_path, *REFINE)
    scratch = make_loop(setup, validation=setup.domain.validation(setup)).agent
    assert torch.equal(control.learner.flat.values, scratch.learner.flat.values)
    assert not torch.equal(full.learner.flat.values, scratch.learner.flat.values)
    assert [agent.epsilon(0) for agent in (full, control, scratch)] == [0.3, 0.3, 1.0]
    assert [agent.epsilon(400) for agent in (full, control, scratch)] == pytest.approx([0.05] * 3)
    assert begun(tmp_path, *given, "transfer.epsilon_start=null").epsilon(0) == 1.0


TAUGHT = ("transfer.teacher=2", "transfer.teacher_steps=800", "transfer.teacher_acting=0.5", "seeds=2")


def trained(folder: Path, source: Path, *stops: int) -> dict[str, Any]:
    """last.pt of a taught group that was interrupted and resumed; its source is gone after the first step."""
    kept, state = folder.parent / f"source_of_{folder.name}", None
    shutil.copytree(source, kept)
    for seed in (0, 1):
        (folder / f"seed{seed}").mkdir(parents=True)
    for stop in (*stops, None):
        setup = tiny_setup(folder.parent, *DQN, f"transfer.from={kept}", *TAUGHT, "transfer.shrink_perturb=0.1")
        validation = setup.domain.validation(setup)
        loop = make_loop(setup, validation=validation)
        if state is None:
            transfer.take_over(setup, loop, transfer.sources(setup))
            shutil.rmtree(kept)
        request = StopRequest() if stop is None else StopAfter(stop)
        try:
            train(setup=setup, folder=folder, loop=loop, validation=validation, state=state, stop=request)
        except KeyboardInterrupt:
            assert stop is not None
        state = checkpoint_files.load_checkpoint(folder / LAST)
    assert state is not None
    return state


def test_a_resumed_run_does_not_begin_again(tmp_path: Path, source: Path) -> None:
    """Bit for bit the uninterrupted one, its curve included, stopped while taught and after."""
    whole, parts = trained(tmp_path / "whole", source), trained(tmp_path / "parts", source, 40, 130)
    assert whole["agent"]["updates"] > 50
    assert_same_state(parts["agent"], whole["agent"])
    assert differences(parts["seeds"], whole["seeds"]) == []
    assert [step for step, _ in whole["seeds"][0]["curve"]] == [0, 400, 800, 1200]


def test_a_run_through_the_door_is_resumed_without_its_source(tmp_path: Path, source: Path) -> None:
    shutil.copytree(source, tmp_path / "source")
    given = (*REFINE, f"transfer.from={tmp_path / 'source'}", "transfer.teacher=true", "seeds=2")
    runs.start_run(tiny_node(tmp_path, *given), folder=tmp_path / "run")
    shutil.rmtree(tmp_path / "source")
    runs.resume_run(tmp_path / "run", overrides=["steps=600"])
    assert [step for step, _ in result(tmp_path / "run" / "seed1")["curve"]] == [0, 200, 400, 600]


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (("network.width=8",), "does not fit: network.width=16 there and 8 here"),
        (("network.layer_norm=false",), "does not fit: network.layer_norm=True there and False here"),
        (("network=mlp", "network.width=[16]"), "does not fit: network=candidates there and mlp here"),
        (("agent.head=quantile",), "does not fit: agent.head=scalar there and quantile here"),
        (("agent.dueling=true",), "does not fit: agent.dueling=False there and True here"),
        (("agent.noisy=true",), "does not fit: agent.noisy=False there and True here"),
        (("encoding=coordinates",), "does not fit: encoding=reference_points there and coordinates here"),
        (("encoding.options.count=4",), "does not fit: encoding.options.count=8 there and 4 here"),
        (("seed=1", "seeds=2"), "holds seeds 0 to 1, not seed 2"),
    ],
)
def test_a_source_that_does_not_fit_is_refused(
    tmp_path: Path, source: Path, overrides: tuple[str, ...], line: str
) -> None:
    with pytest.raises(ValueError, match="transfer.from: ") as caught:
        runs.start_run(tiny_node(tmp_path, *REFINE, f"transfer.from={source}", *overrides), folder=tmp_path / "run")
    assert line in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_an_encoder_goes_below_another_head_but_a_teacher_does_not(tmp_path: Path, source: Path) -> None:
    given = (*REFINE, f"transfer.from={source}/seed0", "transfer.mode=encoder", "agent.head=quantile")
    agent = begun(tmp_path, *given)
    name = "state.0.weight"
    assert torch.equal(agent.policy_state_dict()["network"][name], weights(source / "seed0")[name])
    with pytest.raises(ValueError, match=r"agent.head=scalar there and quantile here"):
        transfer.sources(tiny_setup(tmp_path, *given, "transfer.teacher=true"))


def test_sizes_of_another_level_are_explained(tmp_path: Path) -> None:
    mlp = (*SHORT, "network=mlp", "network.width=[16]")
    runs.start_run(tiny_node(tmp_path, *mlp), folder=tmp_path / "haul")
    why = r"level=haul there and refine here, with network=mlp; network=candidates fits every level; .* is \(1, "
    with pytest.raises(ValueError, match=f"^transfer.from: .* does not fit: {why}"):
        begun(tmp_path, *mlp, "level=refine", f"transfer.from={tmp_path / 'haul'}")
    with pytest.raises(ValueError, match=f"does not fit level refine: {why}"):
        evaluate.evaluate_target(str(tmp_path / "haul"), level="refine", maps=2, device="cpu", out=str(tmp_path))


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (("transfer.from=nowhere",), "transfer.from: 'nowhere' is no folder; a run folder"),
        (("transfer.from=.",), "transfer.from: '.' is no run folder: it has no config.yaml"),
        (("transfer.mode=encoder",), "transfer.mode=encoder needs transfer.from=RUN"),
        (("transfer.teacher=true",), "transfer.teacher=True needs transfer.from=RUN"),
        (("transfer.mode=half",), "transfer.mode=half is not one of full, encoder, head, random_init"),
        (("transfer.shrink_perturb=2",), "transfer.shrink_perturb=2.0 is not allowed, it must be 0..1"),
        (("transfer.teacher_steps=x",), "transfer.teacher_steps=x is not allowed, it must be a whole number"),
        (("transfer.teacher=much", "transfer.from=x"), "transfer.teacher=much is not allowed, it must be true, false"),
        (("transfer.teacher_acting=0.5",), "transfer.teacher_acting=0.5 needs transfer.teacher=true or a weight"),
        (("+transfer.source=x",), "transfer.source: there is no such key, known are epsilon_start, from, mode"),
        (("transfer.from=x", "agent=sb3_dqn"), "transfer.from=x: agent=sb3_dqn takes over no weights"),
        (("transfer.from=x", "agent=greedy"), "transfer.from=x: agent=greedy takes over no weights"),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, overrides: tuple[str, ...], line: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        transfer.sources(read_setup(tiny_node(tmp_path, *overrides)))
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


def test_configs_from_before_begin_from_scratch(tmp_path: Path) -> None:
    plain = dict(tiny_setup(tmp_path, *DQN).plain)
    del plain["transfer"]
    assert read_setup(plain).transfer.source is None
