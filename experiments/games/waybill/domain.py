"""Waybill's own levels as a kind of games: held-out maps, and the players to compare with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

from envs.waybill.core import levels
from envs.waybill.core.state import VERBS
from envs.waybill.maps.pool import VALIDATION_SEEDS
from envs.waybill.players.play import RULE_PLAYERS
from experiments.common.curves import EpisodeWindow
from experiments.common.machine import threads_of
from experiments.config.reading import Setup
from experiments.config.rivals import check_rivals, placeholders
from experiments.config.schema import Config, WaybillConfig
from experiments.games.waybill import environments
from experiments.games.waybill.config import waybill_config
from experiments.games.waybill.curriculum import LadderCurriculum, make_curriculum
from experiments.games.waybill.diagnosis.watching import WaybillWatch
from experiments.games.waybill.evaluation import MapEvaluator
from experiments.games.waybill.held_out import CACHE, HeldOutMaps, requested_maps
from experiments.games.waybill.ladder import LadderGames
from experiments.games.waybill.lookahead.copies import CopiedGames, LadderCopies
from experiments.games.waybill.replay import refuse_seed
from experiments.games.waybill.rivals import evaluation_rivals
from experiments.runs.domain import EvaluationRequest, ShrinkPerturb
from groundwork.errors import WaybillError

# What the curves call the columns of infos; a turn is the mean over the games that came so far.
HEADINGS = {
    "stages": "funnel/", "stage_turn": "first_turn/", "made": "made/", "made_turn": "first_turn/made_", "sold": "sold/",
    "workshops": "workshops/", "rating": "rating/",
}  # fmt: skip
_TURNS = ("stage_turn", "made_turn")


@dataclass
class WaybillDomain:
    """Games on one of Waybill's levels. ``label`` names them in a run folder's name."""

    config_class: ClassVar[type[Config]] = WaybillConfig
    players: ClassVar[tuple[str, ...]] = tuple(RULE_PLAYERS)

    label: str = "waybill"
    action_groups: ClassVar[tuple[str, ...]] = VERBS

    train_steps: int = 1
    returns: list[float] = field(default_factory=lambda: [-5.0, 25.0])  # what a learnt distribution has to reach

    def training_games(self, setup: Setup) -> Any:
        """All training games in one batch."""
        return environments.training_env(setup)

    def training_bytes(self, setup: Setup) -> int:
        """Bytes of memory that they take at least."""
        return environments.training_bytes(setup)

    def sb3_games(self, setup: Setup) -> Any:
        """The training games as single environments."""
        return environments.sb3_env(setup)

    def window(self, env: Any) -> EpisodeWindow:
        """Averages of score, bankruptcies, orders, the funnel, and what is made."""
        return waybill_window(columns=env.columns, contested=bool(env.level.rivals))

    def validation(self, setup: Setup) -> MapEvaluator:
        """Plays a policy on the validation maps."""
        return MapEvaluator(setup=setup, first_map=VALIDATION_SEEDS, maps=setup.config.evaluation.maps)

    def game_watch(self, setup: Setup, env: Any) -> WaybillWatch:
        """Shows boards, the funnel, and what orders rest on."""
        config = waybill_config(setup)
        return WaybillWatch(layout=env.layout, gamma=setup.gamma, states=config.diagnostics.states)

    def held_out(self, setup: Setup, request: EvaluationRequest | None = None) -> HeldOutMaps:
        """The held-out maps, or those asked for."""
        request = request or EvaluationRequest()
        if request.episodes is not None:
            line = "a game on a level is one a map, use --maps and --map-seed"
            raise WaybillError(f"--episodes={request.episodes}: {line}")
        if request.rivals is not None:
            check_rivals(request.rivals, "--rivals")
            setup = replace(setup, config=replace(waybill_config(setup), rivals=list(request.rivals)).completed())
        config = waybill_config(setup)
        level = config.level if request.level is None else levels.load_level(request.level)
        if request.level is not None and config.rivals is not None:
            level = replace(level, rivals=placeholders(config.rivals))
        first, maps = requested_maps(request, config.evaluation)
        return HeldOutMaps(setup=setup, level=level, first=first, maps=maps, seed=request.seed, out=Path(config.out))

    def curriculum(self, setup: Setup, games: Any, shrink_perturb: ShrinkPerturb) -> LadderCurriculum | None:
        """From level to level up the ladder, with ``curriculum=ladder``."""
        cache = Path(setup.config.out) / CACHE
        return make_curriculum(setup=setup, games=games, shrink_perturb=shrink_perturb, cache=cache)

    def branches(self, setup: Setup, games: Any) -> CopiedGames | LadderCopies:
        """Copies of a seed's training games as they are: what is hidden from the company is the same in them."""
        config = waybill_config(setup)
        if config.actions.candidates_start is not None:
            line = f"agent={setup.names['agent']} plays with all candidates, actions.candidates_start must be null"
            raise WaybillError(f"actions.candidates_start={config.actions.candidates_start}: {line}")
        if isinstance(games, LadderGames):
            return LadderCopies(games, threads=threads_of(setup.config))
        return CopiedGames(games.batch, draws=0, threads=threads_of(setup.config))

    def replay(self, setup: Setup, folder: Path, *, seed: int | None, **options: Any) -> None:
        """Show a game on a map."""
        from experiments.games.waybill.replay import replay_game

        refuse_seed(seed)
        replay_game(str(folder), **options)

    def keep_replay(self, setup: Setup, folder: Path, to: Path, *, number: int) -> dict[str, str]:
        """Keep a held-out map's game as a record, and the board at its end as a picture."""
        from experiments.games.waybill.replay import keep_game

        return keep_game(folder, to, map_seed=setup.config.evaluation.map_seed + number)

    def name_of(self, env: Any) -> str:
        """The name of the environment's level, as its key says it."""
        return f"level {env.level.name}"

    def describe(self, setup: Setup) -> dict[str, Any]:
        """The level's held-out maps."""
        config = waybill_config(setup)
        first, count = config.evaluation.map_seed, config.evaluation.final_maps
        described = {"level": config.level.name, "first": first, "count": count}
        return {"maps": described | ({"rivals": evaluation_rivals(setup)} if config.level.rivals else {})}


def waybill_window(
    *, columns: Mapping[str, tuple[str, ...]], verbs: tuple[str, ...] = VERBS, contested: bool = False, **options: Any
) -> EpisodeWindow:
    """Averages over the last episodes of what Waybill's infos say; whether they are won only against rivals."""
    tags: dict[str, tuple[str, ...]] = {
        "score": ("game/score",),
        "bankrupt": ("game/bankruptcies",),
        "illegal": ("game/illegal_orders",),
        "orders": tuple(f"game/orders/{name}" for name in verbs),
    }
    tags |= {key: tuple(f"game/{HEADINGS[key]}{name}" for name in columns[key]) for key in HEADINGS if key in columns}
    if contested:
        tags["won"] = ("game/won",)
    return EpisodeWindow(columns=tags, above_zero={"game/funnel/profit": "game/score"}, since=_TURNS, **options)
