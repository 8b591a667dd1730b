"""Any Gymnasium game with discrete actions as a kind of games: episodes by seed, and the random player beside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from experiments.common.curves import EpisodeWindow
from experiments.common.statistics import mean_interval
from experiments.config.groups import EvaluationConfig, check_count, check_first_seed
from experiments.config.reading import Setup
from experiments.config.schema import Config
from experiments.games.gym.asked_about import code_of_game
from experiments.games.gym.batch import GymBatch
from experiments.games.gym.evaluation import BatchEvaluator, EpisodeEvaluator, Episodes, RandomPlayer
from experiments.games.gym.make import GameChoice
from experiments.games.gym.sb3 import SB3Game
from experiments.games.gym.seeds import FIRST_HELD_OUT_SEED, FIRST_VALIDATION_SEED, training_seed
from experiments.games.gym.wrappers import read_wrapper
from experiments.runs.domain import EvaluationRequest, ShrinkPerturb, TableColumns, ThinksAhead
from groundwork.errors import WaybillError

if TYPE_CHECKING:
    from agents.acting.rollouts import Branches
    from agents.acting.search import LookaheadSettings
    from experiments.runs.domain import Policy


@dataclass
class GymDomain:
    """The game registered as ``id``, made with ``kwargs``, in ``wrappers``. ``label`` names it in a run folder's name.

    Training games have ``training_wrappers`` around these: what is done to them (clipped rewards, say) the score of
    evaluations doesn't know. They may not change what an agent sees and does.

    Raises:
        WaybillError: in one line, when a number is out of range.
    """

    config_class: ClassVar[type[Config]] = Config
    players: ClassVar[tuple[str, ...]] = ("random",)
    action_groups: ClassVar[tuple[str, ...]] = ()

    id: str
    label: str = "gym"
    kwargs: dict[str, Any] = field(default_factory=dict)
    wrappers: list[Any] = field(default_factory=list)
    training_wrappers: list[Any] = field(default_factory=list)
    train_steps: int = 100_000
    returns: list[float] = field(default_factory=lambda: [-5.0, 25.0])  # what a learnt distribution has to reach

    def __post_init__(self) -> None:
        for given in self.wrappers:
            read_wrapper(given)
        for given in self.training_wrappers:
            read_wrapper(given, "env.training_wrappers")

    @property
    def game(self) -> GameChoice:
        """The game as it is made."""
        return GameChoice(self.id, self.kwargs, self.wrappers)

    def named_code(self) -> list[str]:
        """What of it names code that isn't Waybill's or Gymnasium's, in words: see ``code_of_game``."""
        return code_of_game(self.training_game)

    @property
    def training_game(self) -> GameChoice:
        """The game as it is trained on."""
        return self.game._replace(training_wrappers=self.training_wrappers)

    def training_games(self, setup: Setup) -> GymBatch:
        """All training games in one batch."""
        return GymBatch(game=self.training_game, num_envs=setup.config.num_envs, seed_of=training_seed)

    def sb3_games(self, setup: Setup) -> Any:
        """The training games as single environments, stepped one after the other."""
        from stable_baselines3.common.vec_env import DummyVecEnv

        def make(i: int) -> SB3Game:
            return SB3Game(game=self.training_game, seed=training_seed(setup.config.seed, i))

        env = DummyVecEnv([partial(make, i) for i in range(setup.config.num_envs)])
        env.seed(setup.config.seed)
        return env

    def window(self, env: Any) -> EpisodeWindow:
        """Averages of returns and lengths."""
        return EpisodeWindow()

    def validation(self, setup: Setup) -> EpisodeEvaluator | BatchEvaluator:
        """Plays a policy on the validation episodes, in the game's own batch if it has one."""
        episodes, steps = setup.config.evaluation.episodes, setup.config.evaluation.max_steps
        batch = GymBatch(game=self.game, num_envs=episodes)
        if batch.is_own:
            return BatchEvaluator(batch=batch, first_seed=FIRST_VALIDATION_SEED, max_steps=steps)
        batch.close()
        return self._evaluator(setup, FIRST_VALIDATION_SEED, episodes)

    def game_watch(self, setup: Setup, env: Any) -> None:
        """None: nothing is known of what these games show."""

    def held_out(self, setup: Setup, request: EvaluationRequest | None = None) -> HeldOutEpisodes:
        """The held-out episodes, or those asked for."""
        request = request or EvaluationRequest()
        for option in ("level", "rivals", "maps", "map_seed"):
            value = getattr(request, option)
            if value is not None:
                flag = option.replace("_", "-")
                raise WaybillError(
                    f"--{flag}={value}: {self.id} has neither levels nor maps, use --episodes and --seed"
                )
        first, episodes = _requested_episodes(request, setup.config.evaluation)
        evaluator = self._evaluator(setup, FIRST_HELD_OUT_SEED + first, episodes)
        return HeldOutEpisodes(evaluator, title=f"{self.id}, {episodes} episodes from seed {first}", seed=first)

    def _evaluator(self, setup: Setup, first: int, episodes: int) -> EpisodeEvaluator:
        steps = setup.config.evaluation.max_steps
        return EpisodeEvaluator(game=self.game, first_seed=first, episodes=episodes, max_steps=steps)

    def curriculum(self, setup: Setup, games: Any, shrink_perturb: ShrinkPerturb) -> None:
        """None: these games have no levels."""

    def branches(self, setup: Setup, games: Any) -> Branches:
        """Refused: copies of these games can't be played on apart from them."""
        raise WaybillError(f"agent={setup.names['agent']}: games of env=gym can't be copied, Waybill's levels can")

    def replay(
        self, setup: Setup, folder: Path, *, seed: int | None, search: str | None = None, against: str | None = None,
        planner: str | None = None, **options: Any,
    ) -> None:  # fmt: skip
        """Show an episode."""
        if search is not None:
            raise WaybillError(f"--search={search}: games of env=gym can't be copied, Waybill's levels can")
        for name, value in (("against", against), ("planner", planner)):
            if value is not None:
                raise WaybillError(f"--{name}={value}: only pages of Waybill's own games show it")
        from experiments.games.gym.replay import replay_episode

        replay_episode(setup, folder, seed=seed, **options)

    def keep_replay(self, setup: Setup, folder: Path, to: Path, *, number: int) -> dict[str, str]:
        """Keep a held-out episode as an animation; a game that can't be drawn keeps none, and that is said."""
        from experiments.games.gym.replay import keep_episode

        return keep_episode(setup, folder, to, seed=setup.config.evaluation.episode_seed + number)

    def name_of(self, env: Any) -> str:
        """The game's id, as its key says it."""
        return f"env.id={self.id}"

    def describe(self, setup: Setup) -> dict[str, Any]:
        """The game and its held-out episodes."""
        evaluation = setup.config.evaluation
        episodes = {"first": evaluation.episode_seed, "count": evaluation.final_episodes}
        wrappers = {"wrappers": self.wrappers, "training_wrappers": self.training_wrappers}
        game = {"id": self.id, "kwargs": self.kwargs, **wrappers}
        return {"game": game, "episodes": episodes}


class HeldOutEpisodes:
    """Episodes whose seeds neither training nor the choice of the best policy has seen."""

    def __init__(self, evaluator: EpisodeEvaluator, *, title: str, seed: int) -> None:
        self.title, self.columns, self._evaluator, self._seed = title, _COLUMNS, evaluator, seed

    def evaluator(self) -> EpisodeEvaluator:
        """Plays a policy on these episodes, one a seed."""
        return self._evaluator

    def baselines(self) -> dict[str, Episodes]:
        """Episodes of the random player, the only one that knows these games."""
        return {"random": self._evaluator(RandomPlayer(self._seed))}

    def thinking(self, policy: Policy, settings: LookaheadSettings) -> ThinksAhead:
        """Refused: copies of these games can't be played on apart from them."""
        raise WaybillError(f"--search={settings.budget}: games of env=gym can't be copied, Waybill's levels can")

    def compare(self, games: Mapping[str, Episodes]) -> dict[str, dict[str, Any]]:
        """Returns over the same seeds with 95 % intervals."""
        return {name: _player_row(played) for name, played in games.items()}


def _player_row(played: Episodes) -> dict[str, Any]:
    mean, low, high = mean_interval(played.score)
    return {
        "mean": mean,
        "low": low,
        "high": high,
        "std": float(played.score.std()),
        "min": float(played.score.min()),
        "max": float(played.score.max()),
        "length": float(played.length.mean()),
        "cut": int(played.cut.sum()),
        "by_seed": played.score.tolist(),
    }


_COLUMNS: TableColumns = {
    "return": lambda row: f"{row['mean']:,.1f} ± {row['std']:,.1f}",
    "95 % interval": lambda row: f"{row['low']:,.1f} … {row['high']:,.1f}",
    "lowest": lambda row: f"{row['min']:,.1f}",
    "steps": lambda row: f"{row['length']:,.0f}" + (f" ({row['cut']} cut off)" if row["cut"] else ""),
}


def _requested_episodes(request: EvaluationRequest, usual: EvaluationConfig) -> tuple[int, int]:
    """The first seed and the number of episodes, checked like the config's."""
    first = usual.episode_seed if request.seed is None else request.seed
    episodes = usual.final_episodes if request.episodes is None else request.episodes
    check_count(episodes, "--episodes", "episodes")
    check_first_seed(first, "--seed", "episodes")
    return first, episodes
