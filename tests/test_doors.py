"""The commands as a user types them: a mistake is one line and leaves nothing behind, Ctrl-C keeps the work."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typed import ROOT, command, refused

from experiments.common.door import door
from experiments.common.stopping import Interrupted
from experiments.runs.checkpoints import POLICY
from groundwork.errors import WaybillError
from tiny import COMMON, DQN


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished tiny run."""
    out = tmp_path_factory.mktemp("out")
    done = command("train.py", *COMMON, *DQN, "steps=3e2", f"out={out}", f"hydra.run.dir={out}/run", cwd=out)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    for part in ("planner", "95 % interval", "tensorboard --logdir", "evaluate.py", "replay.py", "resume="):
        assert part in done.stdout
    return out / "run"


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (
            ("reward=shapd",),
            "Could not find 'reward/shapd' (is shaped meant?), available: cash, milestone, shaped, sparse",
        ),
        (("steps=-5",), "steps=-5 is not allowed"),
        (("terrain=nope",), "available: detours, straight"),
        (("scale=nope",), "available: paper"),
        (("experiment=nope",), "Could not find 'experiment/nope'"),
        (("env=gym", "env.id=CartPole-v1", "terrain=straight"), "terrain=straight: env=gym has no terrain="),
        (("steps=abc",), "steps=abc is not allowed, it must be a whole number"),
        (("agent.n_step=1.5",), "agent.n_step=1.5 is not allowed, it must be a whole number"),
        (("progress=3",), "progress=3 is not allowed, it must be true or false"),
        (("evaluation=3",), "evaluation=3 is not allowed, it must be a section of keys"),
        (("level=null",), "level=null: a group's choice needs a name, available: chain, fog, haul, refine, rivals"),
        (("level=nope",), "available: chain, fog, haul, refine, rivals"),
        (("agent.lerning_rate=1",), "agent.lerning_rate: there is no such key"),
        (("+agent.lerning_rate=1",), "agent.lerning_rate: there is no such key"),
        (("out=/proc/nope",), "/proc/nope"),
        (("actions=full", "network=candidates"), "network=candidates needs a reducer"),
        (("encoding.options.metric=miles",), "miles"),
        (("encoding.options.count=abc",), "encoding.options.count=abc is not allowed, it must be of type int"),
        (("+encoding.options.radius=3",), "known are metric, points, count"),
        (("agent.memory_bytes=1000",), "memory_bytes"),
        (("resume=nowhere",), "nowhere"),
        (("device=cuda:99",), "device=cuda:99 is not there"),
        (("agent.batch_size=0",), "agent.batch_size=0"),
        (("-m", "reward=shapd,sparse"), "reward/shapd"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_mistake_is_one_line_and_leaves_nothing(tmp_path: Path, words: tuple[str, ...], part: str) -> None:
    done = command("train.py", *words, cwd=tmp_path)
    assert part in refused(done, "train.py")
    assert [path for path in tmp_path.rglob("*") if path.name != "multirun.yaml" and path.is_file()] == []


def test_a_bug_keeps_its_traceback_and_a_stop_its_code(capsys: pytest.CaptureFixture[str]) -> None:
    def ending(error: BaseException) -> tuple[object, str]:
        def main() -> None:
            raise error

        with pytest.raises(SystemExit) as caught:
            door("play.py")(main)()
        return caught.value.code, capsys.readouterr().err

    for bug in (TypeError("a bug"), ValueError("a bug"), FileNotFoundError(2, "a bug", "/x")):  # raised in a test
        with pytest.raises(type(bug), match="a bug"):
            ending(bug)
    assert ending(WaybillError("two\nlines")) == (2, "play.py: error: two lines\n")
    assert ending(Interrupted("saved", exit_code=143)) == (143, "play.py: saved\n")
    assert ending(KeyboardInterrupt()) == (130, "play.py: stopped\n")


def test_a_finished_run_says_how_to_extend_it(run: Path) -> None:
    before = sorted(path.name for path in run.parent.iterdir())
    line = refused(command("train.py", f"resume={run}", cwd=run.parent), "train.py")
    assert "the run is finished" in line
    assert "steps=N" in line
    assert sorted(path.name for path in run.parent.iterdir()) == before


def test_evaluating_a_run_shows_its_table(run: Path) -> None:
    done = command("evaluate.py", str(run), "--maps", "4", cwd=run.parent)
    assert done.returncode == 0, done.stderr
    assert "planner" in done.stdout
    assert "4 maps from seed 0" in done.stdout


def test_evaluating_a_player(run: Path) -> None:
    done = command("evaluate.py", "greedy", "--level", "haul", "--maps", "2", cwd=run.parent)
    assert done.returncode == 0, done.stderr
    assert "greedy on haul, 2 maps" in done.stdout


def test_evaluate_refuses_what_it_cannot_read(run: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "no config.yaml" in refused(command("evaluate.py", "empty", cwd=tmp_path), "evaluate.py")
    assert "unknown level 'nope'" in refused(
        command("evaluate.py", str(run), "--level", "nope", cwd=tmp_path), "evaluate.py"
    )
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "config.yaml").write_text((run / "config.yaml").read_text())
    assert "there is no policy" in refused(command("evaluate.py", str(broken), cwd=tmp_path), "evaluate.py")
    (broken / POLICY).write_bytes((run / POLICY).read_bytes()[:-500])
    assert "is damaged" in refused(command("evaluate.py", str(broken), cwd=tmp_path), "evaluate.py")
    (broken / "last.pt").write_text("nonsense")
    again = ("train.py", "resume=broken", "steps=900")
    assert "nothing shows that this config was written by you" in refused(command(*again, cwd=tmp_path), "train.py")
    assert "is damaged" in refused(command(*again, "env.trust=true", cwd=tmp_path), "train.py")


def stopped(words: list[str], *, number: int, cwd: Path) -> subprocess.Popen[str]:
    """A training in ``run`` that gets a signal as soon as it has begun."""
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "train.py"), *words, f"hydra.run.dir={cwd}/run"],
        cwd=cwd, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("training in"):
            break
    process.send_signal(number)
    return process


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_run_is_saved_and_ends_like_one_that_was_not(tmp_path: Path, number: int, code: int) -> None:
    words = [*COMMON, *DQN, "steps=5000", "evaluation.every=2000", f"out={tmp_path}"]
    process = stopped(words, number=number, cwd=tmp_path)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == code, errors
    assert len(errors.splitlines()) == 1
    assert f"python train.py resume={tmp_path}/run" in errors
    assert (tmp_path / "run" / "last.pt").is_file()
    if number == signal.SIGTERM:
        return

    resumed = command("train.py", f"resume={tmp_path}/run", cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    whole = command("train.py", *words, f"hydra.run.dir={tmp_path}/whole", cwd=tmp_path)
    assert whole.returncode == 0, whole.stderr
    results = [json.loads((tmp_path / name / "result.json").read_text()) for name in ("run", "whole")]
    for key in ("scores", "env_steps", "updates", "policy"):
        assert results[0][key] == results[1][key]


@pytest.mark.slow
def test_a_sweep_finishes_all_its_runs_in_their_own_folders(tmp_path: Path) -> None:
    words = [*COMMON, "steps=200", "evaluation.every=200", "agent=dqn,sb3_dqn", "reward=sparse,shaped", "seed=0,1"]
    done = command("train.py", "-m", *words, "launcher.n_jobs=2", "progress=true", f"out={tmp_path}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    results = [json.loads(path.read_text()) for path in tmp_path.glob("sweep_*/*/result.json")]
    made = {(r["choices"]["agent"], r["choices"]["reward"], r["seed"]) for r in results}
    assert made == {(a, r, s) for a in ("dqn", "sb3_dqn") for r in ("sparse", "shaped") for s in (0, 1)}
    for folder in tmp_path.glob("sweep_*/*/"):
        assert len(list(folder.glob("events.out.tfevents.*"))) == 1
        assert (folder / "log.txt").read_text().count("s of training") == 1
    assert done.stdout.count(": done, score ") == 8
