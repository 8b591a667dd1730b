"""What every action space does for a batch of games, whether it has candidates or not."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from envs.waybill.core.state import ORDER, records
from groundwork.limits import need_memory

GameArrays = tuple[Any, Any, Any, Any]  # states [N], views [R, 2], map pool, level record [1]


class ActionSpace(ABC):
    """What an agent may choose in R views: numbers 0..A-1, and the order that each stands for in the present states.

    A view is a game and a seat in it. ``mask`` and ``groups`` are made anew by ``renew``, the other arrays are written
    over; methods that take ``low`` and ``high`` speak of views low..high-1, so that threads can share a batch.

    Attributes:
        n_actions: A.
        mask: int8 [R, A], 1 for what may be chosen.
        slots: K, candidates of a view; 0 for spaces without any.
        limit: how many candidates may be proposed, at most K; it may be changed at any time.
        orders, worth, count: ORDER [R, K] and float32 [R, K, 2] of the candidates, int64 [R], how many there are.
        groups: int8 [R, K], the verb of each candidate; None without candidates.
    """

    mask_is_constant = False  # True: one array of ones for all steps
    compiled: tuple[Any, ...] = ()  # the compiled functions that it calls

    def __init__(self, *, views: int, n_actions: int, slots: int) -> None:
        self.n_actions, self.slots, self.limit = n_actions, slots, slots
        a_view = max(slots, 1) * (ORDER.itemsize + 9) + (0 if self.mask_is_constant else n_actions)
        need_memory(views * a_view, f"the actions of {views} games ({n_actions:,} each)")
        self.orders = records(views * max(slots, 1), ORDER).reshape(views, max(slots, 1))
        self.worth = np.zeros((views, max(slots, 1), 2), np.float32)
        self.count = np.zeros(views, np.int64)
        self.mask = np.broadcast_to(np.ones(n_actions, np.int8), (views, n_actions))
        self.groups = np.zeros((views, slots), np.int8) if slots else None

    def renew(self) -> None:
        """New arrays for the next step's results, so that those of the last stay as they are."""
        if not self.mask_is_constant:
            self.mask = np.empty(self.mask.shape, np.int8)
        if self.groups is not None:
            self.groups = np.empty(self.groups.shape, np.int8)

    def verbs(self) -> np.ndarray | None:
        """The verb of every action, int8 [A]; None where it changes from turn to turn."""
        return None

    @abstractmethod
    def look(self, games: GameArrays, scratch: Any, low: int, high: int) -> None:
        """Fill mask and candidates for the present states."""

    @abstractmethod
    def fill_orders(
        self, games: GameArrays, scratch: Any, actions: np.ndarray, orders: np.ndarray, low: int, high: int
    ) -> None:
        """Write what ``actions`` int64 [R] stand for into ``orders`` ORDER [R]; the verb NO_ORDER where it is nothing.

        Spaces with candidates mean those that the last ``look`` found.
        """

    @abstractmethod
    def offers(self, games: GameArrays, scratch: Any, orders: np.ndarray) -> np.ndarray:
        """Whether the space offers a legal order in each view, ORDER [R] → bool [R]; as ``fill_orders``."""
