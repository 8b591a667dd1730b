"""``-m``: says which jobs a command stands for, and hands them on: ``launcher=`` starts them.

Hydra takes plugins from this namespace only, and reads it at each start: what is heavy is imported when it is needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class WaybillSweeper(Sweeper):
    """Sweeps over all values given on the command line and under ``hydra.sweeper.params``; of a key in both, the
    command line's count.
    """

    def __init__(self, max_batch_size: int | None = None, params: Mapping[str, Any] | None = None) -> None:
        self.params = params or {}  # max_batch_size is a key of Hydra's that a sweep refuses

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what ``sweep`` needs; Hydra's own launchers are not used."""
        self.hydra_context, self.config = hydra_context, config

    def sweep(self, arguments: list[str]) -> Any:
        """Freeze the config of each job, then launch them."""
        from experiments.config.arms import all_of
        from experiments.config.keys import key_of
        from experiments.sweeps.launch import launch

        assert self.hydra_context is not None
        assert self.config is not None
        loader, config = self.hydra_context.config_loader, self.config
        typed = {key_of(argument) for argument in arguments}
        given = [*(f"{key}={values}" for key, values in self.params.items() if key_of(key) not in typed), *arguments]
        parser = OverridesParser.create(config_loader=loader)
        return launch(
            config=config,
            overrides=parser.parse_overrides([*all_of(config.arms, given), *given]),
            compose=lambda job: loader.load_sweep_config(config, job),
        )
