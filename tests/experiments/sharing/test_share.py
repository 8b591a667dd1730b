"""Sharing a policy: the folder holds all that others need, says how good it is, and gives nothing else away."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from PIL import Image
from typed import command, refused

from envs.waybill import record
from experiments.common import checkpoint_files
from experiments.config import reading
from experiments.games.evaluate import evaluate_target
from experiments.games.waybill.rivals import load_rival
from experiments.runs import checkpoints, transfer
from experiments.runs.policies import load_policy
from experiments.runs.train import start_run
from experiments.sharing.share import middle_game, public_commands, share_run
from groundwork.errors import WaybillError
from tiny import DQN, tiny_node, tiny_setup

FILES = {"README.md", "config.json", "policy.safetensors", "replay.jsonl", "replay.png", "result.json"}
TYPED = ("level=haul", "callbacks.wandb.key=secret", "out=/home/me/runs", "seed=3")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run, begun with what another has learnt."""
    out = tmp_path_factory.mktemp("runs")
    start_run(tiny_node(out, *DQN, "steps=400"), folder=out / "before")
    node = tiny_node(out, *DQN, "seed=3", f"transfer.from={out}/before")
    start_run(node, folder=out / "run", overrides=TYPED)
    return out / "run"


@pytest.fixture(scope="module")
def shared(run: Path) -> Path:
    return share_run(str(run), out=str(run.parent / "shared"))


def read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def test_a_folder_holds_all_that_others_need(run: Path, shared: Path) -> None:
    assert {path.name for path in shared.iterdir()} == FILES
    assert sum(path.stat().st_size for path in shared.iterdir()) < 3_000_000
    assert {oct(path.stat().st_mode & 0o444) for path in shared.iterdir()} == {"0o444"}  # others can read them
    one, other = (checkpoints.read_policy(folder) for folder in (run, shared))
    assert (one["score"], one["env_step"]) == (other["score"], other["env_step"])
    for name, weights in one["policy"]["network"].items():
        assert torch.equal(weights, other["policy"]["network"][name])
    result, before = read(shared / "result.json"), read(run / "result.json")
    assert result == {**before, "commands": ["python train.py level=haul seed=3"]}
    assert Image.open(shared / "replay.png").size[0] > 800


def test_it_plays_as_the_run_does(shared: Path, run: Path) -> None:
    scores = evaluate_target(str(shared))["dqn"]["by_map"]
    assert scores == read(run / "result.json")["scores"]["dqn"]["by_map"]
    game = record.load_game(shared / "replay.jsonl")
    assert list(record.replay_states(game))
    assert game.score == scores[game.map_seed] == sorted(scores)[2]  # the median of six, the lower one


def test_it_tells_nothing_of_trackers_and_folders(run: Path, shared: Path) -> None:
    config = read(shared / "config.json")["config"]
    plain = reading.read_run(run).plain
    assert plain["transfer"]["from"] == f"{run.parent}/before"
    assert (config["transfer"]["from"], config["out"], config["callbacks"], config["resume"]) == (
        None,
        "runs",
        {},
        None,
    )
    changed = {key for key in plain if plain[key] != config[key]}
    assert changed == {"transfer", "out"}
    for path in shared.iterdir():
        assert str(run.parent).encode() not in path.read_bytes(), path
        assert b"secret" not in path.read_bytes(), path


def test_it_is_taken_where_a_run_is(run: Path, shared: Path, tmp_path: Path) -> None:
    (source,) = transfer.sources(tiny_setup(tmp_path, *DQN, f"transfer.from={shared}"))
    saved = checkpoints.read_policy(run)["policy"]["network"]
    assert all(torch.equal(source.weights[name], saved[name]) for name in saved)
    setup = tiny_setup(tmp_path, *DQN)
    env = setup.domain.validation(setup).env
    obs, infos = env.reset(seed=0)
    acts = [
        load_rival(str(shared), setup, env=env, device=torch.device("cpu")),
        load_policy(reading.read_run(run), run, env=env, device=torch.device("cpu")).greedy,
    ]
    assert (acts[0](obs, infos["action_mask"]) == acts[1](obs, infos["action_mask"])).all()
    again = share_run(str(shared), out=str(tmp_path / "again"))
    for name in ("config.json", "result.json", "replay.jsonl", "policy.safetensors"):
        assert (again / name).read_bytes() == (shared / name).read_bytes()


def test_the_card_is_one_that_the_hub_reads(shared: Path) -> None:
    hub = pytest.importorskip("huggingface_hub")
    card = hub.ModelCard.load(shared / "README.md")
    (found,) = card.data.eval_results[:1]
    row = read(shared / "result.json")["scores"]["dqn"]
    assert (found.metric_type, found.metric_value) == ("score", round(row["mean"], 4))
    assert (found.task_type, found.dataset_type) == ("reinforcement-learning", "waybill/haul")
    assert found.dataset_name == "haul, 6 maps from seed 0"
    assert {one.metric_type for one in card.data.eval_results} == {"score", "normalised"}
    assert card.data.library_name == "waybill"


def test_the_card_shows_scores_commands_and_files(shared: Path) -> None:
    _, head, text = (shared / "README.md").read_text().split("---\n", 2)
    assert yaml.safe_load(head)["model-index"][0]["name"] == "dqn on haul"
    result = read(shared / "result.json")
    for name, row in result["scores"].items():
        assert f"| {name} | {row['mean']:,.1f} | {row['low']:,.1f} … {row['high']:,.1f} |" in text
    assert "\n    python train.py level=haul seed=3\n" in text
    assert "\n    python replay.py shared --format html --out game.html\n" in text
    assert f"kept after {result['policy']['env_step']:,} environment steps" in text
    assert result["commit"] is None or result["commit"]["id"][:12] in text
    for name in FILES - {"README.md"}:
        assert f"| `{name}` | " in text
    assert "](replay.png)" in text


def test_a_run_that_is_not_finished_is_measured(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    (copy / "result.json").unlink()
    result = read(share_run(str(copy), out=str(tmp_path / "shared")) / "result.json")
    assert "the run isn't finished: the policy is measured on the held-out games\n" in capsys.readouterr().out
    assert result["scores"] == read(run / "result.json")["scores"]
    assert result["env_steps"] == result["policy"]["env_step"] == checkpoints.read_policy(run)["env_step"]
    damaged = read(run / "result.json")
    del damaged["scores"]["dqn"]["bankruptcies"]
    (copy / "result.json").write_text(json.dumps(damaged))
    again = share_run(str(copy), out=str(tmp_path / "again"))
    assert "its result.json is of a version before" in capsys.readouterr().out
    assert read(again / "result.json")["scores"] == result["scores"]


def test_a_run_of_before_gets_its_policy_back(run: Path, tmp_path: Path) -> None:
    old = tmp_path / "old"
    shutil.copytree(run, old)
    saved = checkpoints.read_policy(run)
    checkpoint_files.save_checkpoint(old / "best.pt", saved)
    (old / "policy.safetensors").unlink()
    with pytest.raises(WaybillError) as caught:
        evaluate_target(str(old))
    hint = f"its best.pt is of a version before: python share.py {old} --out FOLDER makes a policy of it"
    assert str(caught.value).endswith(f"/old/policy.safetensors': nothing was saved there yet; {hint}")
    share_run(str(old), out=str(tmp_path / "new"))
    for folder in (old, tmp_path / "new"):
        assert checkpoints.read_policy(folder)["score"] == saved["score"]
        assert evaluate_target(str(folder))["dqn"] == read(run / "result.json")["scores"]["dqn"]


def test_what_cannot_be_shared_is_told_and_nothing_is_left(run: Path, shared: Path, tmp_path: Path) -> None:
    for words, line in {
        (str(run), "--out", str(shared)): f"--out={shared} is there already, a new folder is needed",
        (str(run), "--out", str(tmp_path / "a" / "b")): f"--out={tmp_path}/a/b: there is no folder '{tmp_path}/a'",
        ("nowhere", "--out", "x"): "'nowhere' is no folder; a run folder (made by train.py) is needed",
    }.items():
        assert refused(command("share.py", *words, cwd=tmp_path), "share.py") == f"share.py: error: {line}"
    start_run(tiny_node(tmp_path, "agent=greedy"), folder=tmp_path / "player")
    with pytest.raises(WaybillError, match="agent=greedy does not learn, there is no policy to share"):
        share_run(str(tmp_path / "player"), out=str(tmp_path / "x"))
    broken = tmp_path / "broken"
    shutil.copytree(run, broken)
    policy = broken / "policy.safetensors"
    policy.write_bytes(policy.read_bytes()[:-9])
    with pytest.raises(WaybillError, match="is damaged or not one of ours"):
        share_run(str(broken), out=str(tmp_path / "x"))
    assert {path.name for path in tmp_path.iterdir()} == {"player", "broken", ".cache"}


def test_an_error_halfway_leaves_nothing(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(type(reading.read_run(run).domain), "keep_replay", fail)
    with pytest.raises(OSError, match="the disk is full"):
        share_run(str(run), out=str(tmp_path / "x"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("agent", ["dqn", "pqn", "sb3_dqn"])
def test_another_game_keeps_an_animation(tmp_path: Path, agent: str) -> None:
    small = ("env=gym", "env.id=CartPole-v1", f"agent={agent}", "steps=200", "num_envs=2", "evaluation.every=100")
    episodes = ("evaluation.episodes=2", "evaluation.final_episodes=3", "progress=false", "diagnostics.pictures=false")
    done = command("train.py", *small, *episodes, "hydra.run.dir=run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    shared = share_run(str(tmp_path / "run"), out=str(tmp_path / "shared"))
    assert {path.name for path in shared.iterdir()} == FILES - {"replay.jsonl", "replay.png"} | {"replay.gif"}
    assert evaluate_target(str(shared)) == read(tmp_path / "run" / "result.json")["scores"]
    assert "waybill/CartPole-v1" in (shared / "README.md").read_text()


def test_the_game_that_is_kept_is_the_median() -> None:
    assert middle_game({"by_map": [5, -3, 9]}) == 0
    assert middle_game({"by_map": [5, -3, 9, 7]}) == 0
    assert middle_game({"by_seed": [1.0, 1.0, 0.5, 2.0]}) == 0
    assert middle_game({"by_seed": [2.0]}) == 0
    assert middle_game({"by_seed": [3.0, 1.0, 2.0]}) == 2


def test_commands_keep_what_results_depend_on() -> None:
    here = Path.cwd()
    assert public_commands([
        f"python train.py level=haul +callbacks=wandb out=/x 'rivals=[greedy,{here}/runs/A B]' hydra.run.dir=x",
        "python train.py resume=/home/me/runs/7 threads=2",
        "python train.py resume=/home/me/runs/7 steps=900",
        f"python train.py transfer.from={Path.home()}/x",
    ]) == [
        "python train.py level=haul 'rivals=[greedy,runs/A B]'",
        "python train.py resume=runs/RUN steps=900",
        "python train.py 'transfer.from=~/x'",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda content: {**content, "config": {**content["config"], "out": "${oc.env:HOME}"}}, "${…} is not allowed"),
        (lambda content: {**content, "config": [1]}, "it has no section config"),
        (lambda content: {**content, "commands": [1]}, "commands and needs must be lists of texts"),
        (lambda content: {**content, "needs": "x"}, "commands and needs must be lists of texts"),
        (lambda content: [content], "is damaged or not one of ours (no section of keys)"),
        (lambda content: {**content, "config": {**content["config"], "nonsense": 1}}, "nonsense"),
    ],
)
def test_a_shared_config_of_another_shape_is_refused(shared: Path, tmp_path: Path, change: Any, line: str) -> None:
    shutil.copytree(shared, tmp_path / "x")
    path = tmp_path / "x" / "config.json"
    path.write_text(json.dumps(change(read(path))))
    with pytest.raises(WaybillError) as caught:
        reading.read_run(tmp_path / "x")
    assert str(caught.value).startswith(f"{path}: ")
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "\0", '{"a": NaN'])
def test_a_shared_config_that_is_no_json_is_refused(shared: Path, tmp_path: Path, text: str) -> None:
    shutil.copytree(shared, tmp_path / "x")
    (tmp_path / "x" / "config.json").write_text(text)
    with pytest.raises(WaybillError, match=r"config\.json: it is damaged or not one of ours"):
        reading.read_run(tmp_path / "x")
