"""Has Hydra look for choices in the folders that ``WAYBILL_CONFIG_DIR`` names, as ``--config-dir`` does for one."""

from __future__ import annotations

import os

from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.search_path_plugin import SearchPathPlugin


class OwnFolders(SearchPathPlugin):
    """Adds the user's own config folders after all others."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """See ``SearchPathPlugin``."""
        from experiments.config.keys import CONFIG_DIR

        for name in filter(None, os.environ.get(CONFIG_DIR, "").split(os.pathsep)):
            search_path.append("waybill", f"file://{os.path.abspath(name)}")
