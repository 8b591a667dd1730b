"""Train an agent: python train.py agent=dqn reward=shaped level=refine  (python train.py --help shows all choices)."""

from __future__ import annotations

from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from experiments.config import register
from experiments.door import door

register()


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def run(node: DictConfig) -> float:
    """One run, or one job of a sweep (``-m``)."""
    from experiments.runs import start

    chosen = HydraConfig.get()
    try:
        return start(node, folder=Path(chosen.runtime.output_dir), overrides=list(chosen.overrides.task))
    except ValueError as error:
        if chosen.mode == RunMode.MULTIRUN:
            raise ValueError(f"job {chosen.job.num} ({chosen.job.override_dirname}): {error}") from error
        raise


@door("train.py")
def main() -> None:
    """The command."""
    run()


if __name__ == "__main__":
    main()
