"""Configs composed as the command line would.

Hydra takes a quarter of a second for one, and the tests need thousands. So what choices come to is composed once in a
process, and values are set on a copy of it, as Hydra sets them; tests/experiments/config/test_composing.py compares.
"""

from __future__ import annotations

import copy
import os
from functools import cache
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import OverrideType
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from experiments.config.keys import CONFIG_DIR, group_of, key_of
from experiments.config.schema import register

CONF = Path(__file__).resolve().parents[3] / "conf"
GROUPS = {path.name for path in CONF.iterdir() if path.is_dir()}


def composed(*overrides: str) -> DictConfig:
    """A run's config; what is wrong is said by Hydra itself."""
    if os.environ.get(CONFIG_DIR):  # folders whose files may change
        return by_hydra(*overrides)
    values = [_value(override) for override in overrides]
    choices = [override for override, value in zip(overrides, values, strict=True) if value is None]
    found = copy.deepcopy(_chosen(*choices))
    try:
        for key, value in filter(None, values):
            OmegaConf.update(found, key, value)
    except OmegaConfBaseException:
        return by_hydra(*overrides)
    return found


def by_hydra(*overrides: str) -> DictConfig:
    """The same by Hydra alone."""
    register()
    with initialize_config_dir(config_dir=str(CONF), version_base="1.3"):
        return compose(config_name="config", overrides=list(overrides))


_chosen = cache(by_hydra)


@cache
def _value(override: str) -> tuple[str, Any] | None:
    """Key and value if an override does no more than to set one; a choice of a group does more."""
    if override[:1] in "+~" or key_of(override) in GROUPS or group_of(override) == "hydra":
        return None
    (parsed,) = OverridesParser.create().parse_overrides([override])
    if parsed.type is not OverrideType.CHANGE or parsed.is_sweep_override() or set("/@") & set(parsed.key_or_group):
        return None
    return parsed.key_or_group, parsed.value()
