"""Registers an id for every level file on import: ``waybill/Haul-v0``, ``waybill/Refine-v0``, …"""

from __future__ import annotations

import gymnasium

from envs.waybill.core.levels import names

for _name in names():
    _id = f"waybill/{_name.capitalize()}-v0"
    if _id not in gymnasium.registry:
        gymnasium.register(
            id=_id,
            entry_point="envs.waybill.env:WaybillEnv",
            vector_entry_point="envs.waybill.vector_env:WaybillVectorEnv",
            kwargs={"level": _name},
        )
