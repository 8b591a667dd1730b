"""Policies that think before they act: Waybill's games are copied, with what is hidden as it can be believed to be."""

from __future__ import annotations

from typing import Any

from agents.acting.plan_search import PlanSearch
from agents.acting.search import DrawnSearch, LookaheadSettings, Search, Values
from envs.waybill.batch import Batch
from experiments.games.waybill.lookahead.copies import CopiedGames
from experiments.runs.domain import ActGreedily, Policy
from groundwork.errors import WaybillError


class SearchingPolicy:
    """A trained policy that thinks before it acts.

    Raises:
        WaybillError: in one line, if it has no Q-values.
    """

    def __init__(self, policy: Policy, settings: LookaheadSettings, *, gamma: float, threads: int = 1) -> None:
        if policy.value_name != "Q-values":
            line = f"the policy has {policy.value_name}, no Q-values to value a game by"
            raise WaybillError(f"search={settings.budget}: {line}")
        self._policy, self._settings, self._gamma = policy, settings, gamma
        self._threads, self._searches = threads, list[Search]()
        self.title = f"search, {settings.budget} a decision, turns"

    def at(self, env: Any) -> ActGreedily:
        """How it acts in these games, asked once a turn."""
        settings = self._settings
        search = make_search(self._policy, env, settings=settings, gamma=self._gamma, threads=self._threads)
        self._searches.append(search)
        return search

    @property
    def milliseconds(self) -> float:
        """Wall clock of a decision, on average."""
        decisions = sum(search.decisions for search in self._searches)
        return 1000.0 * sum(search.seconds for search in self._searches) / max(1, decisions)


def make_search(policy: Values, env: Any, *, settings: LookaheadSettings, gamma: float, threads: int) -> Search:
    """A search on the games of an environment, which must be of ``environments.batch_env``."""
    batch: Batch = env.batch
    room = len(batch.states) * min(settings.candidates, batch.space.n_actions)
    branches = CopiedGames(batch, draws=settings.draws, room=room, threads=threads)
    kind = PlanSearch if branches.is_exact else DrawnSearch
    return kind(policy=policy, branches=branches, settings=settings, gamma=gamma)
