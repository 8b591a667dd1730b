"""What checkpoints cost: how long training is held up by one, and how much slower it is while one is written."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from hydra import compose, initialize_config_dir

from experiments.common.progress import ProgressReport
from experiments.config.choices import CONF
from experiments.config.reading import read_setup
from experiments.config.schema import register
from experiments.runs.checkpoints import LAST, CheckpointWriter
from experiments.runs.loop import make_loop


class SaveCost(NamedTuple):
    """One checkpoint's, seconds: training held up, training slower beside it, and the training before it."""

    held_up: float
    slower: float
    interval: float
    megabytes: float  # written

    @property
    def share(self) -> float:
        """Of the training time."""
        return (self.held_up + self.slower) / self.interval


def measure_saves(rounds: int, steps: int | None = None) -> SaveCost:
    """The cost on ``make train``'s settings, medians over rounds of as many steps as lie between two checkpoints."""
    register()
    with initialize_config_dir(config_dir=str(CONF), version_base="1.3"):
        setup = read_setup(compose(config_name="config", overrides=["progress=false"]))
    steps = setup.config.checkpoint_every if steps is None else steps
    loop: Any = make_loop(setup, validation=setup.domain.validation(setup))
    found: list[SaveCost] = []
    with tempfile.TemporaryDirectory() as folder, ProgressReport(title="saves", total=rounds + 1) as report:
        writer = CheckpointWriter(Path(folder) / LAST)
        for k in range(rounds + 1):  # the first compiles, fills the memory and saves as much as it may
            cost = _round(loop, writer, steps)
            found += [cost] if k else []
            report.update(k + 1)
    return SaveCost(*(median(column) for column in zip(*found, strict=True)))


def _round(loop: Any, writer: CheckpointWriter, steps: int) -> SaveCost:
    interval = _train(loop, steps)
    before = _written(writer.path.parent)
    began = time.perf_counter()
    agent = loop.agent.state_dict(saved=writer.saved) if writer.saved else loop.agent.state_dict()
    writer.begin({"agent": agent, "loop": loop.state_dict()})
    held_up, made = time.perf_counter() - began, 0
    began = time.perf_counter()
    while not writer.is_written:
        made += 64
        _train(loop, 64)
    beside = time.perf_counter() - began
    writer.finish()
    usual = _train(loop, max(made, 64)) * made / max(made, 64)
    new = {path: size for path, size in _written(writer.path.parent).items() if before.get(path) != size}
    return SaveCost(held_up, max(0.0, beside - usual), interval, sum(size for size, _ in new.values()) / 1e6)


def _written(folder: Path) -> dict[Path, tuple[int, int]]:
    """Size and time of each file that a checkpoint consists of."""
    files = [path for path in folder.rglob("*.pt") if path.name != "previous.pt"]
    return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in files}


def _train(loop: Any, steps: int) -> float:
    """Seconds of so many environment steps."""
    began, end = time.perf_counter(), loop.env_step + steps
    while loop.env_step < end:
        loop.env_step += loop._step(loop.env_step)
    return time.perf_counter() - began
