"""Games to be watched: of a trained policy with what it thought, of a player, or read from a record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from agents.acting.search import LookaheadSettings
from envs.waybill import record
from envs.waybill.core import levels
from envs.waybill.core import state as st
from envs.waybill.core.levels import LevelConfig
from envs.waybill.players import play
from envs.waybill.render import describe_order
from envs.waybill.render.scene import Candidate
from envs.waybill.render.seated import seated_first
from experiments.common.machine import device_of, threads_of
from experiments.common.progress import ProgressReport
from experiments.config import reading
from experiments.games.waybill import environments
from experiments.games.waybill.baselines import DEFAULT_LEVEL
from experiments.games.waybill.config import waybill_config
from experiments.games.waybill.evaluation import GAMES_AT_ONCE
from experiments.games.waybill.lookahead.flags import lookahead_of
from experiments.games.waybill.lookahead.search import SearchingPolicy
from experiments.runs.domain import ActGreedily
from experiments.runs.policies import load_policy
from groundwork.errors import WaybillError
from groundwork.nearest import meant_path

SHOWN_CANDIDATES = 12  # of a raw action space: the best ones


@dataclass(frozen=True)
class WeighedGame:
    """A game of T turns with the candidates that the policy weighed in each turn; none for players and saved games."""

    game: record.Game
    candidates: list[list[Candidate]]
    values: str = "Q-values"  # what the candidates' values are, in words
    rewards: tuple[float, ...] = ()  # of training, [T], in starting cashes
    gamma: float = 1.0  # the policy's discount a turn

    def frames(self) -> Iterator[tuple[Any, Any, list[Candidate] | None]]:
        """Yields (STATE record, ORDER of the player, candidates) of each turn; last the end, without an order."""
        for turn, states in enumerate(record.replay_states(self.game)):
            state = seated_first(states, self.game.seat)
            order = self.game.own_orders[turn] if turn < len(self.game.orders) else None
            yield state[0], order, self.candidates[turn] if turn < len(self.candidates) else None


def watch(
    target: str, *, level: str | None, map_seed: int | None, device: str = "auto", search: str | None = None
) -> WeighedGame:
    """The game to show: played, or read from its file and checked by replaying it."""
    path = Path(target)
    thinking = lookahead_of(search)
    if search is not None and not path.is_dir():
        raise WaybillError(f"--search={search}: {target!r} is no run folder, only a trained policy can search")
    if path.is_file():
        for name, value in (("level", level), ("map-seed", map_seed)):
            if value is not None:
                raise WaybillError(f"--{name}={value}: {target} is a saved game and has its own")
        game = record.load_game(path)
        for _ in record.replay_states(game):  # nothing is shown of a game that does not replay
            pass
        return WeighedGame(game, [])
    chosen = None if level is None else levels.load_level(level)
    seed = 0 if map_seed is None else map_seed
    if path.is_dir():
        return _watch_run(path, chosen, seed, device, thinking)
    if target in play.RULE_PLAYERS:
        return watch_player(target, chosen or levels.load_level(DEFAULT_LEVEL), seed)
    known, near = ", ".join(play.RULE_PLAYERS), meant_path(target, play.RULE_PLAYERS)
    raise WaybillError(f"{target!r} is neither a run folder nor a saved game nor a player{near}, players are {known}")


def watch_player(name: str, level: LevelConfig, map_seed: int) -> WeighedGame:
    """A game of one of the players."""
    games = play.play_games(name, level, np.array([map_seed], np.uint64))
    orders = games.orders[0, : int(games.length[0])]
    return WeighedGame(record.record_game(level=level, map_seed=map_seed, game_seed=0, player=name, orders=orders), [])


def _watch_run(
    folder: Path, level: LevelConfig | None, map_seed: int, device: str, search: LookaheadSettings | None
) -> WeighedGame:
    """A greedy game of a run's best policy, with a search before each action if asked for, or of its player."""
    setup = reading.read_run(folder)
    if setup.player is not None:
        if search is not None:
            raise WaybillError(
                f"--search={search.budget}: {setup.player} is a player, only a trained policy can search"
            )
        return watch_player(setup.player, level or waybill_config(setup).level, map_seed)
    setup = setup.with_config(device=device)
    env = environments.batch_env(setup, num_envs=1, maps=(map_seed, 1), level=level, in_order=True)
    policy = load_policy(setup, folder, env=env, device=device_of(setup.config))
    act: ActGreedily = policy.greedy
    if search is not None:
        try:
            act = SearchingPolicy(policy, search, gamma=setup.gamma, threads=threads_of(setup.config)).at(env)
        except WaybillError as error:
            raise WaybillError(f"--{error}") from None
    batch = env.batch  # below the environment: the orders that actions stand for, and the game's seed
    obs, infos = env.reset(seed=map_seed % GAMES_AT_ONCE)  # the game that an evaluation from map 0 on plays there
    game_seed, orders, weighed, rewards, over = int(batch.seeds[0]), [], [], [], False
    with ProgressReport(title="the policy plays", total=env.level.horizon) as report:
        while not over:
            mask = infos["action_mask"]
            action = act(obs, mask)
            weighed.append(weigh(batch, policy.q_values(obs, mask)[0], int(action[0])))
            obs, reward, terminated, _, infos = env.step(action)
            orders.append(batch.given[0].copy())
            rewards.append(float(reward[0]))
            over = bool(terminated[0])
            report.update(len(orders))
    thinks = "" if search is None else f", search {search.budget}"
    name = f"{setup.names['agent']} after {policy.env_step:,} steps{thinks}"
    game = record.record_game(
        level=env.level, map_seed=map_seed, game_seed=game_seed, player=name, orders=np.array(orders, st.ORDER)
    )
    assert game.hashes[-1] == record.hash_state(env.states[0])
    return WeighedGame(game, weighed, policy.value_name, tuple(rewards), setup.gamma)


def weigh(batch: Any, q: np.ndarray, action: int, state: Any = None) -> list[Candidate]:
    """The candidates in the present state: (order in words, value of ``q`` [A], chosen); q is -inf where illegal.

    ``state`` is the one to describe them by, if not the batch's own.
    """
    legal = np.flatnonzero(np.isfinite(q))
    if batch.space.groups is None:
        legal = legal[np.argsort(-q[legal])[:SHOWN_CANDIDATES]]
    actions = list(dict.fromkeys([*legal.tolist(), action]))
    lowest = float(q[legal].min()) if len(legal) else 0.0
    shown = batch.states[0] if state is None else state
    rows: dict[tuple[str, bool], Candidate] = {}  # empty slots, which some agents value too, count once
    for number in actions:
        order = batch.orders_of(np.array([number]))[0]
        text, chosen = describe_order(order, shown, batch.pool, batch.level), number == action
        row = (text, float(q[number]) if np.isfinite(q[number]) else lowest, chosen)
        rows[text, chosen] = max(row, rows.get((text, chosen), row), key=lambda row: row[1])
    return list(rows.values())


def watch_both(
    targets: Sequence[str], *, level: str | None, map_seed: int | None, device: str, search: str | None = None
) -> list[WeighedGame]:
    """The games of two targets on one map; a player beside a run or a saved game plays on its level and map.

    Raises:
        WaybillError: in one line, if a target is no good, or the games are of different maps or levels.
    """
    fixed = [target for target in targets if level is not None or target not in play.RULE_PLAYERS] or [targets[0]]
    found = {}
    for target in fixed:
        thinks = search if Path(target).is_dir() or not any(Path(other).is_dir() for other in targets) else None
        found[target] = watch(target, level=level, map_seed=map_seed, device=device, search=thinks)
    one = found[fixed[0]].game
    for target in targets:
        if target not in found:
            found[target] = watch_player(target, one.level, one.map_seed)
    games = [found[target].game for target in targets]
    if games[0].level != games[1].level or games[0].map_seed != games[1].map_seed:
        raise WaybillError(f"{targets[0]} and {targets[1]} are games of different maps or levels")
    return [found[target] for target in targets]
