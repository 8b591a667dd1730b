"""Games among any players, each in a seat: rules, and policies with encodings and action spaces of their own.

Nobody learns here, so no environment is needed: each policy looks at the same states through a batch of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from agents.acting.search import LookaheadSettings
from envs.waybill.core.levels import RIVALS as RULES
from envs.waybill.core.levels import LevelConfig
from envs.waybill.core.scratch import Scratch, make_scratch
from envs.waybill.core.state import DUG, MAX_SEATS, ORDER, OUTSIDE, PLANNER, PRODUCED, SCRIPTS, STATE, records
from envs.waybill.maps.pool import MapPool, make_pool
from envs.waybill.players.planner import make_planner_scratch, plan_ahead
from envs.waybill.players.scripted import decide_scripted, follow_plans
from envs.waybill.rules.game import play_turns, start_games
from experiments.common.machine import device_of
from experiments.games.waybill.environments import seats_env
from experiments.games.waybill.evaluation import MapGames
from experiments.games.waybill.lookahead.search import SearchingPolicy
from experiments.games.waybill.rivals import policy_setup
from experiments.runs.domain import ActGreedily
from experiments.runs.policies import load_policy
from groundwork.errors import WaybillError

ReportShare = Callable[[float, str], None]  # share of the games played, and what goes on


class ArenaGames(NamedTuple):
    """Finished games, one a map, with E companies."""

    cash: np.ndarray  # int64 [N, E], at the end
    bankrupt: np.ndarray  # bool [N, E]
    length: np.ndarray  # int64 [N], turns of seat 0
    made: Mapping[str, np.ndarray]  # int64 [N, E] for each good, units dug or produced

    @property
    def standing(self) -> np.ndarray:
        """What decides a game, int64 [N, E]: the cash of companies that stand; the others are equal, below."""
        return np.where(self.bankrupt, -1, self.cash)

    def of_first_seat(self, start_cash: int) -> MapGames:
        """The same games as those of the player in seat 0."""
        standing = self.standing
        won = standing[:, 0] > standing[:, 1:].max(axis=1)
        reward, made = np.zeros(len(won)), {good: units[:, 0] for good, units in self.made.items()}
        return MapGames(self.cash[:, 0] - start_cash, self.bankrupt[:, 0], reward, self.length, won, True, made)


class PolicySeat:
    """The best policy of a run folder in one seat, on the maps ``first`` .. ``first + maps - 1``.

    ``player`` is the folder, or ``FOLDER@BUDGET`` for one that searches so long before it acts.

    Raises:
        WaybillError: in one line, if the run isn't there, its network doesn't fit the level, or it can't search.
    """

    def __init__(
        self, player: str, *, seat: int, level: LevelConfig, first: int, maps: int, device: str, threads: int = 1
    ) -> None:
        folder, budget = with_budget(player)
        setup = policy_setup(folder)
        setup = setup.with_config(device=device)
        env = seats_env(setup, num_envs=maps, maps=(first, maps), level=level, in_order=True, seats=(seat,))
        self.batch, self._seat = env.batch, seat
        self.policy = load_policy(setup, Path(folder), env=env, device=device_of(setup.config))
        self._act: ActGreedily = self.policy.greedy
        if budget is not None:
            try:
                thinking = SearchingPolicy(self.policy, LookaheadSettings(budget), gamma=setup.gamma, threads=threads)
            except WaybillError as error:
                raise WaybillError(f"{player}: {error}") from None
            self._act = thinking.at(env)

    def decide(self, states: np.ndarray, orders: np.ndarray) -> None:
        """Put its orders in these states [N] into ``orders`` [N]; those of games that are over count nothing."""
        orders[:] = self.batch.orders_of(self.act(states))
        self.batch.given[:, self._seat] = orders  # as if the batch had played the turn: beliefs follow it

    def act(self, states: np.ndarray) -> np.ndarray:
        """Its actions in these states [N], int64 [N]; its batch stands at them then."""
        batch = self.batch
        batch.states[:] = states
        batch.look()
        actions: np.ndarray = self._act(batch.observations, batch.space.mask)
        return actions

    def play_on(self, pool: MapPool) -> None:
        """Look at games on these maps [N] from now on."""
        self.batch.pool, self.batch.table = pool, self.batch.encode(pool)


def with_budget(player: str) -> tuple[str, str | None]:
    """A run folder, and how long its policy searches before it acts; None if it acts at once."""
    folder, at, budget = player.rpartition("@")
    return (folder, budget) if at and not Path(player).is_dir() else (player, None)


class Arena:
    """Plays on the maps ``first`` .. ``first + maps - 1`` of a level; its rivals say how many companies there are.

    Args:
        threads: for planners; no result depends on it.
        seed: of the games' own random numbers. Equal ones give equal homes, whoever plays.
    """

    def __init__(
        self, *, level: LevelConfig, first: int, maps: int, device: str = "cpu", threads: int = 2, seed: int = 0
    ) -> None:
        self.level, self.first, self.maps, self._threads, self._seed = level, first, maps, threads, seed
        self._record = level.record()
        self._pool: MapPool = make_pool(self._record, np.arange(first, first + maps, dtype=np.uint64))
        self._seat = cache(
            lambda player, seat: PolicySeat(
                player, seat=seat, level=level, first=first, maps=maps, device=device, threads=threads
            )
        )

    def check(self, players: Sequence[str]) -> None:
        """Refuse players that can't play here.

        Raises:
            WaybillError: in one line, if one of them isn't there or doesn't fit the level.
        """
        for player in players:
            if player not in RULES:
                self._seat(player, 0)

    def play(self, players: Sequence[str], report: ReportShare | None = None) -> ArenaGames:
        """One game a map with a player (a rule's name or a run folder) in each seat, to the horizon.

        Planners plan the whole game at its start and count on greedy play where policies are.
        """
        n, seats = self.maps, 1 + len(self.level.rivals)
        assert len(players) == seats
        states, scratch = records(n, STATE), make_scratch()
        first_seed = np.uint64(self._seed + self.first)
        start_games(states, self._pool, self._record, np.arange(n), np.arange(n, dtype=np.uint64) + first_seed, 0, n)
        script = [SCRIPTS.index(player) if player in RULES else OUTSIDE for player in players]
        scratch.script[:] = script + [OUTSIDE] * (MAX_SEATS - seats)
        plans = {k: self._plan(states, k, scratch, report) for k in range(seats) if script[k] == PLANNER}
        policies = {k: self._seat(players[k], k) for k in range(seats) if script[k] == OUTSIDE}
        orders, length = records(n * seats, ORDER).reshape(n, seats), np.zeros(n, np.int64)
        for turn in range(self.level.horizon):
            decide_scripted(states, self._pool, self._record, scratch, orders, 0, n)
            for k, plan in plans.items():
                follow_plans(states, k, self._pool, self._record, plan, orders, 0, n)
            for k, policy in policies.items():
                policy.decide(states, orders[:, k])
            length += (states["done"] == 0) & (states["companies"]["bankrupt"][:, 0] == 0)
            play_turns(states, self._pool, self._record, orders, scratch, 0, n)
            if report is not None:
                report((turn + 1) / self.level.horizon, "")
        companies: Any = states["companies"][:, :seats]
        ledger = companies["goods_ledger"].astype(np.int64)  # [N, E, goods, accounts]
        made = {good: ledger[:, :, k, DUG] + ledger[:, :, k, PRODUCED] for k, good in enumerate(self.level.goods)}
        return ArenaGames(companies["cash"].astype(np.int64), companies["bankrupt"] != 0, length, made)

    def _plan(self, states: np.ndarray, seat: int, scratch: Scratch, report: ReportShare | None) -> np.ndarray:
        """A planner's orders [N, horizon] for games that have just begun: seconds for each."""
        n, horizon = self.maps, self.level.horizon
        plans = records(n * horizon, ORDER).reshape(n, horizon)
        spare = [(make_scratch(), make_planner_scratch(self.level)) for _ in range(self._threads)]
        for own, _ in spare:
            own.script[:] = scratch.script

        def one(i: int) -> None:
            own, search = spare.pop()
            plan_ahead(states, seat, self._pool, self._record, own, search, plans, i)
            spare.append((own, search))

        with ThreadPoolExecutor(self._threads) as team:
            for done, _ in enumerate(team.map(one, range(n)), start=1):
                if report is not None:
                    report(0.0, f"planner: {done} of {n} games planned")
        return plans
