"""The action space of a name: a raw space, or the candidates of a reducer."""

from __future__ import annotations

from typing import Any

import numpy as np

from envs.waybill.actions import raw_spaces, reducers
from envs.waybill.actions.base import ActionSpace, GameArrays
from envs.waybill.actions.raw import NO_ORDER
from envs.waybill.actions.reducers import note_candidates
from envs.waybill.core.parts import find_part
from envs.waybill.core.state import MAX_CANDIDATES
from envs.waybill.options import GameOptions
from groundwork.errors import WaybillError


class Candidates(ActionSpace):
    """At most K orders a turn that a reducer proposes; an action is the number of one of them.

    Args:
        reducer: the batch pass that fills orders, worth and count (see ``reducers.py``).

    Raises:
        WaybillError: if K is out of range.
    """

    def __init__(self, reducer: Any, options: GameOptions, views: int) -> None:
        slots = options.candidates
        if not 2 <= slots <= MAX_CANDIDATES:
            raise WaybillError(f"candidates={slots}, allowed are 2..{MAX_CANDIDATES}")
        super().__init__(views=views, n_actions=slots, slots=slots)
        self._reducer, self.compiled = reducer, (reducer, note_candidates)

    def look(self, games: GameArrays, scratch: Any, low: int, high: int) -> None:
        """Propose candidates for the present states of views low..high-1."""
        self._reducer(*games, scratch, self.limit, self.orders, self.worth, self.count, low, high)
        note_candidates(self.orders, self.count, self.mask, self.groups, low, high)

    def fill_orders(
        self, games: GameArrays, scratch: Any, actions: np.ndarray, orders: np.ndarray, low: int, high: int
    ) -> None:
        """As in ``ActionSpace``; NO_ORDER for an empty slot."""
        chosen = actions[low:high]
        orders[low:high] = self.orders[np.arange(low, high), chosen]
        orders["verb"][low:high][chosen >= self.count[low:high]] = NO_ORDER

    def offers(self, games: GameArrays, scratch: Any, orders: np.ndarray) -> np.ndarray:
        """As in ``ActionSpace``: an order is offered where it is one of the candidates."""
        filled = np.arange(self.slots) < self.count[:, None]  # [R, K]
        return ((self.orders == orders[:, None]) & filled).any(axis=1)


def make_space(options: GameOptions, views: int) -> ActionSpace:
    """The action space that the options name, for R views.

    Raises:
        WaybillError: in one line, for an unknown name and for a size out of range.
    """
    part = find_part(options.actions, "actions", raw_spaces, reducers)
    return part(options, views) if isinstance(part, type) else Candidates(part, options, views)
