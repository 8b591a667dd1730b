"""How many games Hypothesis draws: a few in the tests, many new ones with WAYBILL_PROPERTIES=long.

The few are drawn from a fixed seed. They still differ with the modules that are loaded, whose constants it tries, too.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)
settings.register_profile("short", derandomize=True, deadline=None, max_examples=40, database=None,
                          suppress_health_check=SLOW)  # fmt: skip
settings.register_profile("long", deadline=None, max_examples=400, database=None, print_blob=True,
                          suppress_health_check=SLOW)  # fmt: skip
settings.load_profile(os.environ.get("WAYBILL_PROPERTIES", "short"))
