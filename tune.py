"""Tune settings: python tune.py +search=refine  (conf/search/ has the searches; the same command again goes on)."""

from __future__ import annotations

import signal

signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C while modules are loaded: no traceback

import sys
from pathlib import Path

import hydra
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from experiments.common.door import door
from experiments.config.choices import CONF, PARTS, add_config_folders_of, refuse_no_choice, take_trust
from experiments.config.help import help_text, wants_help
from experiments.config.schema import register
from experiments.config.whole_numbers import with_open_numbers
from experiments.tuning.settings import TuningConfig
from groundwork.errors import WaybillError

register()
ConfigStore.instance().store(name="schema", node=with_open_numbers(TuningConfig, with_target=PARTS))
failures: list[Exception] = []


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")
def run(node: DictConfig) -> None:
    """Do one search. An error is kept for ``main``: Hydra would report it twice."""
    from experiments.tuning.tune import search

    try:
        chosen = HydraConfig.get()
        add_config_folders_of(chosen)
        search(node, folder=Path(chosen.runtime.output_dir), typed=chosen.overrides.task)
    except Exception as error:
        failures.append(error)


@door("tune.py")
def main() -> None:
    """The command."""
    sys.argv[1:] = take_trust(sys.argv[1:])
    for word in sys.argv[1:]:
        if word in ("-m", "--multirun"):
            raise WaybillError(f"{word}: a search has trials of its own, what they try is in its search.space")
    if wants_help(sys.argv[1:]):
        what = "Tune settings: python tune.py +search=NAME [GROUP=NAME ...] [KEY=VALUE ...]"
        print(help_text(what, sys.argv[1:], groups=("search",), without=("launcher",)))
        return
    refuse_no_choice(sys.argv[1:])
    run()
    if failures:
        raise failures[0]


if __name__ == "__main__":
    main()
