"""``-m``: Hydra's basic sweeper says which jobs there are, ``launcher=`` starts them.

Hydra takes plugins from this namespace only, and reads it at each start: what is heavy is imported when it is needed.
"""

from __future__ import annotations

from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class WaybillSweeper(BasicSweeper):
    """The product of all values given on the command line and under ``hydra.sweeper.params``; of a key in both, the
    command line's count.
    """

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Hydra's own launchers are not used."""
        self.hydra_context, self.config = hydra_context, config

    def sweep(self, arguments: list[str]) -> Any:
        """Freeze the config of each job, then launch them."""
        from experiments.config.arms import all_of
        from experiments.config.keys import key_of
        from experiments.sweeps.launch import launch

        assert self.hydra_context is not None
        assert self.config is not None
        loader, config = self.hydra_context.config_loader, self.config
        parser = OverridesParser.create(config_loader=loader)
        typed = {key_of(argument) for argument in arguments}
        given = [*(param for param in self._parse_config() if key_of(param) not in typed), *arguments]
        return launch(
            config=config,
            overrides=parser.parse_overrides([*all_of(config.arms, given), *given]),
            split=lambda overrides: self.split_arguments(overrides, self.max_batch_size),
            compose=lambda job: loader.load_sweep_config(config, job),
        )
