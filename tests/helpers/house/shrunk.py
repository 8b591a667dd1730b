"""Commands of the pages as they can be run in a second: the sizes of runs reduced, their folders put in place."""

from __future__ import annotations

import importlib
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from composing import composed
from hydra.core.singleton import Singleton
from omegaconf import DictConfig
from pages import ROOT

from experiments.config.keys import CONFIG_DIR

CONFIGS = ROOT / "tests" / "conf"
RUN = (
    "steps=240", "num_envs=8", "train_maps=8", "log_every=100", "checkpoint_every=100000", "evaluation.every=120",
    "evaluation.maps=2", "evaluation.final_maps=2", "evaluation.episodes=2", "evaluation.final_episodes=2",
    "evaluation.max_steps=60", "threads=1", "device=cpu", "progress=false", "diagnostics.pictures=false",
)  # fmt: skip
LEVEL = ("level.horizon=20", "level.planner_effort=1")
AGENTS = {
    "dqn": ("agent.learning_starts=64", "agent.batch_size=16", "agent.memory_capacity=600"),
    "pqn": ("agent.rollout=4", "agent.minibatches=2", "agent.epochs=1"),
}
NETWORKS = {"candidates": ("network.width=16",), "mlp": ("network.width=[16]",), "image": ("network.width=[16]",)}
OPTIONS = {  # appended to the commands that take options; of two the last counts
    "evaluate.py": {"--maps": "2", "--episodes": "2"},
    "examples/tree_search.py": {"--maps": "1", "--width": "1"},
    "experiments.studies.coverage": {"--maps": "2", "--level": "haul"},
    "experiments.studies.tournament": {"--maps": "2", "--level": "haul"},
}


def sizes(config: DictConfig) -> list[str]:
    """Overrides that make the run of a composed config small."""
    found = [*RUN, *AGENTS.get(config.agent.name, ()), *NETWORKS.get(config.network.name, ())]
    found += LEVEL if config.env.name == "waybill" else ()
    source = Path(str(config.transfer["from"]))
    if source.parent.name == "policies":  # a shipped policy, whose width is what it is
        found = [word for word in found if not word.startswith("network.")]
        found.append(f"transfer.from={ROOT / 'policies' / source.name}")
    return [*found, f"seeds={min(2, config.seeds)}"]


def shrunk(words: list[str], out: Path, *, without: tuple[str, ...] = ()) -> list[str]:
    """The words of a command, its run made small and put into ``out``; ``without`` overrides that begin like that."""
    door = words[2] if words[1] == "-m" else words[1]
    if door == "train.py":
        typed = [word.removeprefix("+") for word in words[2:]]
        if "--help" in typed:
            return words
        if "--config-dir" in typed:
            k = typed.index("--config-dir")
            typed[k : k + 2] = [f"hydra.searchpath=[file://{typed[k + 1]}]"]
        if any(word.startswith("resume=") for word in typed):
            return [*(word for word in words if not word.startswith("steps=")), "steps=480", "progress=false"]
        arm = any(word.startswith("arm=") for word in typed)
        found = sizes(composed(*(word for word in typed if not (arm and word.startswith("arm=")))))
        found += [f"out={out}", f"hydra.run.dir={out}/{len(list(out.iterdir()))}"]
        return [*words, *(word for word in found if not (without and word.startswith(without)))]
    options = OPTIONS.get(door, {})
    levelled = "--episodes" not in words
    chosen = {k: v for k, v in options.items() if k != ("--episodes" if levelled else "--maps")}
    return [*words, *(word for pair in chosen.items() for word in pair)]


def filled(words: tuple[str, ...], places: Mapping[str, Path]) -> list[str]:
    """The words with the folders that stand for ``runs/RUN`` and the like."""
    found = list(words)
    for name in sorted(places, key=len, reverse=True):
        found = [word.replace(name, str(places[name])) for word in found]
    return found


def perform(words: list[str], cwd: Path) -> None:
    """Do a command of Python in this process, as if it had been typed in ``cwd``.

    Raises:
        AssertionError: if it ends with an exit code other than 0.
    """
    with pytest.MonkeyPatch.context() as patch, hydra_as_it_was():
        patch.chdir(cwd)
        patch.setenv("HYDRA_FULL_ERROR", "1")  # doors set it and the next, and both are to be taken back
        patch.setenv(CONFIG_DIR, "")
        try:
            if words[1] == "-m":
                patch.setattr("sys.argv", words[2:])
                _main_of(words[2])()
            else:
                patch.setattr("sys.argv", [words[1], *words[2:]])
                runpy.run_path(str(ROOT / words[1]), run_name="__main__")
        except SystemExit as end:
            if end.code:
                raise AssertionError(f"{' '.join(words)}: exit code {end.code}") from end


def made(out: Path, name: str, *words: str) -> Path:
    """A small run in a folder of that name."""
    small = shrunk([*words], out, without=("hydra.run.dir=",))
    perform([*small, f"hydra.run.dir={out}/{name}"], out)
    return out / name


def small_sweep(words: list[str], out: Path) -> Path:
    """The folder of a sweep, made small and done."""
    common = shrunk(["python", "train.py"], out, without=("hydra.", "seeds="))
    typed = [*words[1:], *common[2:], "level=haul", "launcher.n_jobs=2", f"hydra.sweep.dir={out}/sweep"]
    done = subprocess.run([sys.executable, str(ROOT / typed[0]), *typed[1:]], capture_output=True, text=True, cwd=out)
    assert done.returncode == 0, done.stdout + done.stderr
    return out / "sweep"


def _main_of(name: str) -> Callable[[], None]:
    module = importlib.import_module(name)
    return module.main if hasattr(module, "main") else importlib.import_module(f"{name}.__main__").main


@contextmanager
def hydra_as_it_was() -> Iterator[None]:
    state = Singleton.get_state()
    try:
        yield
    finally:
        Singleton.set_state(state)
