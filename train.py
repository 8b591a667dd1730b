"""Train an agent: python train.py agent=dqn reward=shaped level=refine  (python train.py --help shows all choices)."""

from __future__ import annotations

from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from experiments.config import register
from experiments.door import USER_ERRORS, door, one_line

register()
failures: list[Exception] = []


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def run(node: DictConfig) -> float | None:
    """One run, or one job of a sweep (``-m``). A user's mistake is kept for ``main``: Hydra would report it twice."""
    from experiments.runs import start

    chosen = HydraConfig.get()
    try:
        return start(node, folder=Path(chosen.runtime.output_dir), overrides=list(chosen.overrides.task))
    except USER_ERRORS as error:
        job = f"job {chosen.job.num} ({chosen.job.override_dirname}): " if chosen.mode == RunMode.MULTIRUN else ""
        failures.append(ValueError(f"{job}{one_line(error)}"))
        return None


@door("train.py")
def main() -> None:
    """The command."""
    run()
    if failures:
        raise ValueError("; ".join(str(error) for error in failures))


if __name__ == "__main__":
    main()
