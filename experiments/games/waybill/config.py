"""The config of a run on Waybill's levels."""

from __future__ import annotations

from experiments.config.reading import Setup
from experiments.config.schema import WaybillConfig


def waybill_config(setup: Setup) -> WaybillConfig:
    """A setup's config with the keys that only games on Waybill's levels have."""
    assert isinstance(setup.config, WaybillConfig)
    return setup.config
