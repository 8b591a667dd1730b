"""A state as one company's: itself in the first seat, and on request nothing in it that it doesn't know.

What shows a game shows seat 0; whoever plays another seat sees a copy in which its company changed places with it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from envs.waybill.core import state as st

_PUBLIC = ("seat", "bankrupt", "public_sales", "public_total", "public_recent")  # of a rival


def seated_first(states: np.ndarray, seat: int) -> np.ndarray:
    """States [N] with the company of a seat in seat 0 and that of seat 0 in its place."""
    if seat == 0:
        return states
    found: Any = states.copy()
    companies: Any = found["companies"]
    companies[:, [0, seat]] = companies[:, [seat, 0]]
    companies["seat"][:, 0], companies["seat"][:, seat] = 0, seat
    found["owner"] = np.select([states["owner"] == 0, states["owner"] == seat], [seat, 0], states["owner"])
    return found


def as_known(states: np.ndarray) -> np.ndarray:
    """States [N] as far as the company in seat 0 knows: reserves and prices as last seen, of rivals what is public."""
    found: Any = states.copy()
    me: Any = states["companies"][:, 0]
    found["rng"] = 0
    found["reserve"], found["renewed"], found["glut"] = me["seen_reserve"], 0, me["seen_glut"]
    found["owner"] = np.where(states["owner"] == 0, 0, np.where(me["seen_taken"] != 0, 1, st.NOBODY))
    rivals = np.zeros_like(found["companies"][:, 1:])
    for name in _PUBLIC:
        rivals[name] = states["companies"][name][:, 1:]
    found["companies"][:, 1:] = rivals
    return found
