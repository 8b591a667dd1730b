"""What the framework asks of a kind of games: Waybill's own levels, or any Gymnasium game.

A kind of games is a settings dataclass with the methods of ``Domain``, which ``conf/env/<name>.yaml`` names by its
``_target_``. Nothing else in the framework knows which kind it trains on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, runtime_checkable

import numpy as np

from experiments.common.curves import EpisodeWindow
from experiments.config.reading import Setup
from experiments.config.schema import Config

if TYPE_CHECKING:
    from agents.acting.rollouts import Branches
    from agents.acting.search import LookaheadSettings
    from agents.networks.base import Layout
    from experiments.diagnostics.diagnostics import GameWatch
    from experiments.diagnostics.visited import EvaluationWatch

ActGreedily = Callable[[np.ndarray, np.ndarray], np.ndarray]  # obs [N, D], mask [N, A] → int64 [N]
# (number of the fresh weights, share of the way to them) → dormant units before and after
ShrinkPerturb = Callable[[int, float], Mapping[str, float]]
TableColumns = Mapping[str, Callable[[Mapping[str, Any]], str]]  # a table's headings, and a row's text below each


class Policy(NamedTuple):
    """How to act, and where that was learnt."""

    greedy: ActGreedily  # obs [N, D], mask [N, A] → int64 [N]
    q_values: Callable[[np.ndarray, np.ndarray], np.ndarray]  # → float32 [N, A], -inf where illegal
    checkpoint: str
    env_step: int
    validation_score: float
    value_name: str  # what ``q_values`` are, in words: log-probabilities for PPO


class GameBatch(Protocol):
    """N games side by side that reset themselves one step after their end (Gymnasium's NEXT_STEP).

    ``reset`` and ``step`` are a ``gymnasium.vector.VectorEnv``'s. Infos hold ``action_mask`` int8 [N, A] and ``reset``
    bool [N], the rows in which the step began a new game and ignored the action; they may hold ``action_group``
    [N, A]; where games ended, ``finished`` with ``r`` and ``l`` [N]. Observations [N, D] stay as they are until the
    step after the next.
    """

    num_envs: int
    layout: Any  # how an observation is cut: the fields of ``Layout``
    mask_is_constant: bool  # all actions are always legal
    action_groups: np.ndarray | None  # [A], where they never change

    @property
    def single_action_space(self) -> Any:
        """One game's actions."""

    def reset(self, *, seed: int) -> tuple[np.ndarray, dict[str, Any]]:
        """New games."""

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Observations [N, D], rewards, terminated, truncated [N], infos."""

    def state_dict(self) -> dict[str, Any]:
        """What the games need to go on; empty if they cannot, then ``load_state_dict`` begins new ones."""

    def load_state_dict(self, saved: dict[str, Any]) -> tuple[np.ndarray, dict[str, Any]]:
        """Go on; observations and infos as ``reset`` gives them."""


@runtime_checkable
class SelfPlay(Protocol):
    """A batch in which past selves of the learner may play, too."""

    def take_snapshot(self, env_step: int, weights: Callable[[], dict[str, Any]]) -> None:
        """Before each step: the learner's policy of now is there to be kept."""


@runtime_checkable
class ValuesStates(Protocol):
    """A policy that says what it expects."""

    def values(self, obs: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """The Q-value of the best legal action, float32 [N], from obs [N, D] and mask [N, A]."""


@runtime_checkable
class ThinksAhead(Protocol):
    """A policy that tries on copies of the games what it might do: that takes long, so its ``title`` is shown."""

    title: str

    @property
    def milliseconds(self) -> float:
        """Wall clock of a decision so far, on average."""

    def at(self, env: Any) -> ActGreedily:
        """How it acts in these games, asked once a turn."""


class FinishedGames(Protocol):
    """One player's finished games, in the order of their maps or seeds."""

    @property
    def score(self) -> np.ndarray:
        """Score of each game [N], in the games' own unit."""

    def tags(self) -> dict[str, float]:
        """Means by TensorBoard tag."""


class Evaluator(Protocol):
    """Plays a policy on games that are always the same; made once, used often."""

    @property
    def env(self) -> Any:
        """One of its environments, for its ``layout`` and ``single_action_space``."""

    def warm_up(self) -> None:
        """Do what only the first call does, so that it isn't taken for training time."""

    def __call__(self, policy: Any, watches: Sequence[EvaluationWatch] = ()) -> FinishedGames:
        """Play one game a map or seed to its end: ``ActGreedily``, or ``ThinksAhead`` where games can be copied.

        ``watches`` look on at the first of them, at least at those that are played at once.
        """


@dataclass(frozen=True)
class EvaluationRequest:
    """The held-out games that a command asks for; what is None is as in the run's own result."""

    level: str | None = None
    rivals: Sequence[str] | None = None
    maps: int | None = None
    map_seed: int | None = None
    episodes: int | None = None
    seed: int | None = None


class HeldOut(Protocol):
    """The held-out games of a result, and the players to compare with."""

    title: str
    columns: TableColumns

    def evaluator(self) -> Evaluator:
        """Plays a policy on these games."""

    def baselines(self) -> dict[str, FinishedGames]:
        """Games of each player that a policy is compared with, by its name."""

    def thinking(self, policy: Policy, settings: LookaheadSettings) -> ThinksAhead:
        """The policy with a search before each action.

        Raises:
            WaybillError: in one line, if games can't be copied or the policy has no Q-values.
        """

    def compare(self, games: Mapping[str, FinishedGames]) -> dict[str, dict[str, Any]]:
        """A row of figures for each player: ``mean``, ``low``, ``high`` and more; ``games`` holds the baselines."""


class Curriculum(Protocol):
    """Moves one seed's training from level to level."""

    begun: dict[str, int]  # environment step at which each level was begun, in order

    def after_evaluation(self, greedy: ActGreedily, own_score: float) -> dict[str, float]:
        """Measure the policy on the present level; ``own_score`` is that on the run's own. Returns curves by tag."""

    def after_step(self, env_step: int) -> dict[str, float]:
        """Move up if it is time; returns curves by tag, empty if it didn't."""

    def state_dict(self) -> dict[str, Any]:
        """The levels begun so far, as plain data."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a ``state_dict``."""


class Domain(Protocol):
    """A kind of games: how they are made for training, validation and results, and shown."""

    config_class: ClassVar[type[Config]]
    players: ClassVar[Sequence[str]]  # agents that don't learn
    action_groups: ClassVar[Sequence[str]]  # what the groups of actions in infos are called; () if there are none

    def training_games(self, setup: Setup) -> GameBatch:
        """The games to train on."""

    def sb3_games(self, setup: Setup) -> Any:
        """The same as Stable-Baselines3 wants them: a VecEnv of single environments."""

    def window(self, env: Any) -> EpisodeWindow:
        """Averages over the last training episodes of ``env``."""

    def validation(self, setup: Setup) -> Evaluator:
        """The games that choose the best policy."""

    def game_watch(self, setup: Setup, env: Any) -> GameWatch | None:
        """Looks on at evaluations in ``env``, one of the evaluator's, for the diagnostics; None if nobody knows how."""

    def held_out(self, setup: Setup, request: EvaluationRequest | None = None) -> HeldOut:
        """The games of the result.

        Raises:
            WaybillError: if the games asked for don't exist.
        """

    def curriculum(self, setup: Setup, games: Any, shrink_perturb: ShrinkPerturb) -> Curriculum | None:
        """The curriculum of the seed whose training games are ``games``; None if it trains on one level only."""

    def branches(self, setup: Setup, games: Any) -> Branches:
        """Copies of a seed's training games, to be played on apart from them.

        Raises:
            WaybillError: in one line, if these games can't be copied.
        """

    def replay(self, setup: Setup, folder: Path, *, seed: int | None, **options: Any) -> None:
        """Show one game of a run's policy, see ``games.replay.watch_game``."""

    def keep_replay(self, setup: Setup, folder: Path, to: Path, *, number: int) -> dict[str, str]:
        """Write a held-out game of a folder's policy into the folder ``to``: each file, and what it shows.

        ``number`` counts the held-out games from 0.
        """

    def name_of(self, env: Any) -> str:
        """What an environment plays, in words, for messages."""

    def describe(self, setup: Setup) -> dict[str, Any]:
        """What ``result.json`` says of the held-out games."""


def network_layout(env: Any) -> Layout:
    """How an environment's observations are cut, as networks take it."""
    from agents.networks.base import Layout

    return Layout(**env.layout._asdict())


def n_actions_of(env: Any) -> int:
    """Size of that environment's action space."""
    return int(env.single_action_space.n)
