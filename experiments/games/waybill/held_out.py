"""The held-out maps: players and policies scored on them, as rows of a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from agents.acting.search import LookaheadSettings
from envs.waybill.core import levels
from envs.waybill.core.levels import LevelConfig
from envs.waybill.players.play import players_on
from experiments.common.machine import threads_of
from experiments.common.statistics import Interval, better, interval_text, mean_interval, normalised, share_interval
from experiments.config.groups import EvaluationConfig, check_count, check_first_seed
from experiments.config.reading import Setup
from experiments.config.rivals import check_rivals
from experiments.games.waybill.arena import Arena
from experiments.games.waybill.baselines import DEFAULT_LEVEL, PLAYER_SEED, evaluate_player
from experiments.games.waybill.evaluation import MapEvaluator, MapGames
from experiments.games.waybill.lookahead.search import SearchingPolicy
from experiments.games.waybill.rivals import evaluation_rivals, has_policies, refuse_policies
from experiments.runs.domain import EvaluationRequest, Policy, TableColumns

CACHE = ".cache"  # players' games, below the folder of all runs
DEFAULT_MAPS = 100  # of a player alone
# What a score is a share of: random play is 0, this player is 1.
YARDSTICKS = {"normalised": "planner", "normalised_seen": "planner_seen"}


def requested_maps(request: EvaluationRequest, usual: EvaluationConfig) -> tuple[int, int]:
    """The first map's seed and the number of maps, checked like the config's."""
    first = usual.map_seed if request.map_seed is None else request.map_seed
    maps = usual.final_maps if request.maps is None else request.maps
    check_count(maps, "--maps", "maps")
    check_first_seed(first, "--map-seed", "maps")
    return first, maps


class HeldOutMaps:
    """Maps that neither training nor the choice of the best policy has seen, and the players on them."""

    def __init__(
        self, *, setup: Setup | None, level: LevelConfig, first: int, maps: int, seed: int | None, out: Path
    ) -> None:
        self.setup, self.level, self.first, self.maps, self.out = setup, level, first, maps, out
        self.seed = PLAYER_SEED if seed is None else seed
        self.rivals = level.rivals if setup is None else evaluation_rivals(setup)
        against = f", against {', '.join(self.rivals)}" if level.rivals else ""
        self.title = f"{level.name}, {maps} maps from seed {first}{against}"
        seen = _SEEN if "planner_seen" in players_on(level) else {}
        self.columns: TableColumns = {**_COLUMNS, **seen, **(_WON if level.rivals else {}), **_made(level)}

    def evaluator(self) -> MapEvaluator:
        """Plays a policy on these maps, one game a map."""
        assert self.setup is not None
        return MapEvaluator(setup=self.setup, first_map=self.first, maps=self.maps, level=self.level)

    def thinking(self, policy: Policy, settings: LookaheadSettings) -> SearchingPolicy:
        """The policy with a search before each action.

        Raises:
            WaybillError: in one line, if the policy has no Q-values.
        """
        assert self.setup is not None
        return SearchingPolicy(policy, settings, gamma=self.setup.gamma, threads=threads_of(self.setup.config))

    def baselines(self) -> dict[str, MapGames]:
        """All players, from the cache as far as they are there; against policies only those that don't plan."""
        if has_policies(self.rivals):
            return self._against_policies()
        config = None if self.setup is None else self.setup.config
        return {
            name: evaluate_player(
                name,
                level=self.level,
                first_map=self.first,
                maps=self.maps,
                cache=self.out / CACHE,
                seed=self.seed,
                threads=2 if config is None else threads_of(config),
                progress=config is None or config.progress,
            )
            for name in players_on(self.level)
        }

    def _against_policies(self) -> dict[str, MapGames]:
        """Planning takes too long to be done again for each policy, so the planner plays only where it is asked for."""
        assert self.setup is not None
        config, own = self.setup.config, self.setup.player
        ring = Arena(
            level=self.level, first=self.first, maps=self.maps, seed=self.seed, device=config.device,
            threads=threads_of(config),
        )  # fmt: skip
        names = dict.fromkeys(["random", "greedy", *([] if own is None else [own])])
        return {name: ring.play([name, *self.rivals]).of_first_seat(self.level.start_cash) for name in names}

    def compare(self, games: Mapping[str, MapGames]) -> dict[str, dict[str, Any]]:
        """Scores on the same maps with 95 % intervals; ``games`` holds at least random and greedy."""
        return {name: _player_row(played, games) for name, played in games.items()}


def _player_row(played: MapGames, games: Mapping[str, MapGames]) -> dict[str, Any]:
    mean, low, high = mean_interval(played.score)
    won = {"won": _plain(share_interval(played.won))} if played.contested else {}
    shares = {
        key: normalised(played.score, games["random"].score, games[best].score) if best in games else None
        for key, best in YARDSTICKS.items()
    }
    return {
        "mean": mean,
        "low": low,
        "high": high,
        "bankruptcies": float(played.bankrupt.mean()),
        **won,
        **{key: _plain(share) for key, share in shares.items()},
        "better_than_greedy": _plain(better(played.score, games["greedy"].score)),
        "made": {good: float(units.mean()) for good, units in played.made.items()},
        "by_map": played.score.tolist(),
    }


def _plain(interval: Interval | None) -> dict[str, float] | None:
    return None if interval is None else interval._asdict()


def _share(key: str) -> Callable[[Mapping[str, Any]], str]:
    def text(row: Mapping[str, Any]) -> str:
        return "–" if row[key] is None else interval_text(Interval(**row[key]), ".2f")

    return text


_COLUMNS: TableColumns = {
    "score": lambda row: f"{row['mean']:,.1f}",
    "95 % interval": lambda row: f"{row['low']:,.1f} … {row['high']:,.1f}",
    "bankrupt": lambda row: f"{row['bankruptcies']:.0%}",
    "normalised": _share("normalised"),
}
_SEEN: TableColumns = {"by what is seen": _share("normalised_seen")}
_WON: TableColumns = {"won": lambda row: interval_text(Interval(**row["won"]), ".0%")}


def _made(level: LevelConfig) -> TableColumns:
    """How much a player makes of goods that need refined ones: a score can do without them."""
    late = {recipe.output for recipe in level.recipes if set(recipe.inputs) & set(level.refined_goods)}
    return {f"{good} made": _units(good) for good in level.goods if good in late}


def _units(good: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda row: f"{row['made'][good]:.1f}"


def players_alone(request: EvaluationRequest, *, out: Path) -> HeldOutMaps:
    """Held-out maps for the players alone, without a run."""
    level = levels.load_level(DEFAULT_LEVEL if request.level is None else request.level)
    if request.rivals is not None:
        check_rivals(request.rivals, "--rivals")
        refuse_policies(request.rivals, "a player alone")
        level = replace(level, rivals=list(request.rivals))
    first, maps = requested_maps(request, EvaluationConfig(final_maps=DEFAULT_MAPS, map_seed=0))
    return HeldOutMaps(setup=None, level=level, first=first, maps=maps, seed=request.seed, out=out)
