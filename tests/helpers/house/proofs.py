"""Long proofs: cases that ``make proofs`` runs, beside the short ones of ``make test``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest


def some_as_proofs(values: Sequence[str], long: Sequence[str]) -> list[Any]:
    """Values for ``parametrize``, those that take ``long`` marked as proofs."""
    return [pytest.param(value, marks=pytest.mark.proof) if value in long else value for value in values]
