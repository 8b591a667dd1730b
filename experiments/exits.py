"""How the commands end."""

from __future__ import annotations

UNFINISHED = 1  # also a bug's traceback
MISTAKEN = 2
INTERRUPTED = 130
