"""Train an agent: python train.py agent=dqn reward=shaped level=refine  (python train.py --help shows all choices).

With ``-m`` and several values to a key it is a sweep: a job for each combination, started by ``launcher=``.
"""

from __future__ import annotations

import signal

signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C while modules are loaded: no traceback

import re
import sys
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from experiments.common.door import door
from experiments.config.arms import expand_arms
from experiments.config.choices import CONF, add_config_folders_of, check_composed, refuse_no_choice, take_trust
from experiments.config.help import help_text, wants_help
from experiments.config.schema import register

register()
failures: list[Exception] = []


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")
def run(node: DictConfig) -> None:
    """Do one run (a sweep's jobs are ``experiments.sweeps.job``). An error is kept for ``main``: Hydra would report it
    twice.
    """
    from experiments.runs.train import start_run

    chosen = HydraConfig.get()
    overrides = list(chosen.overrides.task)
    add_config_folders_of(chosen)
    try:
        if node.arm is not None:
            arms: Any = OmegaConf.to_container(node.arms)
            node = hydra.compose("config", overrides=expand_arms(overrides, arms))
        check_composed(node)
        start_run(node, folder=Path(chosen.runtime.output_dir), overrides=overrides)
    except Exception as error:
        failures.append(error)


@door("train.py")
def main() -> None:
    """The command."""
    # the group is there, if empty, so Hydra wants experiment=; who knows groups as optional writes +experiment=
    words = [re.sub(r"^\+experiment=", "experiment=", word) for word in take_trust(sys.argv[1:])]
    # Hydra takes -m only before or after all overrides
    sys.argv[1:] = sorted(words, key=lambda word: word not in ("-m", "--multirun"))
    if wants_help(sys.argv[1:]):
        what = "Train an agent: python train.py [GROUP=NAME ...] [KEY=VALUE ...]"
        print(help_text(what, sys.argv[1:], groups=("level", "reward", "actions", "encoding"), without=("search",)))
        return
    refuse_no_choice(sys.argv[1:])
    run()
    if failures:
        raise failures[0]


if __name__ == "__main__":
    main()
