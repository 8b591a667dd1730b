"""When a run with a curriculum moves up to the next level, and what it measures for that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from envs.waybill.core.levels import LevelConfig
from envs.waybill.maps.pool import VALIDATION_SEEDS
from experiments.common.machine import threads_of
from experiments.config.curriculum import CurriculumConfig
from experiments.config.reading import Setup
from experiments.games.waybill.baselines import evaluate_player
from experiments.games.waybill.config import waybill_config
from experiments.games.waybill.evaluation import MapEvaluator
from experiments.games.waybill.ladder import LadderGames
from experiments.runs.domain import ActGreedily, ShrinkPerturb


class LadderCurriculum:
    """Moves one seed's training up the ladder of levels.

    A level is mastered when an evaluation on its validation maps reaches ``mastered`` times ``goal(level)`` and, where
    goods are refined, makes ``made`` units of the last of them a game.

    Args:
        games: the seed's training games, which are told to move up.
        settings, total_steps: when to move up; ``settings`` has shares of these steps.
        last_step: of the training: none moves up any more.
        validation, goal: the validation games of a level, and the score to be measured by there.
        shrink_perturb: moves the network's weights towards fresh ones after a move up.
    """

    def __init__(
        self,
        *,
        games: LadderGames,
        settings: CurriculumConfig,
        total_steps: int,
        last_step: int,
        validation: Callable[[LevelConfig], MapEvaluator],
        goal: Callable[[LevelConfig], float],
        shrink_perturb: ShrinkPerturb,
    ) -> None:
        self.games, self.settings, self.total_steps, self.last_step = games, settings, total_steps, last_step
        self._validation, self._goal, self._shrink_perturb = validation, goal, shrink_perturb
        self.begun = {games.levels[0].name: 0}  # environment step at which each level was begun, in order
        self._mastered = False
        self._at_hand: tuple[str, MapEvaluator, float] | None = None  # the present level, its validation games and goal

    @property
    def level(self) -> LevelConfig:
        """The present level."""
        return self.games.levels[len(self.begun) - 1]

    @property
    def on_top(self) -> bool:
        """True if the present level is the last one, the run's own."""
        return len(self.begun) == len(self.games.levels)

    def after_evaluation(self, greedy: ActGreedily, own_score: float) -> dict[str, float]:
        """Measure the policy on the present level; ``own_score`` is that on the run's own. Returns curves by tag."""
        level, tags = self.level, {"ladder/level": self._number()}
        if self.on_top:
            return tags | {f"ladder/{level.name}/score": own_score}
        if self._at_hand is None or self._at_hand[0] != level.name:
            self._at_hand = level.name, self._validation(level), self._goal(level)
        _, evaluator, goal = self._at_hand
        games = evaluator(greedy)
        made = float(games.made[level.goods[-1]].mean())
        enough = made >= self.settings.made or not level.refined_goods
        self._mastered = float(games.score.mean()) >= self.settings.mastered * goal and enough
        return tags | {tag.replace("eval", f"ladder/{level.name}", 1): value for tag, value in games.tags().items()}

    def after_step(self, env_step: int) -> dict[str, float]:
        """Move up if it is time; returns curves by tag, empty if it isn't."""
        if self.on_top or self.games.is_moving or env_step >= self.last_step:
            return {}
        here = (env_step - self.begun[self.level.name]) / self.total_steps
        if here < self.settings.most_steps and not (self._mastered and here >= self.settings.least_steps):
            return {}
        self.games.move_up()
        self._mastered = False
        self.begun[self.games.levels[len(self.begun)].name] = env_step
        tags = self._shrink_perturb(len(self.begun) - 1, self.settings.shrink_perturb)
        return {"ladder/level": self._number()} | {f"ladder/{name}": value for name, value in tags.items()}

    def _number(self) -> float:
        return float(len(self.begun) if self.level.rung is None else self.level.rung)

    def state_dict(self) -> dict[str, Any]:
        """The step at which each level was begun, and whether the present one is mastered."""
        return {"begun": dict(self.begun), "mastered": self._mastered}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a ``state_dict``; the games load their own."""
        self.begun, self._mastered = dict(state["begun"]), bool(state["mastered"])


def make_curriculum(*, setup: Setup, games: Any, shrink_perturb: ShrinkPerturb, cache: Path) -> LadderCurriculum | None:
    """The curriculum of one seed with these training games, None without one.

    A level's goal is the greedy player's mean score on its validation maps; ``cache`` is the folder of its games.
    """
    config = waybill_config(setup)
    if not config.curriculum.moves_up:
        return None
    maps = config.evaluation.maps

    def validation(level: LevelConfig) -> MapEvaluator:
        return MapEvaluator(setup=setup, first_map=VALIDATION_SEEDS, maps=maps, level=level)

    def goal(level: LevelConfig) -> float:
        played = evaluate_player(
            "greedy", level=level, first_map=VALIDATION_SEEDS, maps=maps, cache=cache, threads=threads_of(config),
            progress=False,
        )  # fmt: skip
        return float(played.score.mean())

    return LadderCurriculum(
        games=games, settings=config.curriculum, total_steps=config.scheduled, last_step=config.steps,
        validation=validation, goal=goal, shrink_perturb=shrink_perturb,
    )  # fmt: skip
