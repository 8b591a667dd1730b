"""The training loop, evaluation, checkpoints, curves and statistics."""

import os

# OpenMP threads that spin while they wait for one another make a shared machine up to ten times slower. Read by the
# library when torch is first imported, so it is set before any module of this package imports it.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("GOMP_SPINCOUNT", "0")
